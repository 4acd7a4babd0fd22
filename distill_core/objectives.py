"""Pre-training objectives: what is hidden from a model, and what it must say. Pure tensor functions."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

IGNORED = -100  # the label that torch's cross-entropy passes over


class Masked(NamedTuple):
    """A corrupted batch: what the model sees, and what it must predict (IGNORED elsewhere). Shapes: (batch, seq)."""

    input_ids: Tensor
    labels: Tensor


def mask_tokens(
    input_ids: Tensor, maskable: Tensor, mask_id: int, vocab_size: int, *, share: float = 0.15,
    generator: torch.Generator | None = None,
) -> Masked:  # fmt: skip
    """BERT's corruption (arXiv:1810.04805 §3.1): of 15 % of the tokens 80 % become
    [MASK], 10 % a random token, and 10 % stay.

    `maskable` is True for real tokens that are not special. Shapes: (batch, seq) each. Without a generator the global
    one is used, which checkpoints restore.
    """
    draw = torch.rand(input_ids.shape, generator=generator).to(input_ids.device)
    chosen = (draw < share) & maskable
    labels = torch.where(chosen, input_ids, torch.full_like(input_ids, IGNORED))
    fate = torch.rand(input_ids.shape, generator=generator).to(input_ids.device)
    random_ids = torch.randint(vocab_size, input_ids.shape, generator=generator).to(input_ids.device)
    corrupted = torch.where(chosen & (fate < 0.8), torch.full_like(input_ids, mask_id), input_ids)
    corrupted = torch.where(chosen & (fate >= 0.8) & (fate < 0.9), random_ids, corrupted)
    return Masked(corrupted, labels)
