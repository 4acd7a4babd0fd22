"""Texts with labels, by name: `catalogue` lists and loads them."""
