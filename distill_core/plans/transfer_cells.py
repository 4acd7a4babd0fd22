"""The trainings of a fine-tuning run, one by one, and how long each lasts."""

from __future__ import annotations

from dataclasses import dataclass

from distill_core.plans.cells import Cell
from distill_core.specs import FinetuneSpec


@dataclass(frozen=True)
class FinetuneCell(Cell):
    """One training from `n` labeled texts of one data set."""

    dataset: str
    n: int


def plan(spec: FinetuneSpec) -> list[FinetuneCell]:
    """All cells, seed by seed, so that every arm has a first result early."""
    return [
        cell(spec, arm, seed, ref.key, n)
        for seed in range(spec.seed, spec.seed + spec.seeds)
        for ref in spec.domains or (spec.dataset,)
        for n in spec.train_examples
        for arm in spec.arms
    ]


def cell(spec: FinetuneSpec, arm: str, seed: int, dataset: str, n: int) -> FinetuneCell:
    """One cell of the run. Its key is the arm, with what tells it from its like: `pretrained-tweets-1000-0`."""
    words = [arm]
    if len(spec.domains) > 1:
        words.append(dataset.replace("/", "-").replace(":", "-"))
    if len(spec.train_examples) > 1 or spec.seeds > 1:
        words += [str(n), str(seed)]
    key = "-".join(words)
    return FinetuneCell(arm, seed, key, key, dataset, n)


def epochs(spec: FinetuneSpec, n: int) -> int:
    """Passes over `n` training texts: as many as asked for, more where they would make fewer than `min_steps` steps.

    Two passes over 200 texts are 14 steps, in which a network learns next to nothing: with few texts the number of
    steps decides, not that of passes (Mosbach et al., arXiv:2006.04884; Zhang et al., arXiv:2006.05987).
    """
    steps = -(-n // spec.batch_size)
    return max(spec.epochs, -(-spec.min_steps // steps))
