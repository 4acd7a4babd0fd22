"""Is an own data set fit to learn from? Leakage between splits, imbalance, lengths, empty texts, conflicts, test size.

Plain pandas on the frame of a `Dataset`: nothing is loaded, nothing is changed, no model is asked.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

import pandas as pd

from distill_core import units
from distill_core.datasets import splits, twins
from distill_core.maths.intervals import half_width

IMBALANCE = 4.0  # the largest class against the smallest
FEW_WORDS = 2
FEW_TEST_TEXTS = 100
MANY_CUT = 0.05  # from this share of cut texts on it matters
_SHOWN = 3
_WORD = re.compile(r"\w+")
_PIECE = re.compile(r"\w+|[^\w\s]")
_DIGITS = re.compile(r"\d+")
_SPECIAL_TOKENS = 2  # one at each end of a text


@dataclass(frozen=True)
class Check:
    """One question to the data and its answer. `examples`: a few of the texts that it speaks of."""

    key: str
    level: Literal["good", "warning"]
    title: str
    detail: str
    examples: tuple[str, ...] = ()


def check(frame: pd.DataFrame, label_names: tuple[str, ...], max_length: int) -> list[Check]:
    """All checks of `Dataset.frame` (text, label, split), in the order of a page. `max_length` is in tokens."""
    return [
        leakage(frame),
        near_leakage(frame),
        balance(frame, label_names),
        conflicts(frame),
        near_empty(frame),
        too_long(frame, max_length),
        size_of_test(frame),
    ]


def headline(found: list[Check]) -> str:
    """The verdict on all checks in one line."""
    warnings = sum(one.level == "warning" for one in found)
    if not warnings:
        return f"Fit to learn from: all {len(found)} checks passed"
    return f"{warnings} of {len(found)} checks {'warns' if warnings == 1 else 'warn'}"


def leakage(frame: pd.DataFrame) -> Check:
    """Equal texts (case, signs and white space aside) in several splits. By construction there are none."""
    keys = frame["text"].map(twins.form)
    crossing = frame["split"].groupby(keys).nunique()
    leaked = crossing[crossing > 1]
    if leaked.empty:
        return Check(
            "leakage",
            "good",
            "No text stands in two splits",
            "Equal texts always go to the same split, so the test asks nothing that was told.",
        )
    return Check(
        "leakage",
        "warning",
        f"{_texts(len(leaked))} in two splits",
        "The test asks what the training told: the accuracy is too high.",
        _head(leaked.index),
    )


def near_leakage(frame: pd.DataFrame) -> Check:
    """Test texts that equal a training text but for case, digits and punctuation."""
    letters = frame["text"].map(lambda text: " ".join(_DIGITS.sub(" ", twins.form(text)).split()))
    known = set(letters[(frame["split"] == splits.TRAIN) & (letters != "")])
    near = frame[(frame["split"] == splits.TEST) & letters.isin(known)]
    if near.empty:
        return Check(
            "near_leakage",
            "good",
            "No test text is a near copy",
            "None equals a training text but for digits and punctuation.",
        )
    return Check(
        "near_leakage",
        "warning",
        f"{_texts(len(near))} of the test nearly copied",
        "They equal a training text but for digits and punctuation. Remove one of each pair.",
        _head(near["text"]),
    )


def balance(frame: pd.DataFrame, label_names: tuple[str, ...]) -> Check:
    """The largest class against the smallest one."""
    counts = frame["label"].value_counts()
    largest, smallest = label_names[int(counts.index[0])], label_names[int(counts.index[-1])]
    ratio = counts.iloc[0] / counts.iloc[-1]
    share = units.percent(counts.iloc[0] / counts.sum())
    always = f"Always saying “{largest}” is right on {share}: compare with that."
    if ratio <= IMBALANCE:
        return Check("balance", "good", "The classes are balanced well enough", always)
    title = f"“{largest}” is {units.significant(ratio, 2)} times as frequent as “{smallest}”"
    return Check("balance", "warning", title, always)


def conflicts(frame: pd.DataFrame) -> Check:
    """Equal texts with different labels."""
    keys = frame["text"].map(twins.form)
    labels = frame["label"].groupby(keys).nunique()
    torn = labels[labels > 1]
    if torn.empty:
        return Check("conflicts", "good", "No text has two labels", "Equal texts agree on their label.")
    return Check(
        "conflicts",
        "warning",
        f"{_texts(len(torn))} with two labels",
        "No model can be right on both. Decide on one label each.",
        _head(torn.index),
    )


def near_empty(frame: pd.DataFrame) -> Check:
    """Texts of fewer than two words."""
    short = frame[frame["text"].map(lambda text: len(_WORD.findall(text))) < FEW_WORDS]
    if short.empty:
        return Check("near_empty", "good", "Every text has words", f"None has fewer than {FEW_WORDS} words.")
    return Check(
        "near_empty",
        "warning",
        f"{_texts(len(short))} of fewer than {FEW_WORDS} words",
        "There is little to learn from them.",
        _head(short["text"]),
    )


def too_long(frame: pd.DataFrame, max_length: int) -> Check:
    """Texts that are cut for certain: words and signs are counted, and a tokenizer never makes fewer tokens of them."""
    tokens = frame["text"].map(lambda text: len(_PIECE.findall(text)) + _SPECIAL_TOKENS)
    cut = int((tokens > max_length).sum())
    if not cut:
        return Check(
            "too_long",
            "good",
            f"The texts fit into {max_length:,} tokens",
            "Counted in words and signs; rare words take more tokens than one.",
        )
    share = units.percent(cut / len(frame))
    level: Literal["good", "warning"] = "warning" if cut >= MANY_CUT * len(frame) else "good"
    return Check(
        "too_long",
        level,
        f"{_texts(cut)} longer than {max_length:,} tokens ({share})",
        "What stands behind is never read. Raise “Tokens a text” if the end matters.",
    )


def size_of_test(frame: pd.DataFrame) -> Check:
    """How well the test split can tell two models apart."""
    n = int((frame["split"] == splits.TEST).sum())
    half = half_width(0.8, n)
    points = units.MISSING if half is None else units.significant(100 * half, 2)
    detail = f"An accuracy near 80 % is known to ± {points} points. Smaller differences are noise."
    level: Literal["good", "warning"] = "warning" if n < FEW_TEST_TEXTS else "good"
    return Check("test_size", level, f"{n:,} test texts", detail)


def balance_frame(frame: pd.DataFrame, label_names: tuple[str, ...]) -> pd.DataFrame:
    """One row a class: label, its texts in each split, and its share of all (0–1)."""
    named = frame["label"].map(dict(enumerate(label_names)))
    table = pd.crosstab(named, frame["split"]).reindex(index=list(label_names), columns=list(splits.SPLITS))
    table = table.fillna(0).astype("int64")
    table["share"] = table.sum(axis=1) / len(frame)
    return table.rename_axis(index="label", columns=None).reset_index()


def _texts(count: int) -> str:
    return "1 text" if count == 1 else f"{count:,} texts"


def _head(texts: pd.Index | pd.Series) -> tuple[str, ...]:
    return tuple(str(text) for text in list(texts)[:_SHOWN])
