"""A cell of a run: one training, which is an arm with a seed, and what else differs in a run of its kind.

Every plan is a list of cells, `jobs/cells.py` does them, and a result has a row for each.
"""

from __future__ import annotations

from dataclasses import dataclass

from distill_core.model_ref import Ref
from distill_core.terms import LossWeights

MOST_LABEL_EPOCHS = 15  # bounds what the arms of few texts cost


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
    training texts `epochs` times, and sees the labels of the first `labels` of them; None: of all. `rate` times the
    learning rate of the request is its own.
    """

    student: Ref
    starts_at_random: bool
    weights: LossWeights
    texts: int | None
    labels: int | None
    epochs: int
    rate: float

    @property
    def is_taught(self) -> bool:
        """Whether it learns from the teacher, and not from the labels alone."""
        return self.weights.asks_the_teacher


def epochs(asked: int, batch_size: int, texts: int, least_steps: int) -> int:
    """Passes over `texts` texts: as many as asked for, more where they would make fewer steps than are needed.

    Two passes over 200 texts are 14 steps, in which a network learns next to nothing: with few texts the number of
    steps decides, not that of passes (Mosbach et al., arXiv:2006.04884; Zhang et al., arXiv:2006.05987).
    """
    return max(asked, -(-least_steps // -(-texts // batch_size)))


def epochs_of_few(asked: int, texts: int, few: int) -> int:
    """Passes over the few labeled texts for as many steps as the others make with `asked` passes over all `texts`, but
    no more than MOST_LABEL_EPOCHS, unless more were asked for."""
    return max(asked, min(MOST_LABEL_EPOCHS, -(-asked * texts // few)))
