"""Runs and facts → DataFrames, and the sentences that are computed from them."""
