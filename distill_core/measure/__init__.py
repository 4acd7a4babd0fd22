"""What is measured of a model: speed, memory, accuracy, agreement, representations; and what it must beat."""
