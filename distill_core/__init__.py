"""The core of Distill Lab: everything the pages and the command line show is computed here."""

__version__ = "0.1.0"
