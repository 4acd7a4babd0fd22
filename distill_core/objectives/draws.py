"""Random numbers of the objectives: all from one torch generator, so that a seed and a state give the same draw."""

from __future__ import annotations

import math

import torch
from torch import Generator


def uniform(generator: Generator) -> float:
    """One number in [0, 1)."""
    return float(torch.rand(1, generator=generator))


def below(n: int, generator: Generator) -> int:
    """One whole number in 0 … n − 1."""
    return int(torch.randint(n, (1,), generator=generator))


def order(n: int, generator: Generator) -> list[int]:
    """0 … n − 1 in random order."""
    return torch.randperm(n, generator=generator).tolist()


def rounded(value: float, generator: Generator) -> int:
    """`value` rounded up or down at random, so that its mean is kept: 1.3 gives 1 in 70 % of the draws, else 2."""
    return math.floor(value + uniform(generator))


def composition(total: int, parts: int, generator: Generator) -> list[int]:
    """`total` cut at random into `parts` whole numbers ≥ 1; each way of cutting is equally likely.

    `total` ≥ `parts` ≥ 1.
    """
    cuts = sorted(place + 1 for place in order(total - 1, generator)[: parts - 1])
    return [end - start for start, end in zip([0, *cuts], [*cuts, total], strict=True)]
