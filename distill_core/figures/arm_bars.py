"""The building block of accuracy by arm: bars from zero in the arms' colors, whiskers, the value at the end."""

from __future__ import annotations

from typing import Any

import pandas as pd
import plotly.graph_objects as go

from distill_core import units
from distill_core.figures import arm_style, theme
from distill_core.tables import one_answer
from distill_core.units import is_missing

ROW_PX = 46
_TEXT_AT = 101  # right of all bars: no whisker and no line of reference crosses the values


def draw(
    rows: pd.DataFrame, title: str, hovers: list[str], *, line: tuple[float, str] | None = None, dark: bool = False
) -> go.Figure:
    """`rows` need arm, title, accuracy, ci_low and ci_high (0–1). `line`: a value (0–1) to compare with, its name. The
    share of the most frequent class, which a model reaches that always says it, is a line where `rows` have it."""
    names = unique_names(rows)
    shares = [None if is_missing(value) else float(value) * 100 for value in rows["accuracy"]]
    colors = [arm_style.color(str(arm), dark) for arm in rows["arm"]]
    bar = {
        "type": "bar",
        "orientation": "h",
        "y": names,
        "x": shares,
        "width": 0.6,
        "hoverinfo": "text",
        "hovertext": hovers,
        "marker": {"color": colors, "cornerradius": 3},
        "error_x": _whiskers(rows),
    }
    text = {
        "type": "scatter",
        "mode": "text",
        "y": names,
        "x": [_TEXT_AT] * len(names),
        "hoverinfo": "skip",
        "cliponaxis": False,
        "text": [f" {units.percent(None if v is None else v / 100, 3)}" for v in shares],
        "textposition": "middle right",
        "textfont": {"size": 13, "color": theme.INK_DARK if dark else theme.INK},
    }
    return theme.figure(
        [bar, text],
        title,
        dark=dark,
        **_references(rows, line, dark),
        height=104 + ROW_PX * len(rows),
        xaxis=theme.axis("accuracy (%), whiskers: 95 % interval", range=[0, 118], tickvals=[0, 20, 40, 60, 80, 100]),
        yaxis=theme.names_axis(),
    )


def _references(rows: pd.DataFrame, line: tuple[float, str] | None, dark: bool) -> dict[str, Any]:
    """The lines to compare with: the given one, and the most frequent class."""
    own = theme.baseline_line(line[0] * 100, line[1], dark) if line else {}
    return {name: [*own.get(name, []), *marks] for name, marks in theme.majority_line(rows, dark).items()}


def silence(row: pd.Series[Any]) -> str:
    """A line of the hover text where a model gives one answer to all test texts; empty for the others."""
    words = one_answer.hover(row)
    return f"<br>{words}" if words else ""


def unique_names(rows: pd.DataFrame) -> list[str]:
    """The titles along the axis; the seed is added where an arm came several times."""
    counts = rows["title"].value_counts()
    return [
        theme.safe(title if counts[title] == 1 else f"{title}, seed {seed}")
        for title, seed in zip(rows["title"], rows["seed"], strict=True)
    ]


def _whiskers(rows: pd.DataFrame) -> dict[str, Any]:
    plus = [_gap(high, value) for high, value in zip(rows["ci_high"], rows["accuracy"], strict=True)]
    minus = [_gap(value, low) for value, low in zip(rows["accuracy"], rows["ci_low"], strict=True)]
    return {
        "type": "data",
        "symmetric": False,
        "array": plus,
        "arrayminus": minus,
        "thickness": 1.5,
        "width": 5,
        "color": theme.QUIET,
    }


def _gap(upper: Any, lower: Any) -> float:
    return 0.0 if is_missing(upper) or is_missing(lower) else max(0.0, float(upper) - float(lower)) * 100
