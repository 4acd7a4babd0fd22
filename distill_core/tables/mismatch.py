"""Where a foreign domain hurts: test texts that a model from home gets right and a model from elsewhere gets wrong.

Read from domain_predictions.parquet: domain, text, label, "<name>: logit 0", …, with the names of `transfer_cells`. Of
several seeds and sizes the first seed of the largest size is shown: two models, not an average that nobody trained.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from distill_core.errors import RunError
from distill_core.maths import distributions
from distill_core.maths.distributions import Array
from distill_core.plans import transfer_cells
from distill_core.runs.run import Run
from distill_core.specs import FinetuneSpec
from distill_core.tables import predictions as tables_predictions
from distill_core.tables.predictions import LABEL, TEXT, Version

Truths = NDArray[np.bool_]
DOMAIN = "domain"
COLUMNS = ("text", "label", "home_share", "foreign_says", "foreign_share")
SLICE_COLUMNS = ("slice", "texts", "home", "foreign", "lost_points")
MIN_TEXTS = 10  # a slice with fewer texts says nothing
MOST_WORDS = 9
LENGTHS = 3
_WORD = re.compile(r"https?|[@#](?=\w)|(?<![@#/\w])[^\W\d_][\w'’]+")  # an address, a name, a tag: its mark alone


@dataclass(frozen=True)
class Pair:
    """A cell of the matrix away from home: both models are tested on `test`, the foreign one learned from `train`."""

    train: str
    test: str


@dataclass(frozen=True)
class Counts:
    """Test texts by who is right: both models, only the one from home, only the foreign one, none."""

    both: int
    only_home: int
    only_foreign: int
    none: int


@dataclass(frozen=True)
class _Answers:
    """What both models say about the texts of one domain. Shapes: (texts,), (texts,), (texts, classes) each."""

    texts: list[str]
    labels: NDArray[np.int64]
    home: Array
    foreign: Array

    @property
    def right(self) -> tuple[Truths, Truths]:
        """Whether home and foreign are right."""
        return np.equal(self.home.argmax(-1), self.labels), np.equal(self.foreign.argmax(-1), self.labels)


def pairs(run: Run, arm: str) -> list[Pair]:
    """The cells away from home whose answers the run has kept for this arm, with those of the model from home.

    Raises:
        RunError: the run has kept no answers for its domains, or the file is damaged.
    """
    spec, frame = run.spec_as(FinetuneSpec), _frame(run)
    if spec is None:
        return []
    there = set(tables_predictions.arms(frame))
    known = [ref.key for ref in spec.domains if _name(spec, arm, ref.key) in there]
    return [Pair(train, test) for train in known for test in known if train != test]


def counts(run: Run, arm: str, pair: Pair) -> Counts:
    """How many texts each of the two models gets right. Raises RunError."""
    home, foreign = _answers(run, arm, pair).right
    return Counts(*(int(part.sum()) for part in (home & foreign, home & ~foreign, ~home & foreign, ~home & ~foreign)))


def texts_frame(run: Run, arm: str, pair: Pair) -> pd.DataFrame:
    """One row a test text that the model from home gets right and the foreign one wrong (COLUMNS).

    `home_share` and `foreign_share` are the shares (0–1) that the two give to the right label; the texts on which they
    differ most stand first. Texts are from outside: show them as text alone. Raises RunError.
    """
    found = _answers(run, arm, pair)
    right, names = found.right, tables_predictions.class_names(run, found.home.shape[-1])
    rows, labels = np.arange(len(found.labels)), found.labels
    frame = pd.DataFrame(
        {
            "text": found.texts,
            "label": [names[code] for code in labels],
            "home_share": distributions.softmax(found.home)[rows, labels],
            "foreign_says": [names[code] for code in found.foreign.argmax(-1)],
            "foreign_share": distributions.softmax(found.foreign)[rows, labels],
        }
    )
    frame = frame[right[0] & ~right[1]]
    frame = frame.assign(gap=frame["home_share"] - frame["foreign_share"]).sort_values(
        "gap", ascending=False, kind="stable"
    )
    kinds = {name: "Float64" if name.endswith("_share") else "string" for name in COLUMNS}
    return frame[list(COLUMNS)].astype(kinds).reset_index(drop=True)


# ── slices ───────────────────────────────────────────────────────────────────────────────────────────────────────


def lengths_frame(run: Run, arm: str, pair: Pair) -> pd.DataFrame:
    """Accuracy of both models on short, middling and long texts, about as many of each (SLICE_COLUMNS). RunError."""
    found = _answers(run, arm, pair)
    words = np.array([len(text.split()) for text in found.texts])
    edges = np.quantile(words, [place / LENGTHS for place in range(1, LENGTHS)])
    place = np.searchsorted(edges, words)  # texts of the same length stay together
    parts = []
    for inside in (place == which for which in range(LENGTHS) if (place == which).any()):
        low, high = words[inside].min(), words[inside].max()
        parts.append(_slice(f"{low} to {high} words" if low < high else f"{low} words", inside, found))
    return _typed(parts)


def words_frame(run: Run, arm: str, pair: Pair) -> pd.DataFrame:
    """Accuracy of both models on the texts that hold a word (SLICE_COLUMNS). RunError.

    Only words of MIN_TEXTS texts or more that lose more than the domain as a whole; those with most texts lost beyond
    that stand first.
    """
    found = _answers(run, arm, pair)
    held = [set(_WORD.findall(text.lower())) for text in found.texts]
    counted = Counter(word for words in held for word in words)
    home, foreign = found.right
    whole = float(home.mean() - foreign.mean())
    parts = []
    for word in sorted(word for word, n in counted.items() if n >= MIN_TEXTS):
        inside = np.array([word in words for words in held], dtype=bool)
        row = _slice(word, inside, found)
        if float(home[inside].mean() - foreign[inside].mean()) > whole:
            parts.append(row)
    frame = _typed(parts)
    lost = (frame["lost_points"] - 100 * whole) * frame["texts"]
    return frame.loc[lost.sort_values(ascending=False, kind="stable").index].head(MOST_WORDS).reset_index(drop=True)


def _slice(name: str, inside: Truths, found: _Answers) -> dict[str, object]:
    home, foreign = (float(right[inside].mean()) for right in found.right)
    return {
        "slice": name,
        "texts": int(inside.sum()),
        "home": home,
        "foreign": foreign,
        "lost_points": 100 * (home - foreign),
    }


def _typed(parts: list[dict[str, object]]) -> pd.DataFrame:
    kinds = {"slice": "string", "texts": "Int64", "home": "Float64", "foreign": "Float64", "lost_points": "Float64"}
    return pd.DataFrame(parts, columns=list(SLICE_COLUMNS)).astype(kinds)


# ── the file ─────────────────────────────────────────────────────────────────────────────────────────────────────


def _name(spec: FinetuneSpec, arm: str, domain: str) -> str:
    return transfer_cells.cell(spec, arm, spec.seed, domain, max(spec.train_examples)).key


def _answers(run: Run, arm: str, pair: Pair) -> _Answers:
    spec, frame = run.spec_as(FinetuneSpec), _frame(run)
    if spec is None:
        raise RunError(f"The run {run.id} is no fine-tuning.", "Choose a run of the Transfer lab.")
    rows = frame[frame[DOMAIN] == pair.test]
    home, foreign = (tables_predictions.logits(rows, _name(spec, arm, name)) for name in (pair.test, pair.train))
    tested = np.flatnonzero(~np.isnan(home).any(-1) & ~np.isnan(foreign).any(-1))
    if not len(tested):
        raise RunError(f"{pair.train} → {pair.test} is not tested yet.", "It appears when the cell is done.")
    labels = rows[LABEL].to_numpy(dtype=np.int64)[tested]
    return _Answers(rows[TEXT].iloc[tested].tolist(), labels, home[tested], foreign[tested])


def _frame(run: Run) -> pd.DataFrame:
    return _read(run.path, tables_predictions.version(run.domain_predictions_file))


@lru_cache(maxsize=8)
def _read(path: Path, _: Version) -> pd.DataFrame:
    run = Run(path)
    frame = tables_predictions.checked(run, run.domain_predictions_file)
    if not {DOMAIN, TEXT} <= set(frame.columns):
        raise RunError(f"The predictions of run {run.id} tell no domain.", "Delete the run and train again.")
    return frame.assign(text=frame[TEXT].astype("str"))
