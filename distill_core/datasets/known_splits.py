"""Sizes of the splits of the offline data sets, known without loading them: a form needs them before any download.

The splits are fixed by the texts themselves, so data/splits.csv holds for every machine; a test counts them again.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import lru_cache

from distill_core.settings import DATA


@dataclass(frozen=True)
class KnownSplit:
    """Texts in each split, and the most frequent class of the test split with its number of texts."""

    train: int
    validation: int
    test: int
    majority_label: str
    majority_test: int

    @property
    def majority_share(self) -> float:
        """What a model reaches that always says the most frequent class (0–1)."""
        return self.majority_test / self.test


def of(dataset: str) -> KnownSplit | None:
    """The splits of an offline data set; None for the others."""
    return _table().get(dataset)


def train_size(dataset: str) -> int | None:
    """How many training texts there are; None where only loading can tell."""
    known = of(dataset)
    return known.train if known else None


def majority_share(dataset: str) -> float | None:
    """The share of the most frequent class in the test split (0–1); None where only loading can tell."""
    known = of(dataset)
    return known.majority_share if known else None


@lru_cache(maxsize=1)
def _table() -> dict[str, KnownSplit]:
    with (DATA / "splits.csv").open(encoding="utf-8", newline="") as file:
        return {
            row["dataset"]: KnownSplit(
                int(row["train"]),
                int(row["validation"]),
                int(row["test"]),
                row["majority_label"],
                int(row["majority_test"]),
            )
            for row in csv.DictReader(file)
        }
