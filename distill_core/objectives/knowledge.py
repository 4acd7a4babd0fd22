"""ERNIE's corruption: whole words, phrases and entities instead of single tokens (arXiv:1904.09223 §3.2)."""

from __future__ import annotations

from torch import Generator

from distill_core.objectives import draws
from distill_core.objectives.lexicon import Kind
from distill_core.objectives.masking import Span, budget, segment_words, take
from distill_core.objectives.vocabulary import Vocabulary


def units(ids: list[int], starts: list[int], vocabulary: Vocabulary) -> list[tuple[Span, Kind]]:
    """The row as units, from left to right: the longest phrase or entity of the lexicon at each place, else a word."""
    words = segment_words(ids, starts, vocabulary)
    last = {end: place for place, (_, end) in enumerate(words)}
    segment_ends = [*starts[1:], len(ids)]
    found: list[tuple[Span, Kind]] = []
    place = 0
    while place < len(words):
        start = words[place][0]
        limit = min(end for end in segment_ends if end > start)
        for end in range(min(limit, start + vocabulary.lexicon.longest), start, -1):
            kind = vocabulary.lexicon.units.get(tuple(ids[start:end])) if end in last else None
            if kind is not None:
                found.append(((start, end), kind))
                place = last[end] + 1
                break
        else:
            found.append((words[place], "word"))
            place += 1
    return found


def whole_units(ids: list[int], starts: list[int], vocabulary: Vocabulary, generator: Generator) -> list[Span]:
    """Units in random order until 15 % of the tokens are hidden.

    ERNIE 1.0 hides basic units, phrases and entities in three stages of one training, each with its own data; here one
    draw holds all three, since a unit is the largest that is known at its place. Its lexical tools are replaced by the
    rules of `lexicon.find`; with an empty lexicon whole words are hidden.
    """
    found = units(ids, starts, vocabulary)
    runs = [[found[place][0]] for place in draws.order(len(found), generator)]
    return take(runs, budget(len(ids), generator))
