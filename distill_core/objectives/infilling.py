"""Text infilling and sentence permutation: rebuild a damaged document, token by token (BART)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Generator, nn

from distill_core.objectives import draws, packing
from distill_core.objectives.batch import (
    IGNORED,
    Corrupted,
    Document,
    Objective,
    TeacherStates,
    gap_loss,
    pad,
    room,
    some,
)
from distill_core.objectives.masking import Span
from distill_core.objectives.vocabulary import Vocabulary
from distill_core.training.losses import Loss

SHARE = 0.30  # of the tokens (arXiv:1910.13461 §5.1)
MEAN_SPAN = 3.0  # λ of the Poisson distribution (§2.2)
# Lengths are drawn until they reach the share, so that the last one overshoots: by E[X²] / 2E[X] − 1/2 on average.
OVERSHOOT = (MEAN_SPAN**2 + MEAN_SPAN) / (2 * MEAN_SPAN) - 0.5


def draw_lengths(n: int, generator: Generator) -> list[int]:
    """Lengths of the spans to hide among `n` tokens: Poisson(3), together 30 % of the tokens, at least one token.

    The expected overshoot is taken off before, which keeps both the share and the mean length (Wald's identity); the
    paper's code cuts the last span instead, and comes out below 3. A span that is longer than what is left is
    cut.
    """
    lengths: list[int] = []
    wanted = max(1, draws.rounded(SHARE * n - OVERSHOOT, generator))
    while sum(lengths) < wanted:
        drawn = int(torch.poisson(torch.tensor(MEAN_SPAN), generator=generator))
        lengths.append(min(drawn, n - sum(lengths)))
    return lengths


def draw_spans(n: int, generator: Generator) -> list[Span]:
    """Spans to hide, from left to right; (i, i) is a span of length 0 before token i.

    Each arrangement of kept tokens and spans is equally likely.
    """
    lengths = draw_lengths(n, generator)
    kept = n - sum(lengths)
    turns = sorted(draws.order(kept + len(lengths), generator)[: len(lengths)])
    spans, hidden = [], 0
    for number, (turn, length) in enumerate(zip(turns, lengths, strict=True)):
        start = turn - number + hidden  # kept tokens so far, and hidden ones
        spans.append((start, start + length))
        hidden += length
    return spans


def infill(ids: Sequence[int], spans: Sequence[Span], mask: int) -> list[int]:
    """The tokens with one mask for each span. A span of length 0 puts a mask where nothing is missing."""
    line: list[int] = []
    start = 0
    for first, last in spans:
        line += [*ids[start:first], mask]
        start = last
    return [*line, *ids[start:]]


@dataclass(frozen=True)
class Infilling(Objective):
    """The whole document (BART, arXiv:1910.13461 §2.2 and §5.1):  L = −1/n Σ_t log p(x_t | x_{<t}, damaged x)

    First the sentences change places at random, then 30 % of the tokens are hidden in spans of Poisson(3) length, one
    mask each. The decoder writes everything, also what it may copy. A span hides tokens here; the code counts words.
    """

    def corrupt(
        self, documents: Sequence[Document], vocabulary: Vocabulary, max_length: int, generator: Generator
    ) -> Corrupted:
        """Damaged rows, and the rows as they were. See `Objective.corrupt`."""
        first, last, mask = (vocabulary.special(name) for name in ("first", "last", "mask"))
        rows = some(packing.by_document(documents, room(max_length, 2)))
        seen, wanted = [], []
        for row in rows:
            ids = [token for place in draws.order(len(row.segments), generator) for token in row.segments[place]]
            damaged = infill(ids, draw_spans(len(ids), generator), mask)
            seen.append([first, *damaged[: max_length - 2], last])  # many spans of length 0 could lengthen a row
            wanted.append([first, *row.ids, last])
        decoder = [[last, *target[:-1]] for target in wanted]
        inputs = {
            "input_ids": pad(seen, vocabulary.pad),
            "attention_mask": pad([[1] * len(line) for line in seen], 0),
            "decoder_input_ids": pad(decoder, vocabulary.pad),
        }
        n_tokens = sum(len(row.ids) for row in rows)
        return Corrupted(inputs, {"labels": pad(wanted, IGNORED)}, rows, n_signal=n_tokens)

    def loss(self, module: nn.Module, corrupted: Corrupted, teacher_states: TeacherStates | None = None) -> Loss:
        """Mean cross-entropy of the whole document, its special tokens included. Nats."""
        total = gap_loss(module(**corrupted.inputs).logits, corrupted.targets["labels"])
        return Loss(total, {"denoising": total})

    def restore(self, corrupted: Corrupted, vocabulary: Vocabulary) -> list[list[int]]:
        """The targets without their special tokens."""
        special = {IGNORED, vocabulary.first, vocabulary.last}
        return [[token for token in line if token not in special] for line in corrupted.targets["labels"].tolist()]
