"""The command line: `python -m distill_core`. Scripts rely on its JSON shapes and exit codes."""
