"""What texts without a label add: the distilled student beside one that read the labeled texts alone."""

from __future__ import annotations

from dataclasses import dataclass

from distill_core.arms import LABELED_ONLY
from distill_core.errors import RunError
from distill_core.runs.run import Run
from distill_core.specs import DistillSpec
from distill_core.tables import ablation as tables_ablation
from distill_core.tables import differences


@dataclass(frozen=True)
class Gain:
    """In points of accuracy, mean over seeds, with the 95 % interval over seeds and test texts; None without
    predictions. `is_sure`: it is beyond chance. `steps`: of the distilled student and of the other; None in results
    older than their counts, where both made as many passes."""

    points: float
    low_points: float | None
    high_points: float | None
    labeled: int
    is_sure: bool = False
    steps: tuple[int, int] | None = None

    @property
    def sentence(self) -> str:
        """`Texts without a label add 2.1 points of accuracy (95 % interval +0.3 to +3.9), beyond chance: …`"""
        change = f"add {self.points:.1f}" if self.points >= 0 else f"cost {-self.points:.1f}"
        sure = ", open without predictions whether by chance"
        if self.low_points is not None and self.high_points is not None:
            low, high = (f"{end:+.1f}".replace("-", "−") for end in (self.low_points, self.high_points))
            sure = f" (95 % interval {low} to {high}), {'' if self.is_sure else 'not '}beyond chance"
        return (
            f"Texts without a label {change} points of accuracy{sure}: the teacher speaks about them too. "
            f"The other student read the {self.labeled:,} labeled texts alone, {self._schedule}."
        )

    @property
    def _schedule(self) -> str:
        if self.steps is None:
            return "in as many passes and so in fewer steps"
        full, fewer = self.steps
        return f"again and again, in {fewer:,} steps where the distilled one made {full:,}"


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
    labeled = found[LABELED_ONLY, seeds[0]].labels or _labeled(spec)
    steps = [(full.steps, fewer.steps) for full, fewer in pairs if full.steps is not None and fewer.steps is not None]
    right = tables_ablation.right_answers(run)
    sure = differences.between(*([right.get((arm, seed)) for seed in seeds] for arm in ("distilled", LABELED_ONLY)))
    if sure is None:
        return Gain(points, None, None, labeled, steps=next(iter(steps), None))
    low, high = (100 * end for end in sure.interval)
    return Gain(points, low, high, labeled, sure.is_sure, next(iter(steps), None))


def _labeled(spec: DistillSpec) -> int:
    return min(spec.labeled_examples, spec.train_examples or spec.labeled_examples)
