"""How runs start: a queue of processes on this machine, or at once in this process."""
