"""The only training loop (`loop`), its losses, the distillation step, the cache of teacher outputs, checkpoints."""
