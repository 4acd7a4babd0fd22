"""What a model is asked: each task is logits (positions, choices) and targets (positions,) with an ignored value."""
