"""What each student keeps of its teacher: accuracy with its interval, the teacher as a line."""

from __future__ import annotations

from typing import Any

import pandas as pd
import plotly.graph_objects as go

from distill_core import units
from distill_core.figures import arm_bars, theme
from distill_core.tables.training import students, teacher_accuracy


def draw(frame: pd.DataFrame, *, dark: bool = False) -> go.Figure:
    """`frame`: `tables.training.students_frame`. One bar a student, in the order of training."""
    rows = students(frame)
    teacher = teacher_accuracy(frame)
    if rows.empty or teacher is None:
        return theme.empty("No student yet", "A bar appears when a student is trained and tested.")
    line = (teacher, f"teacher {units.percent(teacher, 3)}")
    return arm_bars.draw(rows, title(rows), [_sentence(row) for _, row in rows.iterrows()], line=line, dark=dark)


def title(rows: pd.DataFrame) -> str:
    """What the first way to learn keeps, what the weakest other one keeps, and what the most frequent class alone
    would: means over the seeds of each."""
    means = rows.groupby(["arm", "title"], sort=False)["retained"].mean().dropna().reset_index()
    seeds = int(rows["seed"].nunique())
    if means.empty:
        return "What the students keep is not measured yet"
    first, others = means.iloc[0], means.iloc[1:].sort_values("retained", kind="stable")
    words = [f"{first['title']} keeps {units.percent(first['retained'])} of its teacher's accuracy"]
    words += [f"{units.in_sentence(row['title'])} {units.percent(row['retained'])}" for _, row in others[:1].iterrows()]
    majority = rows["majority_retained"].iloc[0]
    words += [] if units.is_missing(majority) else [f"always the most frequent class {units.percent(majority)}"]
    return f"{', '.join(words)}{f' (means of {seeds} seeds)' if seeds > 1 else ''}"


def _sentence(row: pd.Series[Any]) -> str:
    low, high = units.percent(row["ci_low"], 3), units.percent(row["ci_high"], 3)
    return (
        f"{theme.safe(row['title'])}: right on {units.percent(row['accuracy'], 3)} of {int(row['n_eval']):,} texts "
        f"(95 % interval {low} to {high}), {units.percent(row['retained'], 3)} of the teacher's accuracy"
        f"{arm_bars.silence(row)}<br>{theme.safe(row['source'])}"
    )
