"""Ten students, one teacher: what one arm gains over another, student by student and together.

A gain is compared in pairs: the same student, the same seeds, the same test texts. Fractions are 0–1.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from distill_core.maths import paired
from distill_core.maths.intervals import Interval
from distill_core.maths.paired import Difference
from distill_core.runs.run import Run
from distill_core.tables import frames as tables_frames
from distill_core.tables import sources as tables_sources
from distill_core.tables.students import right_answers, rows_frame

_MEASURES = ("gain", "gain_low", "gain_high")
GAIN_COLUMNS = ("student", "label", "family", "seeds", *_MEASURES, "source")


@dataclass(frozen=True)
class Claim:
    """What one arm gains over another, for `n` students. `better` and `worse`: how many gain, and lose, beyond chance,
    by Holm's correction over all of them; None where a student's answers are not kept. `mean` is the gain of all
    together (share of the test texts), with its 95 % interval over seeds and texts."""

    n: int
    better: int | None
    worse: int | None
    mean: float
    interval: Interval | None


@dataclass(frozen=True)
class _Gain:
    """One student: the mean gain over its seeds, and right minus right for each seed and test text, where known."""

    student: str
    label: str
    family: str
    seeds: int
    gain: float
    differences: NDArray[np.float64] | None

    @property
    def compared(self) -> Difference | None:
        """The gain with its interval and p value."""
        return paired.compare(self.differences) if self.differences is not None else None


def gains_frame(run: Run, better: str = "taught", worse: str = "labels") -> pd.DataFrame:
    """One row a student with both arms (GAIN_COLUMNS). `gain`: share of test texts that `better` adds to `worse`.

    The interval is over seeds and test texts (paired.compare), NA where the run has kept no predictions.
    """
    records = []
    for one in _gains(run, better, worse):
        found = one.compared
        records.append(
            {
                "student": one.student,
                "label": one.label,
                "family": one.family,
                "seeds": one.seeds,
                "gain": one.gain,
                "gain_low": found.interval[0] if found is not None else None,
                "gain_high": found.interval[1] if found is not None else None,
                "source": tables_sources.source_text(run),
            }
        )
    return tables_frames.typed(records, GAIN_COLUMNS, ("seeds",), _MEASURES)


def claim(run: Run, better: str = "taught", worse: str = "labels") -> Claim | None:
    """The gains of all students in one sentence's numbers; None while no student has both arms."""
    gains = _gains(run, better, worse)
    if not gains:
        return None
    mean = float(np.mean([one.gain for one in gains]))
    found = [one.compared for one in gains]
    if any(one is None for one in found):
        return Claim(len(gains), None, None, mean, None)
    sure = paired.beyond_chance([one.p if one else None for one in found])
    signs = [one.mean if one and is_sure else 0.0 for one, is_sure in zip(found, sure, strict=True)]
    together = _together([one.differences for one in gains if one.differences is not None])
    return Claim(len(gains), sum(sign > 0 for sign in signs), sum(sign < 0 for sign in signs), mean, together)


def _together(gains: list[NDArray[np.float64]]) -> Interval | None:
    """The interval of the mean gain of all students: their texts are the same, and their seeds go in step."""
    seeds = {len(one) for one in gains}
    steps = gains if len(seeds) == 1 else [one.mean(0, keepdims=True) for one in gains]
    found = paired.compare(np.mean(steps, axis=0))
    return found.interval if found is not None else None


def _gains(run: Run, better: str, worse: str) -> list[_Gain]:
    frame, found = rows_frame(run), []
    for student, label, family in _students(frame):
        pairs = _pairs(frame[frame["student"] == student], better, worse)
        if len(pairs):
            by_seed = _differences(run, student, [int(seed) for seed in pairs.index], better, worse)
            gain = float((pairs[better] - pairs[worse]).mean())
            found.append(_Gain(student, label, family, len(pairs), gain, by_seed))
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
    """For each seed and test text right (1) or wrong (0) in `better` minus in `worse`. Shape: (seeds, texts)."""
    right = right_answers(run)
    keys = [[(student, arm, seed) for seed in seeds] for arm in (better, worse)]
    if not all(key in right for arm in keys for key in arm):
        return None
    gains: NDArray[np.float64] = np.stack([right[one] - right[other] for one, other in zip(*keys, strict=True)])
    return gains
