"""Documents → rows: whole sentences as long as they fit."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from distill_core.objectives.batch import Document, Ids, Row


def cut(document: Document, most: int) -> list[tuple[int, ...]]:
    """The sentences of a document, without empty ones; a sentence of more than `most` tokens is cut into pieces."""
    return [tuple(sentence[start : start + most]) for sentence in document for start in range(0, len(sentence), most)]


def blocks(document: Document, most: int) -> Iterator[list[tuple[int, ...]]]:
    """Runs of whole sentences with at most `most` tokens each; together they are the document."""
    block: list[tuple[int, ...]] = []
    size = 0
    for sentence in cut(document, most):
        if block and size + len(sentence) > most:
            yield block
            block, size = [], 0
        block.append(sentence)
        size += len(sentence)
    if block:
        yield block


def by_document(documents: Sequence[Document], most: int) -> list[Row]:
    """Each row holds sentences of one document; its segments are the sentences."""
    return [Row(tuple(block)) for document in documents for block in blocks(document, most)]


def full_sentences(documents: Sequence[Document], most: int) -> list[Row]:
    """Rows are filled across documents, which cost a separator each (RoBERTa, arXiv:1907.11692 §4.2, FULL-SENTENCES).

    The segments of a row are the documents in it.
    """
    rows: list[Row] = []
    segments: list[list[int]] = []
    used = 0
    for document in documents:
        fresh = True
        for sentence in cut(document, most):
            separator = int(fresh and bool(segments))
            if segments and used + separator + len(sentence) > most:
                rows.append(_row(segments))
                segments, used, separator = [], 0, 0
            if fresh or not segments:
                segments.append([])
            fresh = False
            segments[-1] += sentence
            used += separator + len(sentence)
    return [*rows, _row(segments)] if segments else rows


def _row(segments: Sequence[Ids]) -> Row:
    return Row(tuple(tuple(segment) for segment in segments))
