"""Predictions made by hand for tests: five classes, logits in which the second guess can be seen."""

from __future__ import annotations

import numpy as np
import pandas as pd
import sample_training

from distill_core.results import FinetuneResult
from distill_core.runs.run import Run
from distill_core.runs.store import RunStore

TOPICS = ("business", "entertainment", "politics", "sports", "tech")
N = 30
TEXTS = tuple(f"Story {row} about {TOPICS[row % 5]}." for row in range(N))
LABELS = tuple(row % 5 for row in range(N))


def logits(seed: int = 0, sure: float = 5.0) -> np.ndarray:
    """Right on most rows; every sixth row is wrong. Shape: (N, 5)."""
    values = np.random.default_rng(seed).normal(0, 1, (N, 5))
    for row, label in enumerate(LABELS):
        values[row, label if row % 6 else (label + 1) % 5] += sure
    return values


def keep(run: Run, said: dict[str, np.ndarray], *, texts: bool = True) -> pd.DataFrame:
    """Write predictions.parquet for these arms."""
    frame = pd.DataFrame({"text": list(TEXTS) if texts else [None] * N, "label": list(LABELS)})
    for arm, values in said.items():
        for label in range(values.shape[1]):
            frame[f"{arm}: logit {label}"] = values[:, label].astype("float32")
    frame.to_parquet(run.predictions_file, index=False)
    return frame


def topics_teacher(store: RunStore, **options: bool) -> Run:
    """A fine-tuning on five topics with its predictions."""
    run = sample_training.finetune_run(store, dataset="topics")
    result = run.result()
    assert isinstance(result, FinetuneResult)
    run.set_result(result.model_copy(update={"label_names": TOPICS}))
    keep(run, {"pretrained": logits()}, **options)
    return run


def topics_students(store: RunStore, teacher: Run) -> Run:
    """A distillation of that teacher with two students."""
    students = (sample_training.student("distilled"), sample_training.student("scratch", 0.7))
    run = sample_training.distill_run(store, f"run:{teacher.id}", students=students, dataset="topics")
    result = run.result()
    assert result is not None
    run.set_result(result.model_copy(update={"label_names": TOPICS, "dataset": "topics"}))
    keep(run, {"teacher": logits(), "distilled": logits(1, 2.0), "scratch": logits(2, 1.0)})
    return run
