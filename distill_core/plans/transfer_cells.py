"""The trainings of a fine-tuning run, one by one, and how long each lasts."""

from __future__ import annotations

from dataclasses import dataclass

from distill_core.arms import FinetuneArm
from distill_core.plans import cells
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


def epochs(spec: FinetuneSpec, arm: FinetuneArm, n: int) -> int:
    """Passes of this arm over `n` training texts."""
    return cells.epochs(spec.epochs, spec.batch_size, n, max(spec.min_steps, arm.least_steps))
