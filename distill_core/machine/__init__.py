"""This machine: its devices, its processes, its matrix products. What a run may use of it."""
