"""Ten students, one teacher → DataFrames: every row, and the means over seeds.

Units stand in the column names, fractions are 0–1, what is missing is NA. What one arm gains over another is in
`student_gains.py`.
"""

from __future__ import annotations

import pandas as pd

from distill_core import model_ref, units
from distill_core.arms import STUDENTS
from distill_core.maths import intervals
from distill_core.plans import student_plan
from distill_core.results import StudentRow, StudentsResult, TeacherOfTen
from distill_core.runs.run import Run
from distill_core.specs import StudentsSpec
from distill_core.tables import balance, differences, one_answer
from distill_core.tables import frames as tables_frames
from distill_core.tables import sources as tables_sources
from distill_core.tables.differences import Right
from distill_core.tables.training import arm_title

TEACHER = "teacher"
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
    "n_iterations",
)
_MEASURES = (
    "latency_ms_p50",
    "latency_ms_p95",
    "speedup",
    "speedup_low",
    "speedup_high",
    "teacher_ms",
    "busy_cores",
    "accuracy",
    "ci_low",
    "ci_high",
    "retained",
    "retained_low",
    "retained_high",
    "agreement",
    "kl_to_teacher",
    "train_s",
    "behind",
    "behind_low",
    "behind_high",
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
    "n_iterations",
    "latency_ms_p50",
    "latency_ms_p95",
    "speedup",
    "speedup_low",
    "speedup_high",
    "teacher_ms",
    "busy_cores",
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
    "n_iterations",
    "latency_ms_p50",
    "latency_ms_p95",
    "speedup",
    "speedup_low",
    "speedup_high",
    "teacher_ms",
    "busy_cores",
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
    "behind",
    "behind_low",
    "behind_high",
    "source",
)


def rows_frame(run: Run) -> pd.DataFrame:
    """One row a student, arm and seed (ROW_COLUMNS), also those that are not trained yet; empty without a result.

    `retained_low` to `retained_high` is the 95 % interval over test texts, paired by text where the run has kept the
    answers.
    """
    result, right = run.result_as(StudentsResult), right_answers(run)
    rows = result.rows if result is not None else ()
    source = tables_sources.source_text(run)
    answered, spec = one_answer.answered(run), run.spec_as(StudentsSpec)
    keys = [student_plan.key(spec, row.student, row.arm, row.seed) if spec is not None else "" for row in rows]
    teacher = result.teacher if result is not None else None
    records = [
        {
            **row.model_dump(exclude={"params_by_part", "error"}),
            **dict.fromkeys(("label", "title"), model_ref.title(row.student, row.title)),
            "teacher_ms": row.baseline_ms,
            "arm_title": arm_title(row.arm),
            "batch_size": 1,
            "seq_len": result.seq_len if result else None,
            "error": row.error.message if row.error else None,
            "error_hint": row.error.hint if row.error else None,
            "source": source,
            "answered": answered.get(key),
            **(balance.columns(run, key) if row.accuracy is not None else {}),
            **_retained_interval(row, teacher, right),
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
    numbers = [name for name in MEAN_COLUMNS if name in _MEASURES and name in ROW_COLUMNS]
    means = known.groupby(keys, sort=False)[numbers].mean()
    seeds = known.groupby(keys, sort=False)["seed"].nunique()
    merged = first.drop(columns=numbers).join(means).assign(seeds=seeds).reset_index()
    return tables_frames.typed(merged.to_dict("records"), MEAN_COLUMNS, _COUNTS, _MEASURES)


def right_answers(run: Run) -> dict[tuple[str, str, int], Right]:
    """Right answers by student, arm and seed, and the teacher's as ("", "teacher", 0); empty without predictions."""
    spec, right = run.spec_as(StudentsSpec), differences.right_answers(run)
    if spec is None or TEACHER not in right:
        return {}
    seeds = range(spec.seed, spec.seed + spec.seeds)
    cells = [(str(student), arm, seed) for student in spec.students for arm in spec.arms for seed in seeds]
    keys = {cell: student_plan.key(spec, *cell) for cell in cells}
    return {("", TEACHER, 0): right[TEACHER], **{cell: right[key] for cell, key in keys.items() if key in right}}


def _retained_interval(
    row: StudentRow, teacher: TeacherOfTen | None, right: dict[tuple[str, str, int], Right]
) -> dict[str, float | None]:
    if row.accuracy is None or row.ci_low is None or row.ci_high is None or teacher is None:
        return {}
    limits: tuple[float | None, float | None] | None
    limits = differences.ratio(right.get((row.student, row.arm, row.seed)), right.get(("", TEACHER, 0)))
    if limits is None:
        own = (row.accuracy, row.ci_low, row.ci_high)
        limits = intervals.ratio_interval(own, (teacher.accuracy, teacher.ci_low, teacher.ci_high))
    return {"retained_low": limits[0], "retained_high": limits[1]}


def with_distance(means: pd.DataFrame, run: Run) -> pd.DataFrame:
    """`means_frame` with how far each student lies behind the most accurate one of its arm, among those with a time:
    `behind` (≤ 0, share of the test texts), and its 95 % interval over test texts. NA without predictions.

    Of the two sources of chance it takes the one alone: to call a student as good as the best needs the narrower
    interval, as to call it worse needs the wider one.
    """
    right, found = right_answers(run), means.copy()
    for arm, rows in means.dropna(subset=["latency_ms_p50", "accuracy"]).groupby("arm", sort=False):
        answers = {str(student): _mean_answers(right, str(student), str(arm)) for student in rows["student"]}
        best = answers[str(rows.sort_values("accuracy", kind="stable")["student"].iloc[-1])]
        for index, student in rows["student"].items():
            gap = differences.between([answers[str(student)]], [best])
            if gap is not None:
                found.loc[index, ["behind", "behind_low", "behind_high"]] = (gap.mean, *gap.interval)
    return found


def _mean_answers(right: dict[tuple[str, str, int], Right], student: str, arm: str) -> Right | None:
    """The share of its seeds that are right on each text."""
    return differences.mean([answers for (one, own, _), answers in right.items() if (one, own) == (student, arm)])
