"""What moved: test texts in the plane of the two main axes, before and after fine-tuning, each filling its panel."""

from __future__ import annotations

from typing import Any

import pandas as pd
import plotly.graph_objects as go

from distill_core import units
from distill_core.figures import theme, transfer_style
from distill_core.tables.moved import AFTER, BEFORE, separation

HEIGHT_PX = 360
EMPTY = ("No texts are placed yet", "They appear with the first fine-tuned model of a run.")
_PANELS = {BEFORE: ("x", "y", (0.0, 0.485)), AFTER: ("x2", "y2", (0.515, 1.0))}
_TEXT_CHARS = 90
_MOST_NAMES = 6
_TOP = 0.84  # where the panels end and the headings begin


def draw(frame: pd.DataFrame, *, dark: bool = False) -> go.Figure:
    """`frame`: `tables.moved.plane_frame`. Each panel has a range of its own, the same in both directions: on one range
    the texts before fine-tuning, which lie close together, would be a dot."""
    if frame.empty:
        return theme.empty(*EMPTY)
    labels = sorted(set(frame["label"]))
    data = [
        _points(frame[(frame["phase"] == phase) & (frame["label"] == label)], label, (place, phase), dark)
        for phase in _PANELS
        for place, label in enumerate(labels)
    ]
    layout = {name: axis for phase in _PANELS for name, axis in _axes(frame, phase).items()}
    notes = [*(_heading(frame, phase) for phase in _PANELS), _legend(labels, dark)]
    return theme.figure(
        data,
        title(frame),
        dark=dark,
        height=HEIGHT_PX,
        annotations=notes,
        margin={"l": 4, "r": 4, "t": 48, "b": 36},
        **layout,
    )


def title(frame: pd.DataFrame) -> str:
    """How well the nearest class center tells the classes, before and after."""
    before, after = (separation(frame, phase) for phase in (BEFORE, AFTER))
    return (
        f"The nearest class center is the right one for {units.percent(before)} of the texts before and for "
        f"{units.percent(after)} after"
    )


def _points(rows: pd.DataFrame, label: str, where: tuple[int, str], dark: bool) -> dict[str, Any]:
    place, phase = where
    x_axis, y_axis, _ = _PANELS[phase]
    color = transfer_style.class_color(place, dark)
    return {
        "type": "scatter",
        "mode": "markers",
        "x": [float(x) for x in rows["x"]],
        "y": [float(y) for y in rows["y"]],
        "xaxis": x_axis,
        "yaxis": y_axis,
        "name": theme.safe(label),
        "hoverinfo": "text",
        "hovertext": [_hover(row, label) for row in rows.itertuples()],
        "marker": {"symbol": transfer_style.class_symbol(place), "size": 6, "color": color, "opacity": 0.7},
    }


def _hover(row: Any, label: str) -> str:
    words = str(row.text)
    shown = words if len(words) <= _TEXT_CHARS else f"{words[: _TEXT_CHARS - 1]}…"
    return f"labeled {theme.safe(label)}" + (f"<br>{theme.safe(shown)}" if shown else "")


def _axes(frame: pd.DataFrame, phase: str) -> dict[str, Any]:
    """Without numbers: the two axes have no unit, only distances mean something."""
    points = frame.loc[frame["phase"] == phase, ["x", "y"]].abs().to_numpy(dtype=float)
    reach = 1.06 * float(points.max(initial=0) or 1)
    x_axis, y_axis, domain = _PANELS[phase]
    quiet = {
        "range": [-reach, reach],
        "showticklabels": False,
        "ticks": "",
        "zeroline": True,
        "zerolinecolor": theme.GRID,
    }
    return {
        x_axis.replace("x", "xaxis"): theme.axis("first main axis", domain=domain, anchor=y_axis, **quiet),
        y_axis.replace("y", "yaxis"): theme.axis(
            "", anchor=x_axis, scaleanchor=x_axis, constrain="domain", constraintoward="top", domain=[0, _TOP], **quiet
        ),
    }


def _heading(frame: pd.DataFrame, phase: str) -> dict[str, Any]:
    share = units.percent(separation(frame, phase))
    start = _PANELS[phase][2][0]
    return {
        "x": start,
        "xref": "paper",
        "xanchor": "left",
        "y": _TOP,
        "yref": "paper",
        "yanchor": "bottom",
        "yshift": 4,
        "text": f"<b>{phase.capitalize()}</b>: {share}",
        "showarrow": False,
        "font": {"size": 13},
    }


def _legend(labels: list[str], dark: bool) -> dict[str, Any]:
    """The marks of the labels in one line above both panels: in the planes names would lie on each other."""
    words = [
        f'<span style="color:{transfer_style.class_color(place, dark)}">{transfer_style.class_sign(place)} '
        f"{theme.safe(label)}</span>"
        for place, label in enumerate(labels[:_MOST_NAMES])
    ]
    more = f"and {len(labels) - _MOST_NAMES} more" if len(labels) > _MOST_NAMES else ""
    return {
        "x": 0,
        "xref": "paper",
        "xanchor": "left",
        "y": 1,
        "yref": "paper",
        "yanchor": "top",
        "text": "    ".join([*words, more]).strip(),
        "showarrow": False,
        "font": {"size": 14},
    }
