"""Files from package registries, pinned and checked: `shelf` has them."""
