"""What the code of a task gives: a head, texts with questions, the answers at the asked positions, and their scores."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import pandas as pd
import torch
from torch import Tensor
from transformers import PretrainedConfig, PreTrainedModel

from distill_core.datasets.dataset import Dataset
from distill_core.errors import DataError
from distill_core.maths import intervals
from distill_core.model_ref import Ref
from distill_core.models.asking import Asking
from distill_core.models.loading import LoadedModel
from distill_core.models.tokens import IGNORED, Encoded
from distill_core.results import Score
from distill_core.runs.store import RunStore
from distill_core.tasks.facts import TaskFacts

VALIDATION_TEXTS = 300  # for the live curve; the reported scores are the test split's


class Task(Asking, Protocol):
    """One task. What a new one does as most do, it inherits: how a model is asked, too."""

    facts: TaskFacts

    # ── the model ────────────────────────────────────────────────────────────────────────────────────────────────

    def teacher(self, ref: Ref, dataset: Dataset, store: RunStore) -> LoadedModel:
        """A model with this task's head that can teach this data set. Raises SpecError or ModelError for another."""
        ...

    def learner(self, ref: Ref, dataset: Dataset, store: RunStore) -> LoadedModel:
        """A model that will learn this data set: its head is fresh where it has none that fits."""
        ...

    def head(self, config: PretrainedConfig) -> PreTrainedModel:
        """A network of this config with the task's head and random weights."""
        ...

    # ── the questions ────────────────────────────────────────────────────────────────────────────────────────────

    def encode(self, loaded: LoadedModel, frame: pd.DataFrame, max_length: int) -> Encoded:
        """The rows of a data set as texts with what is asked about them."""
        ...

    def probe(self, loaded: LoadedModel, frame: pd.DataFrame, max_length: int) -> Encoded:
        """The same, to measure on: the same questions whenever and of whomever they are asked."""
        return self.encode(loaded, frame, max_length)

    def test_rows(self, dataset: Dataset, limit: int) -> pd.DataFrame:
        """The test split; with `limit` a fixed sample that is the same for every model. Raises DataError for none."""
        return _some(dataset, limit)

    def validation_rows(self, dataset: Dataset) -> pd.DataFrame:
        """A part of the validation split, for the curve that moves while a model trains; it may be empty."""
        frame = dataset.split("validation")  # files may be sorted by label
        return frame.sample(min(len(frame), VALIDATION_TEXTS), random_state=0)

    # ── the scores ───────────────────────────────────────────────────────────────────────────────────────────────

    def scores(self, logits: Tensor, targets: Tensor) -> tuple[Score, ...]:
        """The task's metrics, in the order of its facts; none where no answer is known."""
        known = targets != IGNORED
        return accuracy(logits[known], targets[known])


def accuracy(logits: Tensor, targets: Tensor) -> tuple[Score, ...]:
    """The share of right answers with its Wilson interval. Shapes: (positions, choices), (positions,)."""
    n, right = len(targets), int((logits.argmax(-1) == targets).sum())
    interval = intervals.wilson(right, n)
    if interval is None:
        return ()
    return (Score(metric="accuracy", value=right / n, low=interval[0], high=interval[1], n=n),)


def _some(dataset: Dataset, limit: int) -> pd.DataFrame:
    frame = dataset.split("test")
    if 0 < limit < len(frame):
        frame = frame.sample(limit, random_state=0).sort_index()
    if frame.empty:
        raise DataError(f"{dataset.name} has no test texts.", "Give more rows: one in ten is kept for the test.")
    return frame


def labels_of(frame: pd.DataFrame) -> Tensor:
    """The labels of these rows. Shape: (rows,)."""
    return torch.tensor(frame["label"].to_numpy(copy=True))


def texts_of(frame: pd.DataFrame) -> Sequence[str]:
    """The texts of these rows."""
    texts: list[str] = frame["text"].tolist()
    return texts
