"""Ten students, one teacher: what one arm gains over another, student by student and together.

A gain is compared in pairs: the same student, the same seeds, the same test texts. Fractions are 0–1.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from distill_core.errors import RunError
from distill_core.maths import paired
from distill_core.maths.intervals import Interval
from distill_core.plans import student_plan
from distill_core.runs.run import Run
from distill_core.specs import StudentsSpec
from distill_core.tables import frames as tables_frames
from distill_core.tables import predictions as tables_predictions
from distill_core.tables import sources as tables_sources
from distill_core.tables.students import rows_frame

_MEASURES = ("gain", "gain_low", "gain_high")
GAIN_COLUMNS = ("student", "label", "family", "seeds", *_MEASURES, "source")


@dataclass(frozen=True)
class Claim:
    """How many of `n` students are more accurate in one arm than in another, and how many by more than the 95 %
    interval of the difference. `mean` is the gain of all students together (share of the test texts)."""

    n: int
    better: int
    sure: int
    mean: float
    interval: Interval | None


@dataclass(frozen=True)
class _Gain:
    """One student: the mean gain over its seeds, and for each test text the mean of right minus right, where known."""

    student: str
    label: str
    family: str
    seeds: int
    gain: float
    differences: NDArray[np.float64] | None

    @property
    def interval(self) -> Interval | None:
        """The 95 % interval of the gain over test texts."""
        return paired.over_texts(self.differences) if self.differences is not None else None


def gains_frame(run: Run, better: str = "taught", worse: str = "labels") -> pd.DataFrame:
    """One row a student with both arms (GAIN_COLUMNS). `gain`: share of test texts that `better` adds to `worse`.

    The interval is over test texts (paired.over_texts), NA where the run has kept no predictions.
    """
    records = []
    for one in _gains(run, better, worse):
        low, high = one.interval or (None, None)
        records.append(
            {
                "student": one.student,
                "label": one.label,
                "family": one.family,
                "seeds": one.seeds,
                "gain": one.gain,
                "gain_low": low,
                "gain_high": high,
                "source": tables_sources.source_text(run),
            }
        )
    return tables_frames.typed(records, GAIN_COLUMNS, ("seeds",), _MEASURES)


def claim(run: Run, better: str = "taught", worse: str = "labels") -> Claim | None:
    """The gains of all students in one sentence's numbers; None while no student has both arms."""
    gains = _gains(run, better, worse)
    if not gains:
        return None
    known = [one.differences for one in gains if one.differences is not None]
    together = paired.over_texts(np.mean(known, axis=0)) if len(known) == len(gains) else None
    sure = sum(1 for one in gains if one.interval is not None and one.interval[0] > 0)
    mean = float(np.mean([one.gain for one in gains]))
    return Claim(len(gains), sum(one.gain > 0 for one in gains), sure, mean, together)


def _gains(run: Run, better: str, worse: str) -> list[_Gain]:
    frame, found = rows_frame(run), []
    for student, label, family in _students(frame):
        pairs = _pairs(frame[frame["student"] == student], better, worse)
        if len(pairs):
            differences = _differences(run, student, [int(seed) for seed in pairs.index], better, worse)
            gain = float((pairs[better] - pairs[worse]).mean())
            found.append(_Gain(student, label, family, len(pairs), gain, differences))
    return found


def _students(frame: pd.DataFrame) -> list[tuple[str, str, str]]:
    one_each = frame.drop_duplicates("student")
    return list(zip(one_each["student"], one_each["label"], one_each["family"].fillna(""), strict=True))


def _pairs(own: pd.DataFrame, better: str, worse: str) -> pd.DataFrame:
    """Accuracies of one student by seed, of the seeds that have both arms."""
    by_seed = own.dropna(subset=["accuracy"]).pivot_table(index="seed", columns="arm", values="accuracy")
    if better not in by_seed or worse not in by_seed:
        return pd.DataFrame(columns=[better, worse])
    return by_seed[[better, worse]].dropna()


def _differences(run: Run, student: str, seeds: list[int], better: str, worse: str) -> NDArray[np.float64] | None:
    """For each test text the mean over seeds of right (1) or wrong (0) in `better` minus in `worse`."""
    spec = run.spec_as(StudentsSpec)
    if spec is None:
        return None
    try:
        said = tables_predictions.logits_of(run)
        truth = said[tables_predictions.LABEL].to_numpy()
        right = {
            (arm, seed): tables_predictions.logits(said, student_plan.key(spec, student, arm, seed)).argmax(-1) == truth
            for arm in (better, worse)
            for seed in seeds
        }
    except RunError:
        return None
    gains = [right[better, seed].astype(float) - right[worse, seed].astype(float) for seed in seeds]
    differences: NDArray[np.float64] = np.mean(gains, axis=0)
    return differences
