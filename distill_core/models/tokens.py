"""Texts → batches of token ids: tokenized once, bucketed by length, padded to the longest text of the batch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from distill_core.errors import ModelError
from distill_core.families import Family

IGNORED = -100  # a target that asks nothing, as transformers and torch have it
BUCKET_BATCHES = 32  # batches that are sorted by length together: larger pads less, smaller mixes more


@dataclass(frozen=True)
class Encoded:
    """Token ids of many texts, unpadded, with what is needed to pad them."""

    ids: tuple[Tensor, ...]
    pad_id: int
    padding_side: str

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def lengths(self) -> list[int]:
        return [len(ids) for ids in self.ids]

    @property
    def token_ids(self) -> tuple[int, ...]:
        """Every token id that a batch may hold, ascending."""
        return tuple(torch.unique(torch.cat([*self.ids, torch.tensor([self.pad_id])])).tolist())

    def batch(self, indices: Sequence[int], device: torch.device | str = "cpu") -> dict[str, Tensor]:
        """The texts at these indices, padded. Shapes: input_ids and attention_mask (batch, longest)."""
        rows = [self.ids[index] for index in indices]
        longest = max(len(row) for row in rows)
        input_ids = torch.full((len(rows), longest), self.pad_id, dtype=torch.long)
        attention_mask = torch.zeros((len(rows), longest), dtype=torch.long)
        for position, row in enumerate(rows):
            place = slice(0, len(row)) if self.padding_side == "right" else slice(longest - len(row), longest)
            input_ids[position, place] = row
            attention_mask[position, place] = 1
        return {"input_ids": input_ids.to(device), "attention_mask": attention_mask.to(device)}


def encode(tokenizer: object, texts: Sequence[str], max_length: int, family: Family) -> Encoded:
    """Tokenize once. Raises ModelError when the model has fewer positions than `max_length`.

    T5 and BART read the state at the last </s> and refuse a batch whose rows hold different numbers of it: one that
    stands inside a text is dropped.
    """
    check_length(max_length, family)
    rows: list[list[int]] = []
    if texts:  # transformers fails on an empty list
        rows = tokenizer(list(texts), truncation=True, max_length=max_length, add_special_tokens=True)["input_ids"]  # type: ignore[operator]
    if family.pooled_token == "eos":
        eos = tokenizer.eos_token_id  # type: ignore[attr-defined]
        rows = [[token for token in row[:-1] if token != eos] + [eos] for row in rows]
    pad = tokenizer.pad_token_id  # type: ignore[attr-defined]
    # A family without special tokens (GPT) turns an empty text into no token at all: give it one.
    ids = tuple(torch.tensor(row or [pad], dtype=torch.long) for row in rows)
    return Encoded(ids, pad, family.padding_side)


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
