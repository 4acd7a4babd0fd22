"""What the soft targets themselves are worth: the distilled student beside its control, which saw the labels alone.

The control begins with the same weights and reads the same texts in the same order: for a student of copied layers it
is "Copied layers", for one of random weights "From scratch".
"""

from __future__ import annotations

from dataclasses import dataclass

from distill_core import arms
from distill_core.errors import RunError
from distill_core.maths import paired
from distill_core.maths.intervals import Interval
from distill_core.runs.run import Run
from distill_core.specs import DistillSpec
from distill_core.tables import ablation as tables_ablation
from distill_core.tables import differences

TAUGHT = "distilled"
Key = tuple[str, int]  # arm and seed


@dataclass(frozen=True)
class Worth:
    """In points of accuracy, mean over the seeds that both arms have. `interval` is that of `paired.compare`, over
    seeds and test texts; None without predictions. `is_sure`: the gain is beyond chance."""

    what: str
    points: float
    seeds: int
    interval: Interval | None
    is_sure: bool

    @property
    def sentence(self) -> str:
        """`Soft targets added +0.4 points (95 % interval −0.9 to 1.6): not beyond chance.`"""
        added = f"{self.what} added {_signed(self.points, plus=True)} points"
        if self.interval is None:
            return f"{added}: without the predictions for each text it is open whether that is chance."
        low, high = (_signed(end) for end in self.interval)
        return f"{added} (95 % interval {low} to {high}): {self._verdict()}"

    def _verdict(self) -> str:
        if not self.is_sure:
            return "not beyond chance."
        if self.seeds < paired.FEWEST_SEEDS:
            return "beyond the chance of these test texts; whether other seeds say the same takes three of them."
        return "beyond chance."


def _signed(points: float, *, plus: bool = False) -> str:
    shown = f"{abs(points):.1f}"
    if float(shown) == 0:
        return shown
    return f"−{shown}" if points < 0 else f"{'+' if plus else ''}{shown}"


def control_of(spec: DistillSpec) -> arms.DistillArm:
    """The arm that differs from the distilled one in seeing the labels alone."""
    return next(arm for arm in arms.DISTILL if arm.learns_from_labels_alone and arm.changes.get("init") == spec.init)


def sentence(run: Run) -> str:
    """What soft targets added in this run, or which arm to add; empty where a run does not ask for it, as an ablation,
    and while one of both students is missing."""
    try:
        spec, _ = tables_ablation.asked(run)
    except RunError:
        return ""
    if tables_ablation.question(spec) is not None or TAUGHT not in spec.arms:
        return ""
    control = control_of(spec)
    if control.key not in spec.arms:
        return f"Add {control.title} to see what the soft targets themselves are worth."
    found = worth(run)
    return "" if found is None else found.sentence


def worth(run: Run) -> Worth | None:
    """Distilled against its control, seed by seed; None where no seed has both. Raises RunError for no distillation."""
    spec, result = tables_ablation.asked(run)
    control = control_of(spec).key
    found = {(one.arm, one.seed): one.accuracy for one in (result.students if result else ())}
    seeds = sorted(seed for name, seed in found if name == control and (TAUGHT, seed) in found)
    if not seeds:
        return None
    gains = [found[TAUGHT, seed] - found[control, seed] for seed in seeds]
    right = tables_ablation.right_answers(run)
    gain = differences.between(*([right.get((arm, seed)) for seed in seeds] for arm in (TAUGHT, control)))
    interval = None if gain is None else (100 * gain.interval[0], 100 * gain.interval[1])
    points = 100 * tables_ablation.mean(gains)
    return Worth(_what(spec), points, len(seeds), interval, gain is not None and gain.is_sure)


def _what(spec: DistillSpec) -> str:
    """The one thing in which the two students differ."""
    taught = [term.key for term in spec.weights.used if term.asks_the_teacher]
    what = "Soft targets" if taught == ["soft"] else "The teacher's signals"
    if spec.labeled_examples:
        return f"{what}, texts without a label included,"
    return what if spec.weights.by_term["hard"] else f"{what} in place of labels"
