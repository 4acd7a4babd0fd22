"""How runs start: a queue of processes on this machine, jobs of a Ray cluster, or at once in this process."""
