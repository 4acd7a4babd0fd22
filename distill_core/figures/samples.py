"""How the student sees a few test texts while it learns: its probability beside the teacher's, text by text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from distill_core import units
from distill_core.figures import arm_style, lines, theme
from distill_core.figures.loss_terms import current_arm
from distill_core.results import DistillResult
from distill_core.tables.training import arm_title

ROW_PX = 62
_TEXT_CHARS = 80


@dataclass(frozen=True)
class Sample:
    """One text: the class that the teacher prefers, and what teacher and student give to it (0–1)."""

    text: str
    label: str
    teacher: float
    student: float | None


def samples(frame: pd.DataFrame, result: DistillResult) -> list[Sample]:
    """`frame`: points with the columns of `tail.COLUMNS`; the newest arm counts. A student's value may be missing."""
    own = frame[(frame["arm"] == current_arm(frame)) & (frame["split"] == "validation")]
    newest: dict[str, float] = dict(zip(own["name"], own["value"], strict=True))
    found = []
    for number, (text, shares) in enumerate(zip(result.sample_texts, result.teacher_probabilities, strict=False)):
        best = max(range(len(shares)), key=shares.__getitem__)
        label = result.label_names[best] if best < len(result.label_names) else f"class {best}"
        found.append(Sample(text, label, shares[best], newest.get(f"text {number} class {best}")))
    return found


def draw(frame: pd.DataFrame, result: DistillResult, *, dark: bool = False) -> go.Figure:
    """One row a text: a diamond for the teacher, a dot for the student, the gap between them."""
    rows = samples(frame, result)
    if not rows:
        return theme.empty("No texts yet", "They appear when the teacher has read the data.")
    arm = lines.arm_of(current_arm(frame)).key
    color, ink = arm_style.color(arm, dark), theme.INK_DARK if dark else theme.INK
    places = list(range(len(rows)))
    data = [_gaps(rows), _marks([row.teacher for row in rows], places, "Teacher", rows, ("diamond-open", ink))]
    data.append(_marks([row.student for row in rows], places, "Student", rows, ("circle", color)))
    return theme.figure(
        data,
        title(rows, arm),
        dark=dark,
        height=ROW_PX * len(rows) + 72,
        annotations=_headings(rows),
        margin={"l": 8, "r": 16, "t": 48, "b": 48},
        xaxis=theme.axis("probability of the teacher's class (%)   ◇ teacher   ● student", range=[-2, 102]),
        yaxis={"visible": False, "range": [len(rows) - 0.4, -0.75], "fixedrange": True},
    )


def title(rows: list[Sample], arm: str) -> str:
    """How far the student is from its teacher on these texts, in percentage points."""
    gaps = [abs(row.teacher - row.student) for row in rows if row.student is not None]
    if not gaps:
        return f"What the teacher says about {len(rows)} test texts"
    points = units.significant(100 * sum(gaps) / len(gaps), 2)
    return f"{arm_title(arm)}: {points} points from its teacher on {len(gaps)} test texts, on average"


def _marks(
    values: list[float | None] | list[float], places: list[int], who: str, rows: list[Sample], look: tuple[str, str]
) -> dict[str, Any]:
    shown = [(value, place, rows[place]) for value, place in zip(values, places, strict=True) if value is not None]
    return {
        "type": "scatter",
        "mode": "markers",
        "x": [value * 100 for value, *_ in shown],
        "y": [place for _, place, _ in shown],
        "hoverinfo": "text",
        "hovertext": [f"{who}: {units.percent(value, 3)} {theme.safe(row.label)}" for value, _, row in shown],
        "marker": {"symbol": look[0], "size": 13, "color": look[1], "line": {"width": 2, "color": look[1]}},
        "cliponaxis": False,
    }


def _gaps(rows: list[Sample]) -> dict[str, Any]:
    xs: list[float | None] = []
    ys: list[float | None] = []
    for place, row in enumerate(rows):
        if row.student is not None:
            xs += [row.teacher * 100, row.student * 100, None]
            ys += [place, place, None]
    return {
        "type": "scatter",
        "mode": "lines",
        "x": xs,
        "y": ys,
        "hoverinfo": "skip",
        "line": {"color": theme.QUIET, "width": 2},
    }


def _headings(rows: list[Sample]) -> list[dict[str, Any]]:
    """The text and the teacher's class above each row."""
    found = []
    for place, row in enumerate(rows):
        text = row.text if len(row.text) <= _TEXT_CHARS else row.text[: _TEXT_CHARS - 1] + "…"
        found.append(
            {
                "x": 0,
                "xref": "paper",
                "xanchor": "left",
                "y": place,
                "yanchor": "bottom",
                "yshift": 9,
                "text": f"<b>{theme.safe(row.label)}?</b> {theme.safe(text)}",
                "showarrow": False,
                "align": "left",
                "font": {"size": 12},
            }
        )
    return found
