"""What a pre-training by an objective reads: passages of all sources in equal shares, and as much as its budget allows.

The passages that are kept back to measure the loss are the same for every family and seed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence

from distill_core.corpus.types import Corpus, Sentences
from distill_core.objectives.batch import Document
from distill_core.objectives.packing import blocks

PASSAGE = 12  # sentences of a long document that are read in one place
HELD_OUT_WORDS = 12_000
_AT_ONCE = 256  # passages that are tokenized together
_KEPT_BACK = "held out"
Encode = Callable[[list[str]], list[list[int]]]


def split(text: Corpus, seed: int) -> tuple[list[Sentences], list[Sentences]]:
    """The passages to measure on, at most a tenth of the corpus, and those to read, in an order that the seed fixes."""
    most = min(HELD_OUT_WORDS, text.words // 10)
    kept: list[Sentences] = []
    words = 0
    for passage in mixed(text, _KEPT_BACK):
        if words >= most and kept:
            break
        kept.append(passage)
        words += _words(passage)
    taken = set(kept)
    return kept, [passage for passage in mixed(text, str(seed)) if passage not in taken]


def mixed(text: Corpus, seed: str) -> list[Sentences]:
    """All passages. The source that has given fewest words so far comes next, so that a small one gives all it has and
    the largest does not set the tone."""
    ordered = {source.name for source in text.sources if source.ordered}
    pools: dict[str, list[Sentences]] = {}
    for name, document in zip(text.source_of, text.documents, strict=True):
        size = PASSAGE if name in ordered else len(document)
        pools.setdefault(name, []).extend(document[at : at + size] for at in range(0, len(document), size))
    waiting = {name: _shuffled(pool, f"{seed}:{name}") for name, pool in pools.items()}
    given = dict.fromkeys(waiting, 0)
    found = []
    while waiting:
        name = min(waiting, key=given.__getitem__)
        found.append(waiting[name].pop())
        given[name] += _words(found[-1])
        if not waiting[name]:
            del waiting[name]
    return found


def _shuffled(passages: list[Sentences], seed: str) -> list[Sentences]:
    """By the hash of seed and text: the same on every machine."""
    return sorted(passages, key=lambda one: hashlib.blake2b(f"{seed}:{' '.join(one)}".encode(), digest_size=8).digest())


def _words(passage: Sentences) -> int:
    return sum(len(sentence.split()) for sentence in passage)


def documents(
    passages: Sequence[Sentences], encode: Encode, most: int, *, tokens: int | None = None, sentences: int = 0
) -> list[Document]:
    """Runs of whole sentences of at most `most` tokens each, until `tokens` are together (None: all of them).

    `sentences` limits how many sentences they come from; 0 means all.
    """
    found: list[Document] = []
    n_tokens = n_sentences = 0
    for passage in _encoded(passages, encode):
        enough = tokens is not None and n_tokens >= tokens
        if enough or (sentences and n_sentences >= sentences):
            break
        n_sentences += len(passage)
        for block in blocks(passage, most):
            found.append(block)
            n_tokens += length(block)
    return found


def _encoded(passages: Sequence[Sentences], encode: Encode) -> Iterator[Document]:
    for start in range(0, len(passages), _AT_ONCE):
        some = passages[start : start + _AT_ONCE]
        rows = iter(encode([sentence for passage in some for sentence in passage]))
        for passage in some:
            yield [next(rows) for _ in passage]


def length(document: Document) -> int:
    """Tokens of a document."""
    return sum(map(len, document))
