"""A run is a directory: `run` owns its files, `store` all of them."""
