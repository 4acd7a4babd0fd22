"""Masked language modeling: hide some tokens, and let the network say them (BERT, RoBERTa, ALBERT, ERNIE)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import NamedTuple

import torch
from torch import Generator, Tensor, nn

from distill_core.models.gaps import SHARE, bare, hide, only_at
from distill_core.objectives import draws, packing, pairs
from distill_core.objectives.batch import (
    IGNORED,
    Corrupted,
    Document,
    Objective,
    Row,
    TeacherStates,
    gap_loss,
    pad,
    room,
    some,
)
from distill_core.objectives.vocabulary import Vocabulary
from distill_core.training.losses import Loss

NGRAM = 3  # words of the longest n-gram that ALBERT hides (arXiv:1909.11942 §4.1)
Span = tuple[int, int]
# ids, where the segments start, vocabulary, generator → the tokens to hide, as (start, end)
Choose = Callable[[list[int], list[int], Vocabulary, Generator], list[Span]]


# ── which tokens ─────────────────────────────────────────────────────────────────────────────────────────────────


def budget(n: int, generator: Generator, share: float = SHARE) -> int:
    """How many of `n` tokens to hide: the share, rounded at random, and at least one, as in BERT's code."""
    return min(n, max(1, draws.rounded(share * n, generator)))


def single_tokens(ids: list[int], starts: list[int], vocabulary: Vocabulary, generator: Generator) -> list[Span]:
    """Tokens, whatever word they belong to (BERT, arXiv:1810.04805 §3.1)."""
    chosen = draws.order(len(ids), generator)[: budget(len(ids), generator)]
    return [(place, place + 1) for place in sorted(chosen)]


def ngrams(ids: list[int], starts: list[int], vocabulary: Vocabulary, generator: Generator) -> list[Span]:
    """Runs of one to three complete words (ALBERT, arXiv:1909.11942 §4.1):

        p(n) = (1 / n) / Σ_{k=1}^{N} (1 / k),   N = 3

    so that 6/11 are single words, 3/11 pairs, 2/11 triples. As in ALBERT's code, one that no longer fits into the 15 %
    is shortened. A run stays within its segment.
    """
    words = segment_words(ids, starts, vocabulary)
    weights = torch.tensor([1 / n for n in range(1, NGRAM + 1)])
    lengths = (torch.multinomial(weights, len(words), replacement=True, generator=generator) + 1).tolist()
    runs = []
    for place, n in zip(draws.order(len(words), generator), lengths, strict=True):
        run = words[place : place + n]
        runs.append([word for word in run if not any(run[0][0] < start <= word[0] for start in starts)])
    return take(runs, budget(len(ids), generator))


def segment_words(ids: list[int], starts: list[int], vocabulary: Vocabulary) -> list[Span]:
    """The words of a row; none reaches from one segment into the next."""
    ends = [*starts[1:], len(ids)]
    return [
        (start + first, start + last)
        for start, end in zip(starts, ends, strict=True)
        for first, last in vocabulary.words(ids[start:end])
    ]


def take(runs: Sequence[list[Span]], most: int) -> list[Span]:
    """Runs of words, in this order, as long as they fit into `most` tokens and do not overlap; at least one word.

    A run that does not fit loses words at its end. Where not even one word fits, the shortest is taken.
    """
    taken: list[Span] = []
    left, used = most, set[int]()
    for run in runs:
        if not left:
            break
        fitting = next((run[:n] for n in range(len(run), 0, -1) if run[n - 1][1] - run[0][0] <= left), None)
        if fitting is None or used & set(range(fitting[0][0], fitting[-1][1])):
            continue
        span = (fitting[0][0], fitting[-1][1])
        used |= set(range(*span))
        left -= span[1] - span[0]
        taken.append(span)
    shortest = min((run[0] for run in runs), key=lambda word: word[1] - word[0])
    return sorted(taken) or [shortest]


# ── rows → tensors ───────────────────────────────────────────────────────────────────────────────────────────────


class Laid(NamedTuple):
    """Rows with their special tokens. Shapes: (batch, seq) each. `text` is True for tokens of the text."""

    input_ids: Tensor
    attention_mask: Tensor
    token_type_ids: Tensor
    text: Tensor


def lay_out(rows: Sequence[Row], vocabulary: Vocabulary) -> Laid:
    """[CLS] first segment [SEP] second segment [SEP], padded on the right; a swapped pair is written as such."""
    first, last = vocabulary.special("first"), vocabulary.special("last")
    ids, types, text = [], [], []
    for row in rows:
        line, kind, real = [first], [0], [False]
        for place, segment in enumerate(row.segments):
            line += [*segment, last]
            kind += [place] * (len(segment) + 1)
            real += [True] * len(segment) + [False]
        ids.append(line)
        types.append(kind)
        text.append(real)
    mask = pad([[1] * len(line) for line in ids], 0)
    return Laid(pad(ids, vocabulary.pad), mask, pad(types, 0), pad(text, False))


def chosen_tokens(
    rows: Sequence[Row], laid: Laid, choose: Choose, vocabulary: Vocabulary, generator: Generator
) -> Tensor:
    """True for the tokens that shall be hidden. Shape: (batch, seq)."""
    chosen = torch.zeros_like(laid.text)
    for number, row in enumerate(rows):
        places = torch.nonzero(laid.text[number]).flatten()
        starts = [0, *accumulate(map(len, row.segments))][:-1]
        for start, end in choose(row.ids, starts, vocabulary, generator):
            chosen[number, places[start:end]] = True
    return chosen


def unmasked(corrupted: Corrupted, vocabulary: Vocabulary) -> list[list[int]]:
    """The text of each row: what the labels say where something is hidden, the input elsewhere."""
    labels, seen = corrupted.targets["labels"], corrupted.inputs["input_ids"]
    ids = torch.where(labels != IGNORED, labels, seen)
    special = {vocabulary.first, vocabulary.last}
    rows = []
    for line, mask in zip(ids.tolist(), corrupted.inputs["attention_mask"].tolist(), strict=True):
        rows.append([token for token, real in zip(line, mask, strict=True) if real and token not in special])
    return rows


# ── the objective ────────────────────────────────────────────────────────────────────────────────────────────────

# The argument of transformers for the label of a pair, and the field of the output with its logits.
_PAIRS = {"next": ("next_sentence_label", "seq_relationship_logits"), "order": ("sentence_order_label", "sop_logits")}


# Where the head over the vocabulary begins.
_HEADS = {"bert": "cls.predictions", "roberta": "lm_head", "albert": "predictions", "ernie": "cls.predictions"}


@dataclass(frozen=True)
class MaskedModeling(Objective):
    """Masked language modeling, alone or together with a question about a pair of segments.

        L = −1/|M| Σ_{i ∈ M} log p(x_i | corrupted x)  [ − log p(label of the pair) ]

    `choose` says which tokens are hidden; each call draws them anew (dynamic masking, RoBERTa, arXiv:1907.11692 §4.1).
    `pair` is "next" for BERT's next sentence prediction, "order" for ALBERT's sentence order, None for neither: then
    rows are filled across documents.
    """

    choose: Choose = single_tokens
    pair: str | None = None
    types: bool = True  # RoBERTa and DistilBERT know no token types

    def pack(
        self, documents: Sequence[Document], vocabulary: Vocabulary, max_length: int, generator: Generator
    ) -> tuple[Row, ...]:
        """Documents → rows that leave room for the special tokens."""
        if self.pair is None:
            return some(packing.full_sentences(documents, room(max_length, 2)))
        cut = pairs.next_sentence if self.pair == "next" else pairs.sentence_order
        return some(cut(documents, room(max_length, 3, least=2), vocabulary, generator))

    def corrupt(
        self, documents: Sequence[Document], vocabulary: Vocabulary, max_length: int, generator: Generator
    ) -> Corrupted:
        """Hide 15 % of the tokens of each row. See `Objective.corrupt`."""
        rows = self.pack(documents, vocabulary, max_length, generator)
        shown = [self._as_shown(row) for row in rows]
        laid = lay_out(shown, vocabulary)
        chosen = chosen_tokens(shown, laid, self.choose, vocabulary, generator)
        masked = hide(laid.input_ids, chosen, vocabulary.special("mask"), vocabulary.size, generator)
        inputs = {"input_ids": masked.input_ids, "attention_mask": laid.attention_mask}
        if self.types:
            inputs["token_type_ids"] = laid.token_type_ids if self.pair else torch.zeros_like(laid.token_type_ids)
        targets = {"labels": masked.labels}
        if self.pair is not None:
            targets[_PAIRS[self.pair][0]] = torch.tensor([row.label for row in rows])
        return Corrupted(inputs, targets, rows, n_signal=int(chosen.sum()))

    def _as_shown(self, row: Row) -> Row:
        swapped = self.pair == "order" and row.label == pairs.CHANGED
        return row._replace(segments=row.segments[::-1]) if swapped else row

    def loss(self, module: nn.Module, corrupted: Corrupted, teacher_states: TeacherStates | None = None) -> Loss:
        """Cross-entropy at the hidden tokens, plus that of the pairs. Nats."""
        labels = corrupted.targets["labels"]
        gaps = labels != IGNORED
        with only_at(bare(module).get_submodule(_HEADS[self.key]), gaps):
            out = module(**corrupted.inputs)
        logits = out.logits if self.pair is None else out.prediction_logits  # (gaps, vocab)
        parts = {"masked": gap_loss(logits, labels[gaps])}
        if self.pair is not None:
            argument, field = _PAIRS[self.pair]
            parts["pair"] = gap_loss(out[field], corrupted.targets[argument])
        return Loss(torch.stack(list(parts.values())).sum(), parts)

    def restore(self, corrupted: Corrupted, vocabulary: Vocabulary) -> list[list[int]]:
        """Put the hidden tokens back, and swapped segments into their order."""
        rows = unmasked(corrupted, vocabulary)
        if self.pair != "order":
            return rows
        restored = []
        for number, (ids, label) in enumerate(
            zip(rows, corrupted.targets["sentence_order_label"].tolist(), strict=True)
        ):
            types, mask = (corrupted.inputs[name][number] for name in ("token_type_ids", "attention_mask"))
            cut = int(((types == 0) & mask.bool()).sum()) - 2  # [CLS] and the first [SEP] are no text
            restored.append(ids[cut:] + ids[:cut] if label == pairs.CHANGED else ids)
        return restored
