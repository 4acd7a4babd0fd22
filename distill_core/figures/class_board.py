"""The results of a class: accuracy over time for one text or over size, each student's models, and the frontier.

A mark's area follows the number of parameters; a hollow one is a network that taught. `draw_guesses` is the class's
guess of one number as a histogram.
"""

from __future__ import annotations

from typing import Any

import pandas as pd
import plotly.graph_objects as go

from distill_core import units
from distill_core.figures import theme, tradeoff

X_TITLES = {"latency_ms_p50": "Latency p50 (ms), measured at different moments", "params": "Parameters"}
NAMED = 12  # names that stand in the picture; the others show under the pointer
BIN = 0.05


def draw(points: pd.DataFrame, frontier: pd.DataFrame, x: str, *, dark: bool = False) -> go.Figure:
    """`points`: `classroom.board` of one data set; `frontier`: those of it that no other beats; `x`: latency_ms_p50 or
    params."""
    known = points.dropna(subset=[x, "accuracy"])
    if known.empty:
        return theme.empty("No result yet", "It stands here seconds after the first run has ended.")
    lines = [_steps(frontier, x, dark)] if len(frontier) > 1 else []
    is_teacher = known["is_teacher"].astype(bool)
    others = known[~known.index.isin(frontier.index) & ~is_teacher]
    return theme.figure(
        [*lines, _teachers(known[is_teacher], x), _marks(others, x, theme.QUIET), _best(frontier, x, dark)],
        title(known, x),
        dark=dark,
        xaxis=theme.axis(X_TITLES[x], type="log"),
        yaxis=theme.axis("Accuracy", tickformat=".0%"),
        height=460,
    )


def title(points: pd.DataFrame, x: str) -> str:
    """What the picture shows, in one sentence; computed from the points alone."""
    known = points[~points["is_teacher"].astype(bool)].dropna(subset=[x, "accuracy"])
    if known.empty:
        return "No result yet"
    best = max(known["accuracy"].astype(float))
    students = known["student"].nunique()
    who = "one student" if students == 1 else f"{students} students"
    models = "1 model" if len(known) == 1 else f"{len(known)} models"
    return f"{models} of {who}; the most accurate is right on {units.percent(best, 3)}"


def _steps(frontier: pd.DataFrame, x: str, dark: bool) -> dict[str, Any]:
    corners = [(float(row[x]), float(row["accuracy"])) for _, row in frontier.iterrows()]
    return tradeoff.frontier(corners, dark)


def _marks(points: pd.DataFrame, x: str, color: str) -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": "markers",
        "x": points[x].astype(float).tolist(),
        "y": points["accuracy"].astype(float).tolist(),
        "marker": {
            "size": tradeoff.diameters(points) if len(points) else [],
            "color": color,
            "opacity": 0.75,
            "line": {"width": 1, "color": "rgba(255,255,255,0.6)"},
        },
        "text": [_hover(row) for _, row in points.iterrows()],
        "hovertemplate": "%{text}<extra></extra>",
    }


def _teachers(points: pd.DataFrame, x: str) -> dict[str, Any]:
    """The networks that taught: one hollow mark each, however many students they had."""
    once = points.drop_duplicates(["accuracy", "params"])
    marks = _marks(once, x, "rgba(0,0,0,0)")
    marks["marker"] |= {"symbol": "diamond", "size": 16, "line": {"width": 2, "color": theme.QUIET}}
    return {
        **marks,
        "text": [
            theme.safe(f"{name}: accuracy {units.percent(value, 3)}")
            for name, value in zip(once["label"], once["accuracy"], strict=True)
        ],
    }


def _best(frontier: pd.DataFrame, x: str, dark: bool) -> dict[str, Any]:
    marks = _marks(frontier, x, theme.accent(dark))
    names = [theme.safe(name) if place < NAMED else "" for place, name in enumerate(frontier["student"])]
    return {
        **marks,
        "mode": "markers+text",
        "hovertext": marks["text"],
        "text": names,
        "textposition": "top center",
        "hovertemplate": "%{hovertext}<extra></extra>",
    }


def _hover(row: Any) -> str:
    parts = [
        f"<b>{theme.safe(row['student'])}</b>",
        theme.safe(row["label"]),
        f"accuracy {units.percent(row['accuracy'], 3)}",
        f"{units.millions(row['params'])} parameters",
        f"{units.milliseconds(row['latency_ms_p50'])} a text",
    ]
    return "<br>".join(parts)


def draw_guesses(guesses: pd.DataFrame, label: str, *, is_shown: bool, dark: bool = False) -> go.Figure:
    """A histogram of the class's guesses of one number (shares 0–1); `is_shown`: with what was measured."""
    if guesses.empty:
        return theme.empty("No guess yet", "Guesses come from the Transfer lab, before a result is shown.")
    bins = (guesses["guess"].astype(float) / BIN).astype(int).clip(upper=round(1 / BIN) - 1)
    counts = bins.value_counts().sort_index()
    measured = guesses["measured"].dropna()
    lines: list[dict[str, Any]] = []
    if is_shown and len(measured):
        ink = theme.INK_DARK if dark else theme.INK
        place = float(measured.iloc[0])
        line = {"color": ink, "width": 2}
        lines = [{"type": "line", "x0": place, "x1": place, "y0": 0, "y1": 1, "yref": "paper", "line": line}]
    median = float(guesses["guess"].median())
    said = f"{theme.safe(label)}: {len(guesses)} guesses, half of them below {units.percent(median)}"
    found = f"measured: {units.percent(float(measured.iloc[0]), 3)}" if lines else ""
    return theme.figure(
        [
            {
                "type": "bar",
                "x": [(place + 0.5) * BIN for place in counts.index],
                "y": counts.tolist(),
                "width": BIN * 0.92,
                "marker": {"color": theme.accent(dark)},
                "hovertemplate": "%{y} guesses around %{x:.0%}<extra></extra>",
            }
        ],
        said,
        subtitle=found,
        dark=dark,
        shapes=lines,
        xaxis=theme.axis("Guess", tickformat=".0%", range=[0, 1]),
        yaxis=theme.axis("Students", dtick=max(1, int(counts.max()) // 5)),
        height=300,
    )
