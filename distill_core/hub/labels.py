"""What the classes of a public sentiment checkpoint mean: facts of data/finetuned.csv, checked against its config.

A wrong order turns 92 % into 8 % without any error, so an order is claimed only where it is documented.
"""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Any

from distill_core.settings import DATA

SENTIMENTS = ("negative", "positive")  # the order of GLUE SST-2: 0 = negative, 1 = positive

_DOCUMENTED = re.compile(r"0 = negative, 1 = positive", re.IGNORECASE)
_GLUE = re.compile(r"GLUE order", re.IGNORECASE)
_UNCHECKED = re.compile(r"not checked|recalled", re.IGNORECASE)
_NAMELESS = re.compile(r"(label_?)?\d+", re.IGNORECASE)
_MEANINGS = MappingProxyType({"negative": 0, "neg": 0, "n": 0, "positive": 1, "pos": 1, "p": 1})


@dataclass(frozen=True)
class Labels:
    """The classes of a checkpoint.

    `names[i]` is the name of the model's class i. `order[i]` is its index in a data set with the labels
    (negative, positive); None where that is unknown or the classes are others. `note` says where the order is from.
    """

    names: tuple[str, ...]
    order: tuple[int, int] | None = None
    note: str = ""


@dataclass(frozen=True)
class TextLabels:
    """A text-to-text checkpoint answers in words: `prefix` goes before the text, `words[i]` is class i."""

    prefix: str
    words: tuple[str, str]


# google-t5/t5-base has seen SST-2 in its pre-training too, but it is a base model here: it gets a head of its own.
_TEXT_LABELS = MappingProxyType(
    {
        "PavanNeerudu/t5-base-finetuned-sst2": TextLabels("sst2 sentence: ", SENTIMENTS),  # arXiv:1910.10683 §D.8
        "michelecafagna26/t5-base-finetuned-sst2-sentiment": TextLabels("sentiment: ", ("n", "p")),
    }
)


def text_labels(repo: str) -> TextLabels | None:
    """How a known text-to-text checkpoint is asked for a sentiment; None for all others."""
    return _TEXT_LABELS.get(repo)


def check_labels(repo: str, config: Any) -> Labels:
    """The classes that `config` (a transformers config, or config.json as a dict) names, with their order checked.

    Names that say negative and positive are believed, in either order. Names that say nothing (LABEL_0) take the
    documented order of data/finetuned.csv; for a repository that is not there the order stays unknown.
    """
    names = _names(config)
    meanings = [_MEANINGS.get(name.strip().lower()) for name in names]
    if sorted(meaning for meaning in meanings if meaning is not None) == [0, 1] and len(names) == 2:
        order = (0, 1) if meanings == [0, 1] else (1, 0)
        note = "" if order == (0, 1) else "This checkpoint counts positive first: its classes were put in order."
        return Labels(names, order, note)
    if len(names) != 2 or not all(_NAMELESS.fullmatch(name) for name in names):
        return Labels(names)
    fact = documented_order(repo)
    if fact is None:
        return Labels(names, None, f"{repo} does not say which class is positive: the order is unknown.")
    if _UNCHECKED.search(fact):
        return Labels(SENTIMENTS, (0, 1), "The order negative, positive is the expected one, not a checked one.")
    return Labels(SENTIMENTS, (0, 1), "The order negative, positive is the documented one (data/finetuned.csv).")


def dataset_order(repo: str, config: Any) -> tuple[int, int] | None:
    """For each class of the model its label in an SST-2-like set (0 negative, 1 positive); None where unknown."""
    return check_labels(repo, config).order


@lru_cache(maxsize=1)
def _facts() -> dict[str, str]:
    with (DATA / "finetuned.csv").open(encoding="utf-8", newline="") as file:
        return {row["hub_id"]: row["label_order"] for row in csv.DictReader(file)}


def documented_order(repo: str) -> str | None:
    """What data/finetuned.csv says of the classes, where it says negative first; None otherwise."""
    fact = _facts().get(repo, "")
    return fact if _DOCUMENTED.search(fact) or _GLUE.search(fact) else None


def _names(config: Any) -> tuple[str, ...]:
    table = config.get("id2label") if isinstance(config, dict) else getattr(config, "id2label", None)
    if not isinstance(table, dict) or not table:
        return ("LABEL_0", "LABEL_1")  # what transformers assumes where config.json says nothing
    return tuple(str(table[index]) for index in sorted(table, key=int))
