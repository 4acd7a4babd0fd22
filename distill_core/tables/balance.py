"""How even the classes of the test texts are, and which share of each class a model finds.

Where 95 of 100 texts are ham, a model that always says ham is right on 95 %: an accuracy means something beside that
share alone. Recall of a class = texts of it that the model finds / texts of it; balanced accuracy = the mean of the
recalls, 1 / classes for a model that has one answer for all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from distill_core import units
from distill_core.errors import RunError
from distill_core.runs.run import Run
from distill_core.tables import predictions as tables_predictions

UNEVEN = 1.5  # the most frequent class has so many times the texts of the rarest one
COLUMNS = ("majority_label", "balanced_accuracy", "recalls", "majority")
MEASURES = ("balanced_accuracy", "majority")
Recalls = Mapping[str, float]


@dataclass(frozen=True)
class Balance:
    """How many test texts each class has, where it has any, and the recall of each class by the arm's name in
    predictions.parquet."""

    counts: Mapping[str, int]
    by_arm: Mapping[str, Recalls]


def columns_of(counts: Mapping[str, int] | None, recalls: Recalls | None) -> dict[str, Any]:
    """COLUMNS of one model: the most frequent class and its share (0–1); where classes are uneven also the mean of the
    recalls, and `ham 100 %, spam 0 %`."""
    if not counts:
        return {}
    majority = max(counts, key=counts.__getitem__)
    found = {"majority_label": majority, "majority": counts[majority] / sum(counts.values())}
    if not recalls or max(counts.values()) < UNEVEN * min(counts.values()):
        return found
    words = ", ".join(f"{name} {units.percent(share)}" for name, share in recalls.items())
    return {**found, "balanced_accuracy": float(np.mean(list(recalls.values()))), "recalls": words}


def counted(labels: NDArray[Any], names: Sequence[str]) -> dict[str, int]:
    """Texts of each class that stands among the labels (texts,)."""
    return {name: int(n) for name, n in zip(names, np.bincount(labels, minlength=len(names)), strict=True) if n}


def recalled(answers: NDArray[Any], labels: NDArray[Any], names: Sequence[str]) -> dict[str, float]:
    """The recall of each class that stands among the labels. Shapes: (texts,), (texts,)."""
    right = np.bincount(labels[answers == labels], minlength=len(names))
    found = dict(zip(names, right, strict=True))
    return {name: float(found[name] / n) for name, n in counted(labels, names).items()}


def of(run: Run) -> Balance | None:
    """What the run's predictions tell; None without them, and for several data sets."""
    return _of(run.path, tables_predictions.version(run.predictions_file))


def columns(run: Run, arm: str) -> dict[str, Any]:
    """COLUMNS of this arm's row; empty without predictions."""
    found = of(run)
    return columns_of(found.counts, found.by_arm.get(arm)) if found is not None else {}


def sentence(frame: pd.DataFrame) -> str:
    """`Always ham: right on 95 % of 60 test texts.` Empty where the frame does not know it."""
    known = frame.dropna(subset=["majority", "n_eval"]) if "majority_label" in frame else frame.head(0)
    if known.empty:
        return ""
    row = known.iloc[0]
    share = units.percent(row["majority"], 3)
    return f"Always {row['majority_label']}: right on {share} of {int(row['n_eval']):,} test texts."


@lru_cache(maxsize=32)
def _of(path: Path, _: tables_predictions.Version) -> Balance | None:
    run = Run(path)
    try:
        frame = tables_predictions.logits_of(run)
    except RunError:
        return None
    arms = tables_predictions.arms(frame)
    labels = frame[tables_predictions.LABEL].to_numpy(dtype=int)
    said = {arm: tables_predictions.logits(frame, arm) for arm in arms}
    names = tables_predictions.class_names(run, said[arms[0]].shape[1])
    by_arm = {arm: recalled(logits.argmax(-1), labels, names) for arm, logits in said.items()}
    return Balance(counted(labels, names), MappingProxyType(by_arm))
