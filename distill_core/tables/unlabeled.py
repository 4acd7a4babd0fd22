"""What texts without a label add: the distilled student beside one that read the labeled texts alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from distill_core.arms import LABELED_ONLY
from distill_core.errors import RunError
from distill_core.maths import paired
from distill_core.runs.run import Run
from distill_core.specs import DistillSpec
from distill_core.tables import ablation as tables_ablation


@dataclass(frozen=True)
class Gain:
    """In points of accuracy, mean over seeds, with the 95 % interval over test texts; None without predictions."""

    points: float
    low_points: float | None
    high_points: float | None
    labeled: int

    @property
    def sentence(self) -> str:
        """`Texts without a label add 2.1 points (95 % interval 0.3 to 3.9): …`"""
        change = f"add {self.points:.1f}" if self.points >= 0 else f"cost {-self.points:.1f}"
        sure = ""
        if self.low_points is not None and self.high_points is not None:
            sure = f" (95 % interval {self.low_points:+.1f} to {self.high_points:+.1f})"
        return (
            f"Texts without a label {change} points of accuracy{sure}: the teacher speaks about them too. "
            f"The other student read the {self.labeled:,} labeled texts alone, in as many passes and so in fewer steps."
        )


def gain(run: Run) -> Gain | None:
    """Distilled against labeled-only, seed by seed; None for a run without both, and while one of them is missing."""
    try:
        spec, result = tables_ablation.asked(run)
    except RunError:
        return None
    if result is None:
        return None
    found = {(student.arm, student.seed): student for student in result.students}
    seeds = [seed for name, seed in found if name == LABELED_ONLY and ("distilled", seed) in found]
    if not seeds:
        return None
    pairs = [(found["distilled", seed], found[LABELED_ONLY, seed]) for seed in seeds]
    points = 100 * tables_ablation.mean([full.accuracy - fewer.accuracy for full, fewer in pairs])
    low, high = _interval(run, seeds)
    return Gain(points, low, high, found[LABELED_ONLY, seeds[0]].labels or _labeled(spec))


def _labeled(spec: DistillSpec) -> int:
    return min(spec.labeled_examples, spec.train_examples or spec.labeled_examples)


def _interval(run: Run, seeds: list[int]) -> tuple[float | None, float | None]:
    right = tables_ablation.right_answers(run)
    keys = [(name, seed) for seed in seeds for name in ("distilled", LABELED_ONLY)]
    if not all(key in right for key in keys):
        return None, None
    differences = np.mean([right["distilled", seed] - right[LABELED_ONLY, seed] for seed in seeds], axis=0)
    interval = paired.over_texts(differences)
    return (None, None) if interval is None else (100 * interval[0], 100 * interval[1])
