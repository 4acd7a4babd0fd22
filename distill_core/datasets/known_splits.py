"""Sizes of the splits of the offline data sets, known without loading them: a form needs them before any download.

The splits are fixed by the texts themselves, so data/splits.csv holds for every machine; a test counts them again.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import lru_cache

from distill_core import units
from distill_core.settings import DATA

_COUNTS = ("train", "validation", "test", "majority_test", "source_texts", "neutral", "copies")


@dataclass(frozen=True)
class KnownSplit:
    """Texts in each split, and the most frequent class of the test split with its number of texts.

    Of the `source_texts` the source holds, `neutral` ones have no label and `copies` are near-copies of others: both
    are left out.
    """

    train: int
    validation: int
    test: int
    majority_label: str
    majority_test: int
    source_texts: int
    neutral: int
    copies: int

    @property
    def majority_share(self) -> float:
        """What a model reaches that always says the most frequent class (0–1)."""
        return self.majority_test / self.test

    @property
    def left_out(self) -> str:
        """What was left out, in a sentence; empty where nothing was."""
        parts = []
        if self.neutral:
            share = units.percent(self.neutral / self.source_texts)
            parts.append(f"{self.neutral:,} ({share}) because they are rated near to neutral")
        if self.copies:
            parts.append(f"{self.copies:,} because they nearly copy another one")
        return f"Left out of {self.source_texts:,} texts: {', '.join(parts)}." if parts else ""


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
                majority_label=row["majority_label"], **{name: int(row[name]) for name in _COUNTS}
            )
            for row in csv.DictReader(file)
        }
