"""The one door to what makes training fast without changing what is computed, and its one switch.

    used_rows    the embedding learns on the rows that the texts use      `embedding`
    first_token  the last layer for the token that the head reads         `logits_alone`
    onednn       matrix products where MKL leaves AVX-512 idle            `products`
    allocator    freed memory is kept for the next step                   `memory`

Within `plain()` every one of them is off: the same losses up to rounding, at the speed of a textbook.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from contextvars import ContextVar
from typing import Literal, get_args

from torch import nn

from distill_core.training.speed.allocator import kept_memory
from distill_core.training.speed.first_token import first_token_only
from distill_core.training.speed.onednn import onednn_products
from distill_core.training.speed.used_rows import UsedRows

Trick = Literal["used_rows", "first_token", "onednn", "allocator"]
TRICKS: tuple[Trick, ...] = get_args(Trick)
_off: ContextVar[frozenset[Trick]] = ContextVar("_off", default=frozenset())


@contextlib.contextmanager
def plain(*tricks: Trick) -> Iterator[None]:
    """Within this block these tricks are off; without a name all of them. Other threads and processes keep theirs."""
    token = _off.set(_off.get() | frozenset(tricks or TRICKS))
    try:
        yield
    finally:
        _off.reset(token)


def training(model: nn.Module) -> AbstractContextManager[object]:
    """For the time in which a model learns."""
    stack = contextlib.ExitStack()
    stack.enter_context(memory())
    stack.enter_context(products(model))
    return stack


def products(model: nn.Module) -> AbstractContextManager[None]:
    """For the time in which a model computes, whether it learns or not."""
    return onednn_products(model) if _is_on("onednn") else contextlib.nullcontext()


def logits_alone(model: nn.Module) -> AbstractContextManager[None]:
    """For the time in which nothing but the logits of a classifier is looked at."""
    return first_token_only(model) if _is_on("first_token") else contextlib.nullcontext()


def memory() -> AbstractContextManager[None]:
    """For the time in which the same amounts of memory are needed again and again."""
    return kept_memory() if _is_on("allocator") else contextlib.nullcontext()


def embedding(model: nn.Module, token_ids: Sequence[int] | None) -> UsedRows:
    """The input embedding for texts of these tokens, until it is closed; None where any token may come."""
    return UsedRows(model, token_ids if _is_on("used_rows") else None)


def _is_on(trick: Trick) -> bool:
    return trick not in _off.get()
