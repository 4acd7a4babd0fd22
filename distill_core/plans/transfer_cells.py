"""The trainings of a fine-tuning run, one by one: how long each lasts, and its name in files and curves."""

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
        for dataset in (ref.key for ref in spec.domains or (spec.dataset,))
        for n in spec.train_examples
        for arm in spec.arms
    ]


def epochs(spec: FinetuneSpec, n: int) -> int:
    """Passes over `n` training texts: as many as asked for, more where they would make fewer than `min_steps` steps.

    Two passes over 200 texts are 14 steps, in which a network learns next to nothing: with few texts the number of
    steps decides, not that of passes (Mosbach et al., arXiv:2006.04884; Zhang et al., arXiv:2006.05987).
    """
    steps = -(-n // spec.batch_size)
    return max(spec.epochs, -(-spec.min_steps // steps))


def name(spec: FinetuneSpec, cell: Cell) -> str:
    """The arm, with what tells it from its like in this run: `pretrained-tweets-1000-0`."""
    words = [cell.arm]
    if len(spec.domains) > 1:
        words.append(cell.dataset.replace("/", "-").replace(":", "-"))
    if len(spec.train_examples) > 1 or spec.seeds > 1:
        words += [str(cell.n), str(cell.seed)]
    return "-".join(words)
