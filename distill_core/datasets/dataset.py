"""A data set: what is known of it without loading, and its labeled texts with their splits and stratified samples."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

import pandas as pd

from distill_core.datasets import splits
from distill_core.errors import DataError


@dataclass(frozen=True)
class DatasetInfo:
    """What is known without loading. `reader` names what makes texts of its files (READERS of `prepare.py`), `asset` a
    row of data/assets.toml, `hub` a data set on the Hub. `task` is the key of what its texts ask (`tasks/facts.py`)."""

    name: str
    title: str
    domain: str
    label_names: tuple[str, ...]
    license: str
    source: str
    rows: int
    reader: str
    asset: str = ""
    file: str = ""
    by_parent: bool = False
    hub: str = ""
    hub_files: Mapping[str, str] = field(default_factory=dict)
    text_field: str = "text"
    caution: str = ""
    task: str = "classification"

    @property
    def needs_hub(self) -> bool:
        return bool(self.hub)


@dataclass(frozen=True)
class Description:
    """What a page shows. `balance`: split, label, rows, share. `examples`: label, text (training texts)."""

    rows: dict[str, int]
    balance: pd.DataFrame
    words_p50: int
    words_p95: int
    words_max: int
    majority_share: float
    examples: pd.DataFrame


@dataclass(frozen=True)
class Dataset:
    """Labeled texts. `frame`: id (str, unique), text (str), label (int, index into label_names), split.

    `commit` is the Hub's revision or the sha256 of the archive or file: the provenance of every number made from it.
    `task` is the key of what its texts ask (`tasks/facts.py`).
    """

    name: str
    title: str
    frame: pd.DataFrame
    label_names: tuple[str, ...]
    source: str
    license: str
    notes: tuple[str, ...] = ()
    commit: str = ""
    task: str = "classification"

    @property
    def train_size(self) -> int:
        """How many training texts there are: the most that `sample_train` can give."""
        return int((self.frame["split"] == splits.TRAIN).sum())

    @property
    def fingerprint(self) -> str:
        """Sixteen hex digits that are others where any text, label or split is another."""
        digest = hashlib.sha256(repr(self.label_names).encode("utf-8", "replace"))
        digest.update(self.frame.to_csv(index=False).encode("utf-8", "replace"))
        return digest.hexdigest()[:16]

    def split(self, name: str) -> pd.DataFrame:
        """The rows of train, validation or test, numbered from 0. Raises DataError for another name."""
        if name not in splits.SPLITS:
            raise DataError(f"Unknown split {name!r}.", f"Known: {', '.join(splits.SPLITS)}.")
        return self.frame[self.frame["split"] == name].reset_index(drop=True)

    def sample_train(self, n: int, seed: int, *, clamp: bool = False) -> pd.DataFrame:
        """`n` training texts (0: all) in the classes' proportions, each class at least once where n allows it.

        The first 200 of 1,000 are the sample of 200 with that seed. Raises DataError when there are fewer than n,
        unless `clamp` asks for all of them in that case.
        """
        train = self.split(splits.TRAIN)
        if n < 0 or (n > len(train) and not clamp):
            raise DataError(
                f"{n:,} training texts were asked for, but {self.title} has {len(train):,}.",
                f"Ask for 2 to {len(train):,}.",
            )
        drawn = [hashlib.sha256(f"{seed}:{row}".encode()).digest() for row in train["id"]]
        train = train.assign(_drawn=drawn).sort_values("_drawn", kind="stable")
        by_label = train.groupby("label")["text"]
        rank, size = by_label.cumcount(), by_label.transform("size")
        # a class of k texts has places 0, 1.5/k, 2.5/k, …: any head of the list is stratified
        train["_place"] = ((rank + 0.5) / size).where(rank > 0, 0.0)
        ordered = train.sort_values(["_place", "_drawn"], kind="stable").drop(columns=["_drawn", "_place"])
        return ordered.head(n or len(train)).reset_index(drop=True)

    def describe(self, examples_per_label: int = 2) -> Description:
        """Rows, class balance, lengths in words, and a few training texts of each class."""
        named = self.frame.assign(label=[self.label_names[label] for label in self.frame["label"]])
        balance = named.groupby(["split", "label"], as_index=False).size().rename(columns={"size": "rows"})
        balance["share"] = balance["rows"] / balance.groupby("split")["rows"].transform("sum")
        words = self.frame["text"].map(lambda text: len(text.split()))
        train = named[named["split"] == splits.TRAIN]
        return Description(
            rows={name: int((named["split"] == name).sum()) for name in splits.SPLITS},
            balance=balance,
            words_p50=int(words.quantile(0.5)),
            words_p95=int(words.quantile(0.95)),
            words_max=int(words.max()),
            majority_share=float(balance.loc[balance["split"] == splits.TEST, "share"].max()),
            examples=train.groupby("label").head(examples_per_label)[["label", "text"]].reset_index(drop=True),
        )
