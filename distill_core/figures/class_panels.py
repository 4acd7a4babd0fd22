"""The building block of figures over classes: panels side by side that share their rows, one bar a class in each.

Three narrow panels also fit on a phone, where three figures below each other would lie too far from their slider.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from distill_core.figures import theme

ROW_PX = 30
HEAD_PX = 28  # and 20 more in the margin
_AXIS_PX = 48
_GAP = 0.05
_NAME_CHARS = 18


@dataclass(frozen=True)
class Panel:
    """One column of bars. `heading` and `note` stand above it; all lists have one entry a class.

    `inside`: the color of a text that is written into the end of its bar; None for one that stands behind it, or, for a
    bar to the left, on the free side of the zero line.
    """

    heading: str
    note: str
    values: list[float]
    texts: list[str]
    hovers: list[str]
    colors: list[str]
    inside: list[str | None]


@dataclass(frozen=True)
class Scale:
    """The value axis that all panels share."""

    title: str
    low: float
    high: float
    ticks: list[float] | None = None


def names(rows: pd.DataFrame) -> list[str]:
    """The classes along the axis, the label in bold. `rows` need class and is_label."""
    return [
        f"<b>{short(name)}</b>" if is_label else short(name)
        for name, is_label in zip(rows["class"], rows["is_label"], strict=True)
    ]


def short(name: object) -> str:
    """A class name for an axis, safe to show; a long one is cut."""
    text = str(name)
    return theme.safe(text if len(text) <= _NAME_CHARS else f"{text[: _NAME_CHARS - 1]}…")


def draw(rows: list[str], panels: list[Panel], title: str, scale: Scale, *, dark: bool = False) -> go.Figure:
    """`rows`: their names, safe to show, the first on top."""
    plot_px = HEAD_PX + ROW_PX * len(rows)
    data: list[dict[str, Any]] = []
    layout: dict[str, Any] = {"annotations": [], "bargap": 0.32}
    for index, panel in enumerate(panels):
        axis = "" if index == 0 else str(index + 1)
        start, end = _domain(index, len(panels))
        data += _traces(rows, panel, axis, dark)
        middle = index == len(panels) // 2
        layout[f"xaxis{axis}"] = theme.axis(
            scale.title if middle else "",
            range=[scale.low, scale.high],
            domain=[start, end],
            tickvals=scale.ticks,
            nticks=4,
            anchor="y",
            zeroline=True,
            zerolinecolor=theme.QUIET,
            zerolinewidth=1,
        )
        layout["annotations"].append(_head(panel, start))
    names_axis = theme.names_axis(domain=[0, 1 - HEAD_PX / plot_px], type="category")
    margin = {"l": 8, "r": 28, "t": 48, "b": _AXIS_PX}
    return theme.figure(
        data, title, dark=dark, height=plot_px + _AXIS_PX + 8, yaxis=names_axis, margin=margin, **layout
    )


def _domain(index: int, count: int) -> tuple[float, float]:
    width = (1 - _GAP * (count - 1)) / count
    start = index * (width + _GAP)
    return start, min(1.0, start + width)


def _traces(names: list[str], panel: Panel, axis: str, dark: bool) -> list[dict[str, Any]]:
    ink = theme.INK_DARK if dark else theme.INK
    where = {"y": names, "xaxis": f"x{axis}", "yaxis": "y"}
    bar = {
        "type": "bar",
        "orientation": "h",
        "x": panel.values,
        **where,
        "hoverinfo": "text",
        "hovertext": panel.hovers,
        "marker": {"color": panel.colors, "cornerradius": 3},
    }
    text = {
        "type": "scatter",
        "mode": "text",
        "x": [max(0.0, value) for value in panel.values],
        **where,
        "hoverinfo": "skip",
        "cliponaxis": False,
        "text": [f" {text} " for text in panel.texts],
        "textposition": ["middle left" if color else "middle right" for color in panel.inside],
        "textfont": {"size": 13, "color": [color or ink for color in panel.inside]},
    }
    return [bar, text]


def _head(panel: Panel, start: float) -> dict[str, Any]:
    return {
        "x": start,
        "xref": "paper",
        "xanchor": "left",
        "y": 1,
        "yref": "paper",
        "yanchor": "top",
        "align": "left",
        "text": f"<b>{panel.heading}</b><br>{panel.note}",
        "showarrow": False,
        "font": {"size": 13},
        "yshift": 20,
    }
