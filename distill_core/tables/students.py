"""Ten students, one teacher → DataFrames: every row, the means over seeds, and what one arm gains over another.

Units stand in the column names, fractions are 0–1, what is missing is NA. A gain is compared in pairs: the same
student, the same seeds, the same test texts.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from distill_core import families, units
from distill_core.arms import STUDENTS
from distill_core.errors import RunError
from distill_core.maths import intervals, paired
from distill_core.maths.intervals import Interval
from distill_core.plans import student_plan
from distill_core.results import StudentRow, StudentsResult, TeacherOfTen
from distill_core.runs.run import Run
from distill_core.specs import StudentsSpec
from distill_core.tables import balance, one_answer
from distill_core.tables import frames as tables_frames
from distill_core.tables import predictions as tables_predictions
from distill_core.tables import sources as tables_sources
from distill_core.tables.training import arm_title

_COUNTS = (
    "seed",
    "seeds",
    "params",
    "layers",
    "n_eval",
    "answered",
    "train_texts",
    "labels",
    "epochs",
    "inherited_errors",
    "new_errors",
    "repaired_errors",
    "batch_size",
    "seq_len",
)
_MEASURES = (
    "latency_ms_p50",
    "latency_ms_p95",
    "speedup",
    "accuracy",
    "ci_low",
    "ci_high",
    "retained",
    "retained_low",
    "retained_high",
    "agreement",
    "kl_to_teacher",
    "train_s",
    "gain",
    "gain_low",
    "gain_high",
    *balance.MEASURES,
)
ROW_COLUMNS = (
    "student",
    "label",
    "title",
    "family",
    "arm",
    "arm_title",
    "seed",
    "weights",
    "params",
    "layers",
    "batch_size",
    "seq_len",
    "latency_ms_p50",
    "latency_ms_p95",
    "speedup",
    "accuracy",
    "ci_low",
    "ci_high",
    "n_eval",
    "answered",
    *balance.COLUMNS,
    "retained",
    "retained_low",
    "retained_high",
    "agreement",
    "kl_to_teacher",
    "train_texts",
    "labels",
    "epochs",
    "train_s",
    "inherited_errors",
    "new_errors",
    "repaired_errors",
    "error",
    "error_hint",
    "source",
)
MEAN_COLUMNS = (
    "student",
    "label",
    "title",
    "family",
    "arm",
    "arm_title",
    "seeds",
    "params",
    "layers",
    "batch_size",
    "seq_len",
    "latency_ms_p50",
    "latency_ms_p95",
    "speedup",
    "accuracy",
    "ci_low",
    "ci_high",
    "n_eval",
    "majority_label",
    "majority",
    "retained",
    "agreement",
    "kl_to_teacher",
    "labels",
    "train_texts",
    "train_s",
    "source",
)
GAIN_COLUMNS = ("student", "label", "family", "seeds", "gain", "gain_low", "gain_high", "source")


def rows_frame(run: Run) -> pd.DataFrame:
    """One row a student, arm and seed (ROW_COLUMNS), also those that are not trained yet; empty without a result."""
    result = run.result_as(StudentsResult)
    rows = result.rows if result is not None else ()
    labels, source = _labels(rows), tables_sources.source_text(run)
    answered, spec = one_answer.answered(run), run.spec_as(StudentsSpec)
    keys = [student_plan.key(spec, row.student, row.arm, row.seed) if spec is not None else "" for row in rows]
    teacher = result.teacher if result is not None else None
    records = [
        {
            **row.model_dump(exclude={"params_by_part", "error"}),
            "label": labels[row.student],
            "arm_title": arm_title(row.arm),
            "batch_size": 1,
            "seq_len": result.seq_len if result else None,
            "error": row.error.message if row.error else None,
            "error_hint": row.error.hint if row.error else None,
            "source": source,
            "answered": answered.get(key),
            **(balance.columns(run, key) if row.accuracy is not None else {}),
            **_retained_interval(row, teacher),
        }
        for row, key in zip(rows, keys, strict=True)
    ]
    return tables_frames.typed(records, ROW_COLUMNS, _COUNTS, _MEASURES)


def teacher_of(run: Run) -> TeacherOfTen | None:
    """The teacher's report; None while it is not there."""
    result = run.result_as(StudentsResult)
    return result.teacher if result is not None else None


def arms(frame: pd.DataFrame) -> list[str]:
    """The arms of a frame that have a number, in the order of their table."""
    there = set(frame.loc[frame["accuracy"].notna(), "arm"])
    return [arm.key for arm in STUDENTS if arm.key in there]


def failures(frame: pd.DataFrame) -> list[tuple[str, str, str]]:
    """Student, message and hint of each failure, once a message."""
    failed = frame[frame["error"].notna()].fillna({"error_hint": ""})
    return list(dict.fromkeys(zip(failed["title"], failed["error"], failed["error_hint"], strict=True)))


def as_arms(frame: pd.DataFrame) -> pd.DataFrame:
    """`rows_frame` with the student and its way to learn as the title: `BERT, taught`, for `tables.one_answer`."""
    titles = frame["label"] + ", " + frame["arm_title"].map(units.in_sentence)
    return frame.assign(title=titles).drop(columns="train_texts")


def means_frame(frame: pd.DataFrame) -> pd.DataFrame:
    """`rows_frame` → one row a student and arm (MEAN_COLUMNS), of the trained ones: means over their seeds.

    The interval is the mean of the seeds' intervals: how sure one such training is of its accuracy.
    """
    known = frame.dropna(subset=["accuracy"])
    keys = ["student", "arm"]
    first = known.drop_duplicates(keys).set_index(keys)
    numbers = [name for name in MEAN_COLUMNS if name in _MEASURES]
    means = known.groupby(keys, sort=False)[numbers].mean()
    seeds = known.groupby(keys, sort=False)["seed"].nunique()
    merged = first.drop(columns=numbers).join(means).assign(seeds=seeds).reset_index()
    return tables_frames.typed(merged.to_dict("records"), MEAN_COLUMNS, _COUNTS, _MEASURES)


def _labels(rows: tuple[StudentRow, ...]) -> dict[str, str]:
    """A short name for each student: its family's where no two are of one family, else its own title."""
    known = {row.student: (row.family, row.title) for row in rows}
    one_of_each = len({family for family, _ in known.values() if family in families.BY_KEY}) == len(known)
    return {
        student: families.BY_KEY[family].title if one_of_each else title for student, (family, title) in known.items()
    }


def _retained_interval(row: StudentRow, teacher: TeacherOfTen | None) -> dict[str, float | None]:
    if row.accuracy is None or row.ci_low is None or row.ci_high is None or teacher is None:
        return {}
    own = (row.accuracy, row.ci_low, row.ci_high)
    low, high = intervals.ratio_interval(own, (teacher.accuracy, teacher.ci_low, teacher.ci_high))
    return {"retained_low": low, "retained_high": high}


# ── what one arm gains over another ──────────────────────────────────────────────────────────────────────────────


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
    return tables_frames.typed(records, GAIN_COLUMNS, _COUNTS, _MEASURES)


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
