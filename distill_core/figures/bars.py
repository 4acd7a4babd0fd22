"""The building block of the bar figures: horizontal bars from zero, the value at the end, whiskers for intervals."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from distill_core import families
from distill_core.figures import theme
from distill_core.units import is_missing

ROW_PX = 30
_ROOM_FOR_TEXT = 1.3  # the value axis is this much longer than the longest bar


@dataclass(frozen=True)
class Panel:
    """One column of bars. All series have one entry a row; `low` and `high` are the ends of the whiskers."""

    values: pd.Series[Any]
    texts: list[str]
    hovers: list[str]
    title: str
    low: pd.Series[Any] | None = None
    high: pd.Series[Any] | None = None

    @property
    def ends(self) -> list[float]:
        """Where each row's ink ends: the bar, or the whisker's upper end; 0 where there is no value."""
        upper = self.high if self.high is not None else self.values
        ends = [value if is_missing(top) else top for value, top in zip(self.values, upper, strict=True)]
        return [0.0 if is_missing(end) else float(end) for end in ends]

    @property
    def limit(self) -> float:
        return (max(self.ends, default=0.0) or 1.0) * _ROOM_FOR_TEXT


def draw(
    models: pd.DataFrame,
    panel: Panel,
    title: str,
    dark: bool,
    subtitle: str = "",
    more: dict[str, list[Any]] | None = None,
) -> go.Figure:
    """One column of bars; a thin line marks the baseline's value where the frame has a baseline. `more`: shapes and
    annotations beside it."""
    base = baseline_index(models)
    line = more or {}
    if base is not None and len(models) > 1:
        marks = theme.baseline_line(float(panel.values.iloc[base]), labels(models)[base], dark)
        line = {name: [*found, *line.get(name, [])] for name, found in marks.items()}
    return theme.figure(
        traces(models, panel, dark),
        title,
        dark=dark,
        subtitle=subtitle,
        xaxis=theme.axis(panel.title, range=[0, panel.limit]),
        yaxis=theme.names_axis(),
        height=height(models),
        **line,
    )


def baseline_index(frame: pd.DataFrame) -> int | None:
    """Place of the baseline's row; None where there is none."""
    if "is_baseline" not in frame or not frame["is_baseline"].any():
        return None
    return int(frame["is_baseline"].to_numpy().argmax())


def labels(frame: pd.DataFrame) -> list[str]:
    """The names along the axis, safe to show."""
    return [theme.safe(name) for name in frame["label" if "label" in frame else "title"]]


def traces(frame: pd.DataFrame, panel: Panel, dark: bool, axis: str = "x") -> list[dict[str, Any]]:
    """The bars and, as a layer of its own, the values at their ends."""
    names = labels(frame)
    bar = {
        "type": "bar",
        "orientation": "h",
        "y": names,
        "x": _numbers(panel.values),
        "xaxis": axis,
        "marker": _marker(frame, dark),
        "hovertext": panel.hovers,
        "hoverinfo": "text",
        "width": 0.62,
        "error_x": _whiskers(panel),
    }
    text = {
        "type": "scatter",
        "mode": "text",
        "y": names,
        "x": panel.ends,
        "xaxis": axis,
        "textposition": "middle right",
        "text": [f" {text}" for text in panel.texts],
        "hoverinfo": "skip",
        "cliponaxis": False,
        "textfont": {"size": 13},
    }
    return [bar, text]


def _numbers(values: pd.Series[Any]) -> list[float | None]:
    return [None if is_missing(value) else float(value) for value in values]


def _marker(frame: pd.DataFrame, dark: bool) -> dict[str, Any]:
    """Full bars in the family's color; distilled families are hollow: an outline and a light filling."""
    colors = theme.colors(frame, dark)
    hollow = [family in families.BY_KEY and families.BY_KEY[family].distilled for family in frame["family"]]
    fill = [f"{color}38" if is_hollow else color for color, is_hollow in zip(colors, hollow, strict=True)]
    return {"color": [rgba(color) for color in fill], "line": {"color": colors, "width": 1.5}, "cornerradius": 3}


def rgba(color: str) -> str:
    """`#RRGGBB` or `#RRGGBBAA` as a CSS rgba() value, which plotly reads everywhere."""
    red, green, blue = (int(color[i : i + 2], 16) for i in (1, 3, 5))
    alpha = int(color[7:9], 16) / 255 if len(color) == 9 else 1
    return f"rgba({red},{green},{blue},{alpha:.2f})"


def _whiskers(panel: Panel) -> dict[str, Any]:
    if panel.low is None or panel.high is None:
        return {"visible": False}
    plus = [_gap(high, value) for high, value in zip(panel.high, panel.values, strict=True)]
    minus = [_gap(value, low) for value, low in zip(panel.values, panel.low, strict=True)]
    return {
        "type": "data",
        "symmetric": False,
        "array": plus,
        "arrayminus": minus,
        "thickness": 1.5,
        "width": 4,
        "color": theme.QUIET,
    }


def _gap(upper: float, lower: float) -> float:
    return 0.0 if is_missing(upper) or is_missing(lower) else max(0.0, float(upper) - float(lower))


def height(frame: pd.DataFrame) -> int:
    """Pixels for this many rows, with the title and the axis."""
    return 88 + ROW_PX * len(frame)
