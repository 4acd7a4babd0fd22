"""The trainings of a fine-tuning run, one by one, and the name that each has in its files and curves."""

from __future__ import annotations

from dataclasses import dataclass

from distill_core.specs import FinetuneSpec


@dataclass(frozen=True)
class Cell:
    """One training: on which data set, with which seed, from how many labeled texts, and how."""

    dataset: str
    seed: int
    n: int
    arm: str


def plan(spec: FinetuneSpec) -> list[Cell]:
    """All cells, seed by seed, so that every arm has a first result early."""
    return [
        Cell(dataset, seed, n, arm)
        for seed in range(spec.seed, spec.seed + spec.seeds)
        for dataset in spec.domains or (spec.dataset,)
        for n in spec.train_examples
        for arm in spec.arms
    ]


def name(spec: FinetuneSpec, cell: Cell) -> str:
    """The arm, with what tells it from its like in this run: `pretrained-tweets-1000-0`."""
    words = [cell.arm]
    if len(spec.domains) > 1:
        words.append(cell.dataset.replace("/", "-").replace(":", "-"))
    if len(spec.train_examples) > 1 or spec.seeds > 1:
        words += [str(cell.n), str(cell.seed)]
    return "-".join(words)
