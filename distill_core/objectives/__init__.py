"""The pre-training objectives of the ten families: `table` has them."""
