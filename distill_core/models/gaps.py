"""Answers at the hidden tokens alone.

The last matrix holds the whole vocabulary: in a small network it costs more than all layers together, and five of six
of its answers would be thrown away.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from torch import Tensor, nn


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
