"""Three bullet bars: what your student reached here, and the mark of what DistilBERT's paper claims for its own.

The bar is measured, the hollow diamond is published: two kinds of ink for two kinds of truth.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from distill_core import units
from distill_core.figures import arm_style, theme
from distill_core.units import is_missing

ROW_PX = 100
_LIMITS = {"size": 1.0, "speed": 2.0, "accuracy": 1.1}
_TEXTS: dict[str, Callable[[float | None], str]] = {
    "size": units.percent,
    "speed": units.as_fast,
    "accuracy": units.percent,
}


def draw(frame: pd.DataFrame, *, arm: str = "distilled", dark: bool = False) -> go.Figure:
    """`frame`: `tables.training.claims_frame`. One row a claim, each with a scale of its own that begins at zero."""
    if frame.empty:
        return theme.empty("No student yet", "The bars appear when the first student is trained and measured.")
    data: list[dict[str, Any]] = []
    layout: dict[str, Any] = {"annotations": [], "margin": {"l": 8, "r": 16, "t": 48, "b": 8}}
    color = arm_style.color(arm, dark)
    for index, (_, row) in enumerate(frame.iterrows()):
        suffix = "" if index == 0 else str(index + 1)
        data += _traces(row, suffix, color, dark)
        layout |= _axes(row, suffix, _domain(index, len(frame)))
        layout["annotations"].append(_heading(row, suffix))
    return theme.figure(
        data, title(frame), dark=dark, subtitle=_load(frame), height=ROW_PX * len(frame) + 16, bargap=0.4, **layout
    )


def title(frame: pd.DataFrame) -> str:
    """`38 % fewer parameters, 1.7 × as fast as the teacher, 96 % of the accuracy kept`."""
    return ", ".join(_phrase(row) for _, row in frame.iterrows() if not is_missing(row["measured"]))


def _load(frame: pd.DataFrame) -> str:
    return units.others_load(frame["busy_cores"].iloc[0])


def _phrase(row: pd.Series[Any]) -> str:
    if row["key"] == "speed":
        value = units.measured_as_fast(row["measured"], (row["low"], row["high"]), "the teacher")
        return "speed n/a" if value == units.MISSING else value
    value = _TEXTS[row["key"]](row["measured"])
    return f"{value} {row['title']}"


def _traces(row: pd.Series[Any], suffix: str, color: str, dark: bool) -> list[dict[str, Any]]:
    where = {"xaxis": f"x{suffix}", "yaxis": f"y{suffix}", "y": [0]}
    ink = theme.INK_DARK if dark else theme.INK
    low, high = row["low"], row["high"]
    measured = None if is_missing(row["measured"]) else float(row["measured"])
    has_interval = not is_missing(low) and not is_missing(high) and measured is not None
    bar = {
        "type": "bar",
        "orientation": "h",
        "x": [measured],
        "width": 0.8,
        **where,
        "marker": {"color": color, "cornerradius": 3},
        "hoverinfo": "text",
        "hovertext": [_measured_sentence(row)],
        "error_x": {
            "type": "data",
            "symmetric": False,
            "array": [high - measured if has_interval else 0],
            "arrayminus": [measured - low if has_interval else 0],
            "visible": bool(has_interval),
            "color": ink,
            "thickness": 1.5,
            "width": 5,
        },
    }
    mark = {
        "type": "scatter",
        "mode": "markers",
        "x": [row["published"]],
        **where,
        "hoverinfo": "text",
        "hovertext": [_published_sentence(row)],
        "cliponaxis": False,
        "marker": {"symbol": "diamond-open", "size": 15, "color": ink, "line": {"width": 2, "color": ink}},
    }
    return [bar, mark]


def _measured_sentence(row: pd.Series[Any]) -> str:
    text = units.times if row["key"] == "speed" else _TEXTS[row["key"]]
    interval = ""
    if not is_missing(row["low"]) and not is_missing(row["high"]):
        interval = f" (95 % interval {text(row['low'])} to {text(row['high'])})"
    how = f"<br>{_how_timed(row)}" if row["key"] == "speed" else ""
    return f"Your student: {_phrase(row)}{interval}{how}<br>{theme.safe(row['source'])}"


def _how_timed(row: pd.Series[Any]) -> str:
    """At which size, and beside what."""
    if is_missing(row["seq_len"]):
        return "timed in turns"
    load = units.others_load(row["busy_cores"])
    return f"timed in turns at {int(row['batch_size'])} × {int(row['seq_len'])} tokens{f', {load}' if load else ''}"


def _published_sentence(row: pd.Series[Any]) -> str:
    return (
        f"DistilBERT's paper says “{theme.safe(row['claim'])}”: {_TEXTS[row['key']](row['published'])} "
        f"from its own numbers<br>published, {theme.safe(row['published_source'])}"
    )


def _domain(index: int, count: int) -> list[float]:
    """The bar's part of a row: the heading stands above it, the ticks below."""
    top = 1 - index / count
    return [top - 0.62 / count, top - 0.36 / count]


def _axes(row: pd.Series[Any], suffix: str, domain: list[float]) -> dict[str, Any]:
    values = [row[name] for name in ("measured", "published", "high") if not is_missing(row[name])]
    limit = max(_LIMITS[row["key"]], max(values) * 1.12)
    low = min(0.0, min(values) * 1.2)
    ticks = {"tickformat": ".0%"} if row["key"] != "speed" else {"ticksuffix": " ×"}
    return {
        f"xaxis{suffix}": theme.axis(range=[low, limit], anchor=f"y{suffix}", nticks=6, **ticks),
        f"yaxis{suffix}": {"visible": False, "range": [-0.5, 0.5], "domain": domain, "fixedrange": True},
    }


def _heading(row: pd.Series[Any], suffix: str) -> dict[str, Any]:
    published = _TEXTS[row["key"]](row["published"])
    text = f"<b>{theme.safe(_phrase(row))}</b> · ◇ DistilBERT {published}"
    if not is_missing(row["majority"]):
        text += f" · most frequent class alone {units.percent(row['majority'])}"
    return {
        "x": 0,
        "xref": "paper",
        "xanchor": "left",
        "y": 0.5,
        "yref": f"y{suffix}",
        "yanchor": "bottom",
        "yshift": 10,
        "text": text,
        "showarrow": False,
        "font": {"size": 13},
    }
