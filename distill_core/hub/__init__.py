"""The Hugging Face Hub: checkpoints and data sets at a recorded commit, checked, with deadlines that hold.

names      what is asked for, where it is kept, which names are allowed
records    which commit this installation works with
snapshots  what is on this disk first, then the Hub
process    the worker process and its deadlines
worker     that process: transfer (resolve, download, check) and failures (sentences)
labels     what the classes of public sentiment checkpoints mean

Only safetensors, configs and tokenizers are fetched; no code of a repository ever is.
"""

from distill_core.hub.labels import Labels, TextLabels, check_labels, dataset_order, text_labels
from distill_core.hub.snapshots import HubSnapshot, available, fetch, fetch_dataset

__all__ = [
    "HubSnapshot",
    "Labels",
    "TextLabels",
    "available",
    "check_labels",
    "dataset_order",
    "fetch",
    "fetch_dataset",
    "text_labels",
]
