"""A cell of a run: one training, which is an arm with a seed, and what else differs in a run of its kind.

Every plan is a list of cells, `jobs/cells.py` does them, and a result has a row for each.
"""

from __future__ import annotations

from dataclasses import dataclass

from distill_core.model_ref import Ref
from distill_core.terms import LossWeights


@dataclass(frozen=True)
class Cell:
    """One training. `key` is its name among the curves and predictions of the run, `folder` among its checkpoints: no
    other cell of the run has the same."""

    arm: str
    seed: int
    key: str
    folder: str


@dataclass(frozen=True, eq=False)  # two cells are the same when their names are: weights have no hash
class StudentCell(Cell):
    """One training of a student beside a teacher: where it starts, what it reads, and what counts.

    `student` is the model itself, or for a shallower copy of the teacher the teacher. It reads the first `texts` of the
    training texts `epochs` times, and sees the labels of the first `labels` of them; None: of all.
    """

    student: Ref
    starts_at_random: bool
    weights: LossWeights
    texts: int | None
    labels: int | None
    epochs: int

    @property
    def is_taught(self) -> bool:
        """Whether it learns from the teacher, and not from the labels alone."""
        return self.weights.asks_the_teacher
