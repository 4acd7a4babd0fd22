"""Why the soft-target loss is multiplied by τ²: how hard it pulls over the temperature, with the factor and without."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from distill_core import units
from distill_core.figures import arm_style, lines, theme

PLOT_PX = 230.0
_TICKS = [0.5, 1, 2, 4, 10, 20]
_LINES = {
    "with_square": ("soft", "With × τ²", "solid"),
    "without_square": ("soft", "Without", "dot"),
    "label": ("hard", "Label", "dash"),
}


def draw(frame: pd.DataFrame, temperature: float, *, dark: bool = False) -> go.Figure:
    """`frame`: `tables.soft_labels.scale`, with a row for this temperature."""
    if frame.empty:
        return theme.empty("No student yet", "Choose a student, or set one by hand.")
    data, ends = [], []
    for column, (term, name, dash) in _LINES.items():
        color = arm_style.term_color(term, dark)
        data.append(_line(frame, column, name, color, dash))
        ends.append((float(frame[column].iloc[-1]), theme.safe(name), color))
    data.append(_marks(frame, temperature, dark))
    high = float(frame[list(_LINES)].to_numpy(dtype=float).max()) * 1.08 or 1.0
    return theme.figure(
        data,
        title(frame, temperature),
        dark=dark,
        height=int(PLOT_PX + 60),
        annotations=lines.end_labels(ends, (0.0, high), PLOT_PX * 1.8),  # one line each, not two
        margin={"l": 8, "r": 84, "t": 8, "b": 48},
        xaxis=theme.axis(
            "temperature τ (logarithmic)", type="log", tickvals=_TICKS, range=[math.log10(0.47), math.log10(21)]
        ),
        yaxis=theme.axis("length of the gradient, ‖∂L/∂z‖", range=[0, high]),
    )


def title(frame: pd.DataFrame, temperature: float) -> str:
    """What the factor is worth at the chosen temperature."""
    row = _at(frame, temperature)
    factor = temperature**2
    if row["with_square"] < 1e-9:
        return "Teacher and student agree: at no temperature is there anything to pull"
    if factor == 1:
        return "At τ = 1 the factor τ² changes nothing: watch it at higher temperatures"
    return f"At τ = {temperature:g} the factor τ² makes the soft targets pull {units.significant(factor)} times as hard"


def _at(frame: pd.DataFrame, temperature: float) -> pd.Series[Any]:
    return frame.iloc[int((frame["temperature"] - temperature).abs().to_numpy().argmin())]


def _line(frame: pd.DataFrame, column: str, name: str, color: str, dash: str) -> dict[str, Any]:
    xs, ys = frame["temperature"].tolist(), frame[column].tolist()
    hovers = [f"{name}: pull {units.significant(y)} at τ = {x:g}" for x, y in zip(xs, ys, strict=True)]
    return {
        "type": "scatter",
        "mode": "lines",
        "x": xs,
        "y": ys,
        "line": {"color": color, "width": 2.5, "dash": dash},
        "hoverinfo": "text",
        "hovertext": hovers,
    }


def _marks(frame: pd.DataFrame, temperature: float, dark: bool) -> dict[str, Any]:
    """Where the slider stands, on both lines of the soft targets."""
    row = _at(frame, temperature)
    color = arm_style.term_color("soft", dark)
    return {
        "type": "scatter",
        "mode": "markers",
        "x": [temperature] * 2,
        "hoverinfo": "skip",
        "cliponaxis": False,
        "y": [float(row["with_square"]), float(row["without_square"])],
        "marker": {"size": 11, "color": color, "symbol": ["circle", "circle-open"], "line": {"width": 2}},
    }
