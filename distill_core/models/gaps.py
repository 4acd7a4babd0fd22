"""Masked words: some tokens are hidden, and the network answers at these gaps alone.

The last matrix holds the whole vocabulary: in a small network it costs more than all layers together, and five of six
of its answers would be thrown away.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any, NamedTuple

import torch
from torch import Generator, Tensor, nn

from distill_core.models.tokens import IGNORED

SHARE = 0.15  # of the tokens are hidden (BERT, arXiv:1810.04805 §3.1)


@contextlib.contextmanager
def only_at(head: nn.Module, places: Tensor) -> Iterator[None]:
    """Within this block the head reads the hidden states at these places alone: (batch, seq, width) → (places, width).

    `places`: bool, shape (batch, seq).
    """
    handle = head.register_forward_pre_hook(lambda _, states: (states[0][places], *states[1:]))
    try:
        yield
    finally:
        handle.remove()


def bare(model: nn.Module) -> Any:
    """The model itself, where several processes share its training through a wrapper."""
    return getattr(model, "module", model)


def gap_answers(model: nn.Module, inputs: dict[str, Tensor], gaps: Tensor, **more: Any) -> Any:
    """The output of a masked language model, with `logits` (gaps, vocab) at the gaps alone. Shapes of inputs and gaps:
    (batch, seq); `more` goes to the model."""
    with only_at(bare(model).get_output_embeddings(), gaps):
        return model(**inputs, **more)


class Masked(NamedTuple):
    """A corrupted batch: what the model sees, and what it must predict (IGNORED elsewhere). Shapes: (batch, seq)."""

    input_ids: Tensor
    labels: Tensor


def mask_tokens(
    input_ids: Tensor,
    maskable: Tensor,
    mask_id: int,
    vocab_size: int,
    *,
    share: float = SHARE,
    generator: Generator | None = None,
) -> Masked:
    """BERT's corruption (arXiv:1810.04805 §3.1): of 15 % of the tokens 80 % become
    [MASK], 10 % a random token, and 10 % stay.

    `maskable` is True for real tokens that are not special. Shapes: (batch, seq) each. Without a generator the global
    one is used, which checkpoints restore.
    """
    draw = torch.rand(input_ids.shape, generator=generator).to(input_ids.device)
    return hide(input_ids, (draw < share) & maskable, mask_id, vocab_size, generator)


def hide(
    input_ids: Tensor, chosen: Tensor, mask_id: int, vocab_size: int, generator: Generator | None = None
) -> Masked:
    """Of the chosen tokens 80 % become [MASK], 10 % a random token, and 10 % stay. Shapes: (batch, seq) each."""
    labels = torch.where(chosen, input_ids, torch.full_like(input_ids, IGNORED))
    fate = torch.rand(input_ids.shape, generator=generator).to(input_ids.device)
    random_ids = torch.randint(vocab_size, input_ids.shape, generator=generator).to(input_ids.device)
    corrupted = torch.where(chosen & (fate < 0.8), torch.full_like(input_ids, mask_id), input_ids)
    corrupted = torch.where(chosen & (fate >= 0.8) & (fate < 0.9), random_ids, corrupted)
    return Masked(corrupted, labels)
