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
    """What the distilled student keeps, and what the weakest other way keeps."""
    first = rows.iloc[0]
    claim = f"{first['title']} keeps {units.percent(first['retained'])} of its teacher's accuracy"
    others = rows[(rows["arm"] != first["arm"]) & rows["retained"].notna()]
    if others.empty:
        return claim
    worst = others.sort_values("retained").iloc[0]
    return f"{claim}, {worst['title'].lower()} {units.percent(worst['retained'])}"


def _sentence(row: pd.Series[Any]) -> str:
    low, high = units.percent(row["ci_low"], 3), units.percent(row["ci_high"], 3)
    return (
        f"{theme.safe(row['title'])}: right on {units.percent(row['accuracy'], 3)} of {int(row['n_eval']):,} texts "
        f"(95 % interval {low} to {high}), {units.percent(row['retained'], 3)} of the teacher's accuracy"
        f"{arm_bars.silence(row)}<br>{theme.safe(row['source'])}"
    )
