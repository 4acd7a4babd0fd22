"""What the teacher gives each student: its accuracy in every arm of the experiment, one row a student.

Arms stand below each other within a row, in the same order, so that their intervals can be told apart; a thin line
joins them. The teacher is a dashed line through all rows.
"""

from __future__ import annotations

from typing import Any

import pandas as pd
import plotly.graph_objects as go

from distill_core import arms, units
from distill_core.figures import arm_style, bars, theme
from distill_core.results import TeacherOfTen
from distill_core.tables import students as tables_students
from distill_core.tables.student_gains import Claim
from distill_core.tables.training import arm_title

EMPTY = "No student is tested yet"
ROW_PX = 46
_SIGNS = {"circle": "●", "circle-open": "○", "diamond": "◆", "diamond-open": "◇", "square": "■"}
_SPREAD = 0.62  # of a row's height, from the first arm to the last


def draw(frame: pd.DataFrame, teacher: TeacherOfTen | None, claim: Claim | None, *, dark: bool = False) -> go.Figure:
    """`frame`: `tables.students.means_frame`. `claim`: taught against labels alone, None while there is no pair."""
    shown = tables_students.arms(frame)
    if not shown or teacher is None:
        return theme.empty(EMPTY, "A mark appears when a student is trained and tested.")
    names = list(dict.fromkeys(frame["label"]))
    shifts = _shifts(shown)
    data = [_joined(frame, names, shifts)] + [
        _arm(frame[frame["arm"] == arm], names, shifts[arm], arm, dark) for arm in shown
    ]
    line = theme.baseline_line(100 * teacher.accuracy, f"{teacher.title} {units.percent(teacher.accuracy, 3)}", dark)
    line["annotations"][0]["xanchor"] = "right"  # the teacher stands near the edge of a narrow screen
    low, high = float(frame["ci_low"].min()), max(float(frame["ci_high"].max()), teacher.accuracy)
    return theme.figure(
        data,
        title(frame, teacher, claim),
        dark=dark,
        height=ROW_PX * len(names) + 96,
        xaxis=theme.axis(_key(shown, dark), range=[max(0.0, 100 * low - 1), min(101.0, 100 * high + 1)]),
        yaxis=theme.axis(
            range=[len(names) - 0.5, -0.5],
            showgrid=False,
            ticks="",
            tickfont={"size": 13},
            tickvals=list(range(len(names))),
            ticktext=[theme.safe(name) for name in names],
        ),
        **line,
    )


def title(frame: pd.DataFrame, teacher: TeacherOfTen, claim: Claim | None) -> str:
    """How many students the teacher has helped beyond chance."""
    if claim is None:
        best = frame.sort_values("accuracy").iloc[-1]
        return f"{theme.safe(best['label'])} reaches {units.percent(best['accuracy'], 3)} so far"
    start = f"Taught by {theme.safe(teacher.title)}"
    points = units.significant(abs(100 * claim.mean), 2)
    if claim.better is None or claim.worse is None:
        change = f"{'gain' if claim.mean >= 0 else 'lose'} {points} points over the same labels alone"
        return f"{start}, students {change}; without predictions it is open whether by chance"
    if claim.n == 1:
        verb = "beats" if claim.better else "falls behind" if claim.worse else "cannot be told from"
        return f"{start}, the student {verb} the same labels alone{' beyond chance' if claim.better else ''}"
    lost = f"; {claim.worse} fall{'s' if claim.worse == 1 else ''} behind" if claim.worse else ""
    return f"{start}, {claim.better} of {claim.n} students beat the same labels alone beyond chance{lost}"


def _shifts(shown: list[str]) -> dict[str, float]:
    """Where each arm stands within its row, in rows: the first on top."""
    step = _SPREAD / max(1, len(shown) - 1)
    return {arm: (place - (len(shown) - 1) / 2) * step for place, arm in enumerate(shown)}


def _joined(frame: pd.DataFrame, names: list[str], shifts: dict[str, float]) -> dict[str, Any]:
    """A thin line through the arms of each student, with a gap between students."""
    xs: list[float | None] = []
    ys: list[float | None] = []
    for place, name in enumerate(names):
        own = frame[frame["label"] == name].set_index("arm")["accuracy"]
        for arm, shift in shifts.items():
            if arm in own.index:
                xs.append(100 * float(own[arm]))
                ys.append(place + shift)
        xs.append(None)
        ys.append(None)
    return {
        "type": "scatter",
        "mode": "lines",
        "x": xs,
        "y": ys,
        "hoverinfo": "skip",
        "line": {"color": theme.QUIET, "width": 1},
    }


def _arm(rows: pd.DataFrame, names: list[str], shift: float, arm: str, dark: bool) -> dict[str, Any]:
    """The marks of one arm with their whiskers."""
    color = arm_style.color(arm, dark)
    return {
        "type": "scatter",
        "mode": "markers",
        "x": [100 * float(value) for value in rows["accuracy"]],
        "y": [names.index(label) + shift for label in rows["label"]],
        "name": arm_title(arm),
        "marker": {
            "symbol": arms.students(arm).symbol,
            "size": 10,
            "color": color,
            "line": {"width": 2, "color": color},
        },
        "hoverinfo": "text",
        "hovertext": [_sentence(row) for _, row in rows.iterrows()],
        "cliponaxis": False,
        "error_x": {
            "type": "data",
            "symmetric": False,
            "color": bars.rgba(f"{color}99"),
            "thickness": 1.5,
            "width": 3,
            "array": [100 * float(gap) for gap in rows["ci_high"] - rows["accuracy"]],
            "arrayminus": [100 * float(gap) for gap in rows["accuracy"] - rows["ci_low"]],
        },
    }


def _sentence(row: pd.Series[Any]) -> str:
    low, high = units.percent(row["ci_low"], 3), units.percent(row["ci_high"], 3)
    read = f"{int(row['labels']):,} labels, {int(row['train_texts']):,} texts"
    return (
        f"{theme.safe(row['label'])}, {units.in_sentence(row['arm_title'])} ({read}): right on "
        f"{units.percent(row['accuracy'], 3)} of {int(row['n_eval']):,} test texts (95 % interval {low} to {high}), "
        f"{units.percent(row['retained'], 3)} of the teacher's accuracy<br>{theme.safe(row['source'])}"
    )


def _key(shown: list[str], dark: bool) -> str:
    """The signs of the arms in their colors, two a line, above the unit."""
    words = [
        f'<span style="color:{arm_style.color(arm, dark)}">{_SIGNS[arms.students(arm).symbol]} {arm_title(arm)}</span>'
        for arm in shown
    ]
    lines = ["   ".join(words[start : start + 2]) for start in range(0, len(words), 2)]
    return "<br>".join([*lines, "accuracy (%), whiskers: 95 % interval"])
