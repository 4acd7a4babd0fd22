"""The plan of "ten students, one teacher": each student in each arm, what it reads and how often.

What each arm reads stands in `distill_core/arms.py`. The labeled texts are the same for the teacher, for every student
and for every seed: what differs is who else speaks.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from distill_core import arms
from distill_core.arms import StudentsArm
from distill_core.model_ref import Ref
from distill_core.specs import StudentsSpec

MOST_LABEL_EPOCHS = 15  # bounds what the arms of few texts cost; --label-epochs allows more


@dataclass(frozen=True)
class Cell:
    """One training: the student at `place` of the spec's list, in one arm, with one seed."""

    place: int
    student: Ref
    arm: str
    seed: int

    @property
    def row(self) -> StudentsArm:
        """What its arm reads, and where it starts."""
        return arms.students(self.arm)


def plan(spec: StudentsSpec) -> Iterator[Cell]:
    """Seed by seed and arm by arm, so that all students of an arm stand side by side early."""
    for seed in range(spec.seed, spec.seed + spec.seeds):
        for arm in spec.arms:
            for place, student in enumerate(spec.students):
                yield Cell(place, student, arm, seed)


def key(spec: StudentsSpec, student: str, arm: str, seed: int) -> str:
    """The name of a cell's predictions: `bert@mini taught`, with the seed where there are several."""
    return f"{student} {arm} {seed}" if spec.seeds > 1 else f"{student} {arm}"


def epochs(spec: StudentsSpec, cell: Cell, train_texts: int) -> int:
    """Passes over what the cell reads, of `train_texts` texts in all.

    Whoever reads all texts does so `epochs` times. Whoever reads the few labeled ones alone may take `label_epochs`
    passes; without that, as many steps as the others take, but no more than MOST_LABEL_EPOCHS passes.
    """
    if not cell.row.sees_labels_alone:
        return spec.epochs
    if spec.label_epochs is not None:
        return spec.label_epochs
    return max(1, min(MOST_LABEL_EPOCHS, -(-spec.epochs * train_texts // spec.labels)))


def texts_read(spec: StudentsSpec, cell: Cell, train_texts: int) -> int:
    """Texts that the cell reads in all, passes counted."""
    return epochs(spec, cell, train_texts) * (spec.labels if cell.row.sees_labels_alone else train_texts)
