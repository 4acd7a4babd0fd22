"""Accuracy of a model on a data set, where the model knows its classes; else a sentence that says why there is none."""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence

import torch

from distill_core.data_ref import NONE
from distill_core.datasets import catalogue
from distill_core.datasets.dataset import Dataset
from distill_core.machine.devices import Device
from distill_core.measure import evaluate
from distill_core.models.loading import LoadedModel
from distill_core.results import ClassAccuracy
from distill_core.specs import CompareSpec, DistillSpec, FinetuneSpec
from distill_core.tables import balance
from distill_core.tasks.base import labels_of
from distill_core.tasks.classification import TASK as CLASSIFICATION
from distill_core.tasks.classification import class_columns


def load_dataset(spec: CompareSpec | FinetuneSpec | DistillSpec) -> Dataset | None:
    """The data set of a spec; None for "none". Raises DataError, AssetError."""
    return None if spec.dataset == NONE else catalogue.load(spec.dataset)


def test_texts(dataset: Dataset, limit: int) -> tuple[list[str], torch.Tensor]:
    """Texts and labels of the test split; with `limit` a fixed sample that is the same for every model."""
    frame = CLASSIFICATION.test_rows(dataset, limit)
    return frame["text"].tolist(), labels_of(frame)


def of_model(
    loaded: LoadedModel, dataset: Dataset | None, limit: int, device: Device
) -> tuple[ClassAccuracy | None, str]:
    """The accuracy on the test split, or None and the reason."""
    if dataset is None:
        return None, "No data set was chosen."
    if loaded.weights == "random":
        return None, "Random weights: size and speed are real, accuracy is not claimed."
    if loaded.label_names is None:
        return None, "No classification head: fine-tune it first."
    columns = class_columns(loaded, dataset)
    if columns is None:
        return None, f"It tells other classes apart: {', '.join(loaded.label_names)}."
    texts, labels = test_texts(dataset, limit)
    logits = evaluate.predict(loaded.model, loaded.encode(texts, loaded.reads()), device)
    answers, right = logits[:, columns].argmax(-1).numpy(), labels.numpy()
    found = ClassAccuracy(
        **evaluate.accuracy(logits[:, columns], labels).model_dump(),
        answered=len(set(answers.tolist())),
        class_counts=balance.counted(right, dataset.label_names),
        recalls=balance.recalled(answers, right, dataset.label_names),
    )
    return found, f"Test split of {dataset.title}."


def sample_texts(dataset: Dataset | None) -> list[str]:
    """Some texts to time the tokenizer with; none without a data set."""
    return [] if dataset is None else [str(text) for text in dataset.split("test")["text"].head(2000)]


def tokenize_ms(loaded: LoadedModel, texts: Sequence[str], batch_size: int, seq_len: int) -> float | None:
    """Median milliseconds to tokenize one batch of real texts; None without a tokenizer or without texts."""
    if loaded.tokenizer is None or not texts:
        return None
    batch = [texts[index % len(texts)] for index in range(batch_size)]
    seconds = []
    for _ in range(20):
        start = time.perf_counter()
        loaded.encode(batch, seq_len)
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds) * 1000
