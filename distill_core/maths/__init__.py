"""Distributions and intervals on numpy arrays and plain numbers: no torch, no files."""
