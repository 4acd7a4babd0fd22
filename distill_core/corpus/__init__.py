"""English text for small pre-training, by recipe from package registries: `library` has it."""
