"""What a network has learned, asked with labels that it never learned from: a linear classifier on its frozen states.

The same texts, labels and classifier for every family and every lesson, so that their accuracies can be compared. It
asks what can be read off linearly after mean pooling; fine-tuning may bring out more.
"""

from __future__ import annotations

from collections.abc import Callable

import torch

from distill_core.data_ref import NONE
from distill_core.datasets import catalogue
from distill_core.datasets.dataset import Dataset
from distill_core.errors import AssetError
from distill_core.jobs.features import FrozenFeatures
from distill_core.machine.devices import Device
from distill_core.measure import bag_of_words, evaluate
from distill_core.models.loading import LoadedModel
from distill_core.results import Accuracy
from distill_core.specs import PretrainSpec

LABELS = 1000  # labeled texts that the classifier learns from, at most


def load(spec: PretrainSpec) -> Dataset | None:
    """The data set; None where none is wanted, and where it is not here and cannot be fetched."""
    if spec.probe_dataset == NONE:
        return None
    try:
        return catalogue.load(spec.probe_dataset)
    except AssetError:
        return None


def n_labels(dataset: Dataset | None) -> int | None:
    """Labeled texts that the classifier learns from."""
    return None if dataset is None else min(LABELS, dataset.train_size)


def accuracy(
    loaded: LoadedModel, dataset: Dataset | None, max_length: int, device: Device, check: Callable[[], None]
) -> Accuracy | None:
    """Share of right answers on the test texts; None without a data set or test texts."""
    if dataset is None or dataset.split("test").empty:
        return None
    features = FrozenFeatures(loaded, max_length, device, check)
    train, test = dataset.sample_train(LABELS, 0, clamp=True), dataset.split("test")
    probe = bag_of_words.linear_probe().fit(features.of(train["text"].tolist()), train["label"].tolist())
    said = bag_of_words.logits(probe, features.of(test["text"].tolist()), len(dataset.label_names))
    return evaluate.accuracy(said, torch.tensor(test["label"].tolist()))
