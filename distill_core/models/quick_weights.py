"""Random weights in a tenth of the time, for models whose speed alone is measured.

Drawing 220 million normal numbers takes a processor longer than a hundred forward passes of a short text. Here a block
is drawn once and laid out again and again: no weight is 0 or tiny, so that no product is faster than it would be.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import init
from torch.overrides import TorchFunctionMode

BLOCK = 65_537  # a prime: no two rows of a matrix begin alike


class RepeatedNumbers(TorchFunctionMode):
    """Within it torch's initializers fill large tensors with repeated numbers of their distribution.

    Never for a model that learns: its rows would be copies of each other.
    """

    def __init__(self) -> None:
        super().__init__()
        self._normal, self._uniform = torch.randn(BLOCK), torch.rand(BLOCK) * 2 - 1

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        given = dict(kwargs or {})
        tensor = given.get("tensor")  # torch hands on all that an initializer was given by name
        if isinstance(tensor, Tensor) and _is_large(tensor):
            if func is init.normal_:
                return _lay_out(tensor, self._normal * given["std"] + given["mean"])
            if func is init.kaiming_uniform_ and given["mode"] == "fan_in" and tensor.dim() == 2:
                gain = init.calculate_gain(given["nonlinearity"], given["a"])
                return _lay_out(tensor, self._uniform * (gain * math.sqrt(3 / tensor.shape[1])))
        return func(*args, **given)


def _is_large(tensor: Tensor) -> bool:
    return tensor.numel() >= BLOCK and tensor.is_contiguous() and tensor.device.type == "cpu"


def _lay_out(tensor: Tensor, block: Tensor) -> Tensor:
    """The block again and again, its beginning at the end. Shape: any → the same."""
    with torch.no_grad():
        flat = tensor.view(-1)
        whole = len(flat) // BLOCK * BLOCK
        flat[:whole].view(-1, BLOCK).copy_(block)
        flat[whole:].copy_(block[: len(flat) - whole])
    return tensor
