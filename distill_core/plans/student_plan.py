"""The plan of "ten students, one teacher": each student in each arm, what it reads and how often.

What each arm reads stands in `distill_core/arms.py`. The labeled texts are the same for the teacher, for every student
and for every seed: what differs is who else speaks.
"""

from __future__ import annotations

from collections.abc import Iterator

from distill_core import arms
from distill_core.arms import StudentsArm
from distill_core.plans.cells import StudentCell, epochs, epochs_of_few
from distill_core.specs import StudentsSpec
from distill_core.terms import LABELS_ALONE, LossWeights


def plan(spec: StudentsSpec, train_texts: int) -> Iterator[StudentCell]:
    """Seed by seed and arm by arm, so that all students of an arm stand side by side early; `train_texts` are there."""
    for seed in range(spec.seed, spec.seed + spec.seeds):
        for row in map(arms.students, spec.arms):
            for place, student in enumerate(spec.students):
                yield StudentCell(
                    row.key,
                    seed,
                    key(spec, str(student), row.key, seed),
                    f"{place:02d}-{row.key}-{seed}",
                    student,
                    row.starts_at_random,
                    _weights(spec, row),
                    spec.labels if row.sees_labels_alone else None,
                    None if row.has_all_labels else spec.labels,
                    _epochs(spec, row, train_texts),
                    arms.RANDOM_RATE if row.starts_at_random else 1.0,
                )


def key(spec: StudentsSpec, student: str, arm: str, seed: int) -> str:
    """The name of a cell's predictions: `bert@mini taught`, with the seed where there are several."""
    return f"{student} {arm} {seed}" if spec.seeds > 1 else f"{student} {arm}"


def _weights(spec: StudentsSpec, row: StudentsArm) -> LossWeights:
    """The loss of the arm; labels alone are plain cross-entropy."""
    if not row.is_taught:
        return LossWeights(LABELS_ALONE)
    return LossWeights({"soft": spec.soft, "hard": spec.hard}, spec.temperature)


def _epochs(spec: StudentsSpec, row: StudentsArm, train_texts: int) -> int:
    """Passes over what the arm reads, of `train_texts` texts in all.

    Whoever reads all texts does so `epochs` times. Whoever reads the few labeled ones alone may take `label_epochs`
    passes; without that, as many steps as the others take, within bounds. A network of random weights takes the steps
    that it needs.
    """
    if row.sees_labels_alone and spec.label_epochs is not None:
        return spec.label_epochs
    few = spec.labels if row.sees_labels_alone else None
    asked = spec.epochs if few is None else epochs_of_few(spec.epochs, train_texts, few)
    least_steps = arms.RANDOM_STEPS if row.starts_at_random else 0
    return epochs(asked, spec.batch_size, few or train_texts, least_steps)
