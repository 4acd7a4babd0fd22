"""What a corpus is: documents of sentences, each from one source."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from distill_core.errors import DataError

Sentences = tuple[str, ...]


@dataclass(frozen=True)
class SourceText:
    """One source as it stands in a corpus. `rated`: the texts of a data set; `ordered`: neighbors follow each other."""

    name: str
    title: str
    license: str
    ordered: bool
    rated: bool
    documents: int
    sentences: int
    words: int


@dataclass(frozen=True)
class Corpus:
    """English text, cleaned, without repetitions and without any validation or test text of the offline data sets.

    `documents[i]` is a tuple of sentences in their order and comes from the source named `source_of[i]`; `notes` says
    what was left out and why; `digest` is the sha256 of the text: two corpora with one digest are equal.
    """

    sources: tuple[SourceText, ...]
    documents: tuple[Sentences, ...]
    source_of: Sentences
    notes: tuple[str, ...]
    digest: str

    @property
    def titles(self) -> dict[str, str]:
        return {source.name: source.title for source in self.sources}

    @property
    def licenses(self) -> dict[str, str]:
        return {source.name: source.license for source in self.sources}

    @property
    def words(self) -> int:
        return sum(source.words for source in self.sources)

    def __len__(self) -> int:
        """The number of sentences."""
        return sum(source.sentences for source in self.sources)

    def sentences(self, n: int = 0, seed: int = 0) -> list[str]:
        """A mixed sample of `n` sentences (0: all), in a random order that the seed fixes.

        The rated texts are always in, for they are what the models will meet; the other sources share the rest evenly,
        a small one giving all it has, so that the largest does not set the tone. Raises DataError when there are
        fewer than n.
        """
        if not 0 <= n <= len(self):
            raise DataError(
                f"{n:,} sentences were asked for, but the corpus has {len(self):,}.",
                f"Ask for 1 to {len(self):,}, or 0 for all of them.",
            )
        wanted = self._shares(n or len(self))
        pools: dict[str, list[str]] = {name: [] for name in wanted}
        for name, document in zip(self.source_of, self.documents, strict=True):
            pools[name] += document
        drawn = [text for name, pool in pools.items() for text in _shuffled(pool, f"{seed}:{name}")[: wanted[name]]]
        return _shuffled(drawn, str(seed))

    def _shares(self, n: int) -> dict[str, int]:
        """How many of n sentences each source gives: first the rated ones, then equal parts of what is left."""
        shares: dict[str, int] = {}
        for rated in (True, False):
            group = sorted((s for s in self.sources if s.rated == rated), key=lambda s: (s.sentences, s.name))
            for place, source in enumerate(group):
                shares[source.name] = min(source.sentences, (n - sum(shares.values())) // (len(group) - place))
        return shares

    def passages(self, at_least: int = 2) -> Iterator[Sentences]:
        """The documents, in order, in which one sentence follows the other as in the original.

        For objectives that ask about neighbors: next sentence, sentence order, permuted sentences. A sentence that was
        left out leaves no mark, so now and then two neighbors were not next to each other.
        """
        ordered = {source.name for source in self.sources if source.ordered}
        for name, document in zip(self.source_of, self.documents, strict=True):
            if name in ordered and len(document) >= at_least:
                yield document


def _shuffled(texts: list[str], seed: str) -> list[str]:
    """The texts by the hash of seed and text: the same on every machine and in every version of Python."""
    return sorted(texts, key=lambda text: hashlib.blake2b(f"{seed}:{text}".encode(), digest_size=8).digest())


def text_digest(source_of: Iterable[str], documents: Iterable[Sentences]) -> str:
    """The sha256 over all sources and sentences in their order."""
    whole = hashlib.sha256()
    for name, document in zip(source_of, documents, strict=True):
        whole.update("\n".join((name, *document, "", "")).encode())
    return whole.hexdigest()
