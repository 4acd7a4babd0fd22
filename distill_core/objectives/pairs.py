"""Documents → pairs of segments: does the second follow the first (BERT), or are they swapped (ALBERT)?"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from typing import NamedTuple

from torch import Generator

from distill_core.objectives import draws
from distill_core.objectives.batch import Document, Row
from distill_core.objectives.vocabulary import Vocabulary

AS_WRITTEN, CHANGED = 0, 1  # transformers' labels: 1 is a random second segment (BERT) or a swapped pair (ALBERT)


class _Text(NamedTuple):
    """A document as one run of tokens, and where its sentences end."""

    ids: tuple[int, ...]
    ends: tuple[int, ...]

    def block_end(self, start: int, most: int) -> int:
        """Where the whole sentences behind `start` end that fit into `most` tokens; within one that is longer."""
        place = bisect_right(self.ends, start + most)
        return self.ends[place - 1] if place and self.ends[place - 1] > start else start + most

    def cuts(self, start: int, end: int) -> list[int]:
        """Where one sentence ends and the next begins, between two places."""
        return [cut for cut in self.ends if start < cut < end]

    def middle(self, start: int, end: int, vocabulary: Vocabulary, generator: Generator) -> int:
        """Where to cut a block in two: between sentences, else at a word, else anywhere; `end` for a single token."""
        words = [start + place for place in vocabulary.word_starts(self.ids[start:end])[1:]]
        for places in (self.cuts(start, end), words, range(start + 1, end)):
            if places:
                return places[draws.below(len(places), generator)]
        return end


def _texts(documents: Sequence[Document]) -> list[_Text]:
    flat = [tuple(token for sentence in document for token in sentence) for document in documents]
    return [
        _Text(ids, tuple(accumulate(map(len, document)))) for ids, document in zip(flat, documents, strict=True) if ids
    ]


def next_sentence(documents: Sequence[Document], most: int, vocabulary: Vocabulary, generator: Generator) -> list[Row]:
    """Pairs for next sentence prediction: half of the second segments come from another document.

    BERT, arXiv:1810.04805 §3.1 and §A.2. A segment is a run of sentences. Behind a random second segment reading goes
    on after the first, as in the paper's code, so that no text is lost. Departures: a single sentence is cut in two at
    a word where its next shall follow (the code then always takes a random one, which makes it more than half), and a
    batch of one document has no random ones.
    """
    texts, rows = _texts(documents), []
    for own, text in enumerate(texts):
        start = 0
        while start < len(text.ids):
            end = text.block_end(start, most)
            random = len(texts) > 1 and draws.uniform(generator) < 0.5
            alone = random and end - start <= most // 2 and not text.cuts(start, end)
            cut = end if alone else text.middle(start, end, vocabulary, generator)
            first, second = text.ids[start:cut], text.ids[cut:end]
            if random:
                other = texts[(own + 1 + draws.below(len(texts) - 1, generator)) % len(texts)]
                rows.append(Row((first, _excerpt(other, most - len(first), generator)), CHANGED))
                start = cut
            else:
                rows.append(Row((first, second), AS_WRITTEN) if second else Row((first,)))
                start = end
    return rows


def _excerpt(text: _Text, most: int, generator: Generator) -> tuple[int, ...]:
    """Whole sentences from a random one on, at most `most` tokens."""
    starts = [start for start in (0, *text.ends) if start < len(text.ids)]
    start = starts[draws.below(len(starts), generator)]
    return text.ids[start : text.block_end(start, most)]


def sentence_order(documents: Sequence[Document], most: int, vocabulary: Vocabulary, generator: Generator) -> list[Row]:
    """Pairs for sentence-order prediction: half of the pairs of neighbors are swapped (ALBERT, arXiv:1909.11942 §3.1).

    The segments stay in the order in which they were written; the label tells which are to be swapped.
    """
    rows = []
    for text in _texts(documents):
        start = 0
        while start < len(text.ids):
            end = text.block_end(start, most)
            cut = text.middle(start, end, vocabulary, generator)
            pair = (text.ids[start:cut], text.ids[cut:end])
            label = CHANGED if draws.uniform(generator) < 0.5 else AS_WRITTEN
            rows.append(Row(pair, label) if pair[1] else Row(pair[:1]))
            start = end
    return rows
