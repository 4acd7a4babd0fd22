"""Twins: texts that a reader takes for the same one. One normal form says which, wherever texts are compared.

A model that has learned from one twin is told the other one's answer, so no test text may have a twin in the training
texts. Long texts are nearly copied too, with a sentence more or less.
"""

from __future__ import annotations

import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from functools import lru_cache

from distill_core.datasets.splits import SPLITS

WINDOW = 5  # words in a row, by which long texts are compared
COPIED = 0.8  # of the shorter text's windows


def form(text: str) -> str:
    """The text in one normal form: compatible characters joined (NFKC), case folded, without invisible characters;
    signs and white space are one space. Letters, accents, digits and pictures (emoji) stay.

    A text of signs alone keeps its signs.
    """
    plain = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    words = " ".join("".join(map(_folded, plain)).split())
    return words or " ".join(plain.split())


@lru_cache(maxsize=8192)
def _folded(char: str) -> str:
    """The character as it counts: itself, a space for a sign, nothing for what cannot be seen."""
    kind = unicodedata.category(char)
    if kind == "Cf" or "\ufe00" <= char <= "\ufe0f":  # formatting, and the choice between text and picture
        return ""
    return char if kind[0] in "LMN" or kind == "So" else " "


def held_back(texts: Sequence[str], split: Sequence[str], *, long: bool = False) -> list[bool]:
    """Which texts have a twin in a later split (train, validation, test): without them no twins stand in two splits,
    and the test is as it was. For `long` texts also those that are copied nearly whole."""
    ranks = [SPLITS.index(name) for name in split]
    forms = list(map(form, texts))
    latest: dict[str, int] = {}
    for key, rank in zip(forms, ranks, strict=True):
        latest[key] = max(latest.get(key, 0), rank)
    held = [rank < latest[key] for key, rank in zip(forms, ranks, strict=True)]
    return [one or other for one, other in zip(held, _copied(forms, ranks), strict=True)] if long else held


def told(test: Iterable[str], train: Iterable[str]) -> int:
    """How many test texts have a twin among the training texts."""
    known = set(map(form, train))
    return sum(form(text) in known for text in test)


def _copied(forms: Sequence[str], ranks: Sequence[int]) -> list[bool]:
    """Which texts stand nearly whole in one of a higher rank, or it in them: the shorter one's windows of WINDOW words
    are the other's too, COPIED of them. A text without such a window is no copy."""
    windows = [_windows(text) for text in forms]
    holders: dict[tuple[str, ...], list[int]] = defaultdict(list)
    for place, own in enumerate(windows):
        for window in own if ranks[place] else ():
            holders[window].append(place)
    found = []
    for own, rank in zip(windows, ranks, strict=True):
        shared = Counter(other for window in own for other in holders.get(window, ()) if ranks[other] > rank)
        found.append(any(n >= COPIED * min(len(own), len(windows[other])) for other, n in shared.items()))
    return found


def _windows(text: str) -> set[tuple[str, ...]]:
    words = text.split()
    return {tuple(words[at : at + WINDOW]) for at in range(len(words) - WINDOW + 1)}
