"""The input embedding, trained on the rows that the texts use: a vocabulary of 30,522 words, of which a run meets some
thousands.

A row that never occurs has no gradient, so Adam does not move it and AdamW only shrinks it (arXiv:1711.05101, alg. 2):

    row ← row · Π_t (1 − lr_t · weight_decay)

While a model trains, its embedding holds the used rows alone; the others get their product once, when somebody wants
the whole table. Gradient norm, updates and weights stay what they were (up to rounding), without a dense gradient,
clipping and three passes of AdamW over the other rows.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn

_SPECIAL = ("pad_token_id", "bos_token_id", "eos_token_id", "decoder_start_token_id")


class UsedRows:
    """The rows of `token_ids` in the place of a model's input embedding, until `close`.

    Left alone, so that all methods do nothing: a model without such an embedding, one whose table is frozen or serves
    as the output layer too, and a text set that uses every row; `token_ids` None says that any row may be used.
    """

    def __init__(self, model: nn.Module, token_ids: Sequence[int] | None) -> None:
        self.decay = 1.0  # of the rows that are not trained, since the beginning
        found = _tables(model) if token_ids is not None else []
        self._tables = [(table, table.padding_idx) for table in found]
        self._hooks: list[Any] = []
        if not found:
            return
        self._whole: nn.Parameter = found[0].weight  # type: ignore[assignment]
        here = self._whole.device
        used = _used(model, token_ids or (), self._tables)
        if len(used) == len(self._whole):
            self._tables = []
            return
        self._rows = torch.tensor(used, device=here)
        self._places = torch.full((len(self._whole),), len(used), device=here)  # beyond the table: an error
        self._places[self._rows] = torch.arange(len(used), device=here)
        self._used = nn.Parameter(self._whole.detach()[self._rows])
        self._hooks = [table.register_forward_pre_hook(self._renumber) for table in found]
        self._put(self._used)

    def after_step(self, groups: Iterable[dict[str, Any]]) -> None:
        """Note what AdamW's step with these parameter groups did to the rows that it did not see."""
        for group in groups if self._tables else ():
            if any(parameter is self._used for parameter in group["params"]):
                self.decay *= 1 - group["lr"] * group["weight_decay"]

    @contextlib.contextmanager
    def whole(self, decay: float) -> Iterator[None]:
        """Within this block the model has its whole table, the unused rows times `decay`; with 1 as they were at first,
        and what is loaded into the table is kept."""
        if not self._tables:
            yield
            return
        table = self._whole if decay == 1 else nn.Parameter(self._whole.detach() * decay)
        self._write(table)
        self._put(table)
        try:
            yield
        finally:
            with torch.no_grad():
                self._used.copy_(table[self._rows])
            self._put(self._used)

    def close(self) -> None:
        """Give the model its own table again, trained."""
        if not self._tables:
            return
        with torch.no_grad():
            self._whole.mul_(self.decay)
        self._write(self._whole)
        self._put(self._whole)
        for hook in self._hooks:
            hook.remove()
        self._tables = []

    def _write(self, table: nn.Parameter) -> None:
        with torch.no_grad():
            table[self._rows] = self._used

    def _put(self, weight: nn.Parameter) -> None:
        for table, padding in self._tables:
            table.weight = weight
            short = padding is not None and weight is self._used
            table.padding_idx = int(self._places[padding]) if short else padding

    def _renumber(self, table: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...] | None:
        return (self._places[inputs[0]],) if table.weight is self._used else None


def _used(model: nn.Module, token_ids: Sequence[int], tables: list[tuple[nn.Embedding, int | None]]) -> list[int]:
    """The rows of the texts, of what a model puts in by itself, and of the padding."""
    special = [getattr(getattr(model, "config", None), name, None) for name in _SPECIAL]
    special += [padding for _, padding in tables]
    return sorted({*token_ids, *(row for row in special if isinstance(row, int))})


def _tables(model: nn.Module) -> list[nn.Embedding]:
    """The modules that hold the input embedding (T5 and BART have three of one weight); empty to leave it alone."""
    try:
        first = model.get_input_embeddings()  # type: ignore[operator]
    except (AttributeError, NotImplementedError):
        return []
    if not isinstance(first, nn.Embedding) or not first.weight.requires_grad:
        return []
    holders = [module for module in model.modules() if any(p is first.weight for p in module._parameters.values())]
    tables = [module for module in holders if isinstance(module, nn.Embedding)]
    return tables if len(tables) == len(holders) else []
