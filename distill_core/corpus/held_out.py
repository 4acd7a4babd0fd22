"""No validation or test text may stand in a corpus: a model that has read it would be asked what it has been told."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from functools import cached_property

from distill_core.corpus import sentence_rules
from distill_core.datasets import catalogue, splits
from distill_core.errors import AssetError

RATED = ("movies", "amazon", "nyt", "tweets")
CHECKED = (*RATED, "topics")
CONTAINED_WORDS = (
    4  # a shorter text ("i love it") says nothing about where a sentence comes from: equality alone counts
)
NEAR = 0.5

Words = tuple[str, ...]
_WORD = re.compile(r"[^\W_]+")


def words(text: str) -> Words:
    """Letters and digits alone, case folded: texts that differ in their signs and spaces are the same text."""
    return tuple(_WORD.findall(splits.normalize(text)))


class HeldOut:
    """The validation and test texts, ready to be found in other texts."""

    def __init__(self, texts: Iterable[str]) -> None:
        self._texts = tuple(texts)
        self._equal = {words(text) or (splits.normalize(text),) for text in self._texts}
        self._by_start: dict[Words, list[Words]] = {}
        for text in self._texts:
            whole = {words(text), *map(words, sentence_rules.split(sentence_rules.clean(text)))}
            for inner in whole:
                if len(inner) >= CONTAINED_WORDS:
                    self._by_start.setdefault(inner[:CONTAINED_WORDS], []).append(inner)

    def __len__(self) -> int:
        return len(self._texts)

    def is_in(self, text: str, own: Words | None = None) -> bool:
        """Whether the text equals a held-out text, or contains one or a whole sentence of one.

        Equal after `splits.normalize` and without signs; contained from CONTAINED_WORDS words on, at word borders.
        """
        own = words(text) if own is None else own
        if (own or (splits.normalize(text),)) in self._equal:
            return True
        return any(
            own[at : at + len(inner)] == inner
            for at in range(len(own) - CONTAINED_WORDS + 1)
            for inner in self._by_start.get(own[at : at + CONTAINED_WORDS], ())
        )

    def is_near(self, text: str) -> bool:
        """Whether half of the text's sequences of three words stand in one held-out text."""
        own = _triples(words(text))
        shared = Counter(place for triple in own for place in self._places.get(triple, ()))
        return bool(shared) and max(shared.values()) >= NEAR * len(own)

    @cached_property
    def _places(self) -> dict[Words, list[int]]:
        places: dict[Words, list[int]] = {}
        for place, text in enumerate(self._texts):
            for triple in _triples(words(text)):
                places.setdefault(triple, []).append(place)
        return places


def _triples(own: Words) -> set[Words]:
    return {own[at : at + 3] for at in range(len(own) - 2)}


def load() -> tuple[HeldOut, tuple[str, ...]]:
    """The held-out texts of the offline data sets, and the names of those that they come from.

    The rated ones must be there: without them nothing could be promised. Raises AssetError.
    """
    texts: list[str] = []
    checked = []
    for name in CHECKED:
        try:
            frame = catalogue.load(name).frame
        except AssetError:
            if name in RATED:
                raise
            continue
        texts += frame.loc[frame["split"] != splits.TRAIN, "text"].tolist()
        checked.append(name)
    return HeldOut(texts), tuple(checked)
