"""Texts → batches of token ids: tokenized once, bucketed by length, padded to the longest text of the batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Self

import torch
from torch import Generator, Tensor

from distill_core.errors import ModelError
from distill_core.families import Family

IGNORED = -100  # a target that asks nothing, as transformers and torch have it
BUCKET_BATCHES = 32  # batches that are sorted by length together: larger pads less, smaller mixes more


ASKED = "asked"  # the name of the marks of the tokens about which something is asked


@dataclass(frozen=True)
class PerToken:
    """A number beside each token of each text: token types, the number of its word, … `padding` stands beside padding;
    what is `for_model` is an input of the network, under its name."""

    values: tuple[Tensor, ...]
    padding: int = 0
    for_model: bool = False


@dataclass(frozen=True)
class Batch:
    """Some texts as a model reads them, and what is asked about them.

    `inputs` are the model's arguments, (batch, seq) each; `targets` the right answers, (positions,) on the CPU, IGNORED
    where none is known; `counts` how many positions each text has. `places` marks the tokens that are asked, bool
    (batch, seq); None where the question is one about the whole text.
    """

    inputs: dict[str, Tensor]
    targets: Tensor
    counts: tuple[int, ...]
    places: Tensor | None = None

    def by_text(self, answers: Tensor) -> tuple[Tensor, ...]:
        """Answers at all positions, (positions, …), as those of each text."""
        found: tuple[Tensor, ...] = torch.split(answers, list(self.counts))
        return found


@dataclass(frozen=True)
class Encoded:
    """Token ids of many texts, unpadded, with what is needed to pad them, and what is asked about them.

    `beside` holds numbers of each token by their name. `targets` are the right answers of each text, one a position;
    None where none is known, and then the question is one about the whole text. `cut` marks the texts that were longer
    than allowed; None where the tokenizer does not tell.
    """

    ids: tuple[Tensor, ...]
    pad_id: int
    padding_side: str
    beside: Mapping[str, PerToken] = field(default_factory=dict)
    targets: tuple[Tensor, ...] | None = None
    cut: tuple[bool, ...] | None = None

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def lengths(self) -> list[int]:
        return [len(ids) for ids in self.ids]

    @property
    def cut_share(self) -> float | None:
        """The share (0–1) of the texts that were cut; None for no texts, and where the tokenizer does not tell."""
        return sum(self.cut) / len(self.cut) if self.cut else None

    @property
    def n_known(self) -> int:
        """How many positions have an answer that is known."""
        return sum(int((targets != IGNORED).sum()) for targets in self.targets or ())

    def part(self, rows: slice) -> Self:
        """These texts alone."""
        beside = {name: replace(numbers, values=numbers.values[rows]) for name, numbers in self.beside.items()}
        targets = None if self.targets is None else self.targets[rows]
        cut = None if self.cut is None else self.cut[rows]
        return replace(self, ids=self.ids[rows], beside=beside, targets=targets, cut=cut)

    def answered(self, labels: Tensor) -> Self:
        """With one right answer a text. Shape: (texts,)."""
        return replace(self, targets=tuple(labels.unsqueeze(-1)))

    def answered_first(self, n: int) -> Self:
        """With the answers of the first `n` texts alone."""
        if self.targets is None:
            return self
        hidden = (torch.full_like(targets, IGNORED) for targets in self.targets[n:])
        return replace(self, targets=(*self.targets[:n], *hidden))

    @property
    def token_ids(self) -> tuple[int, ...] | None:
        """Every token id that a batch may hold, ascending; None where any token may come."""
        return tuple(torch.unique(torch.cat([*self.ids, torch.tensor([self.pad_id])])).tolist())

    def batch(self, indices: Sequence[int], device: torch.device | str = "cpu") -> dict[str, Tensor]:
        """The texts at these indices, padded: what the model reads. Shapes: (batch, longest) each."""
        ids = [self.ids[index] for index in indices]
        found = {
            "input_ids": self._pad(ids, self.pad_id),
            "attention_mask": self._pad([torch.ones_like(row) for row in ids], 0),
        }
        for name, numbers in self.beside.items():
            if numbers.for_model:
                found[name] = self.padded(name, indices)
        return {name: tensor.to(device) for name, tensor in found.items()}

    def padded(self, name: str, indices: Sequence[int]) -> Tensor:
        """What stands beside the tokens of these texts under this name. Shape: (batch, longest)."""
        numbers = self.beside[name]
        return self._pad([numbers.values[index] for index in indices], numbers.padding)

    def ask(
        self, indices: Sequence[int], device: torch.device | str = "cpu", generator: Generator | None = None
    ) -> Batch:
        """The texts at these indices with their questions. `generator` is for questions that are drawn."""
        places = self.padded(ASKED, indices).bool().to(device) if ASKED in self.beside else None
        unknown = torch.tensor([IGNORED])
        targets = [unknown if self.targets is None else self.targets[index] for index in indices]
        return Batch(self.batch(indices, device), torch.cat(targets), tuple(map(len, targets)), places)

    def _pad(self, rows: Sequence[Tensor], padding: int) -> Tensor:
        longest = max(len(row) for row in rows)
        padded = torch.full((len(rows), longest), padding, dtype=torch.long)
        for position, row in enumerate(rows):
            place = slice(0, len(row)) if self.padding_side == "right" else slice(longest - len(row), longest)
            padded[position, place] = row
        return padded


def encode(tokenizer: object, texts: Sequence[str], max_length: int, family: Family) -> Encoded:
    """Tokenize once. A mark of the tokenizer that somebody wrote into a text, as [SEP] or </s>, is dropped.

    Raises ModelError when the model has fewer positions than `max_length`.
    """
    check_length(max_length, family)
    rows, cut = (
        _rows(tokenizer, list(texts), max_length) if texts else ([], None)
    )  # transformers fails on an empty list
    pad = tokenizer.pad_token_id  # type: ignore[attr-defined]
    # A family without special tokens (GPT) turns an empty text into no token at all: give it one.
    ids = tuple(torch.tensor(row or [pad], dtype=torch.long) for row in rows)
    return Encoded(ids, pad, family.padding_side, cut=cut)


def _rows(tokenizer: Any, texts: list[str], max_length: int) -> tuple[list[list[int]], tuple[bool, ...] | None]:
    """Token ids with the special tokens that frame a text, and none inside; and which texts were cut, where known.

    Tokenizers read "</s>" in a text as the end of one, unigram pieces even where it is spelled otherwise. T5 and BART
    then refuse a batch, since they read the state at the last </s>; the others answer about half of the text.
    """
    found = tokenizer(
        texts, truncation=True, max_length=max_length, add_special_tokens=True, return_special_tokens_mask=True
    )
    marks = set(tokenizer.all_special_ids) - {tokenizer.unk_token_id}  # words without a piece stay
    cut = tuple(bool(one.overflowing) for one in found.encodings) if found.encodings else None
    rows = [
        [token for token, is_framing in zip(row, framing, strict=True) if is_framing or token not in marks]
        for row, framing in zip(found["input_ids"], found["special_tokens_mask"], strict=True)
    ]
    return rows, cut


def check_length(tokens: int, family: Family) -> None:
    """Raises ModelError when the family has no positions for so many tokens."""
    if family.max_positions is not None and tokens > family.max_positions:
        raise ModelError(
            f"{family.title} has {family.max_positions} positions, got a length of {tokens}.",
            f"Choose at most {family.max_positions} tokens.",
        )


def bucketed_batches(lengths: Sequence[int], batch_size: int, seed: int, epoch: int) -> list[list[int]]:
    """Indices of one epoch's batches: shuffled, then sorted by length within buckets, batches in random order.

    The same (seed, epoch) gives the same batches on every device and after every resume.
    """
    generator = torch.Generator().manual_seed(seed * 100_003 + epoch)
    order = torch.randperm(len(lengths), generator=generator).tolist()
    bucket = batch_size * BUCKET_BATCHES
    batches: list[list[int]] = []
    for start in range(0, len(order), bucket):
        chunk = sorted(order[start : start + bucket], key=lambda index: lengths[index])
        batches += [chunk[i : i + batch_size] for i in range(0, len(chunk), batch_size)]
    mixed = torch.randperm(len(batches), generator=generator).tolist()
    return [batches[index] for index in mixed]


def sorted_batches(lengths: Sequence[int], batch_size: int) -> list[list[int]]:
    """Indices for evaluation: sorted by length, so that padding costs least."""
    order = sorted(range(len(lengths)), key=lambda index: lengths[index])
    return [order[i : i + batch_size] for i in range(0, len(order), batch_size)]
