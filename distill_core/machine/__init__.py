"""This machine: its devices, its processes, its matrix products. The only room that asks what hardware is there."""
