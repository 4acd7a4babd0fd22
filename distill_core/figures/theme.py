"""What all figures share: quiet axes, family colors and symbols, text that is safe to show, the empty figure.

Figures are built from plain dictionaries with a small template: plotly's own template costs 8 ms a figure, this one 1.
The ground is transparent and the text color is left to the page, so that one figure serves light and dark.
"""

from __future__ import annotations

import html
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from distill_core import families, units

GRID = "rgba(128,140,152,0.22)"
QUIET = "rgba(128,140,152,0.95)"
UNKNOWN = "#7A8793"
INK, INK_DARK = "#1E2A35", "#E4EAF0"
ACCENT = "#2F6DA8"
ACCENT_DARK = "#7FB4E6"
# One color a part of a network, safe for color-blind eyes (Paul Tol, muted), apart from the family colors' hues.
PART_COLORS = {"embeddings": "#88CCEE", "attention": "#4477AA", "feed_forward": "#DDCC77", "other": "#A9B2BA"}
PART_TITLES = {
    "embeddings": "embeddings",
    "attention": "attention",
    "feed_forward": "feed-forward",
    "other": "norms and pooler",
}

CHECKED = False  # whether plotly checks every property: the tests of the figures let it, for a third of the time
_TEMPLATE: dict[str, Any] = {
    "layout": {
        "font": {"family": "system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif", "size": 13},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
    }
}


def figure(
    data: list[dict[str, Any]], title: str, *, dark: bool | None = None, subtitle: str = "", **layout: Any
) -> go.Figure:
    """A figure in the house style. Keyword arguments are layout entries; `subtitle` is a smaller line below the title.

    With `dark` the text gets the full ink of that theme, to be read from the back of a room; without it the page's
    own theme colors the text.
    """
    if dark is not None:
        layout = _inked(layout, INK_DARK if dark else INK)
    return go.Figure(
        data=data,
        _validate=CHECKED,
        layout={
            "template": _TEMPLATE,
            "title": {"text": title, "x": 0, "xanchor": "left", "font": {"size": 17}, **_subtitle(subtitle)},
            "margin": {"l": 8, "r": 16, "t": 48, "b": 48},
            "showlegend": False,
            "hoverlabel": {"align": "left"},
            "paper_bgcolor": "rgba(0,0,0,0)",
            "plot_bgcolor": "rgba(0,0,0,0)",
            **layout,
        },
    )


def _subtitle(text: str) -> dict[str, Any]:
    return {"subtitle": {"text": text, "font": {"size": 13}}} if text else {}


def _inked(layout: dict[str, Any], ink: str) -> dict[str, Any]:
    """The layout with this color for its text and, since a page's theme colors those apart, for its axes."""
    inked = {**layout, "font": {"color": ink, **layout.get("font", {})}}
    for name, value in layout.items():
        if name.startswith(("xaxis", "yaxis")):
            title = value.get("title", {})
            inked[name] = {
                **value,
                "tickfont": {"color": ink, **value.get("tickfont", {})},
                "title": {**title, "font": {"color": ink, **title.get("font", {})}},
            }
    return inked


def axis(title: str = "", **more: Any) -> dict[str, Any]:
    """A quiet axis with its title, and the unit in the title."""
    return {
        "title": {"text": title, "font": {"size": 13}},
        "gridcolor": GRID,
        "zeroline": False,
        "automargin": True,
        "fixedrange": True,
        **more,
    }


def names_axis(**more: Any) -> dict[str, Any]:
    """The axis with the models' names, first row on top."""
    return axis(autorange="reversed", showgrid=False, ticks="", tickfont={"size": 13}, **more)


def empty(title: str, hint: str = "") -> go.Figure:
    """A titled figure without data that says what is missing and how to get it."""
    note = {"text": hint, "showarrow": False, "x": 0.5, "y": 0.5, "xref": "paper", "yref": "paper"}
    hidden = {"visible": False, "fixedrange": True}
    return figure([], title, xaxis=hidden, yaxis=hidden, height=220, annotations=[note] if hint else [])


def safe(text: object) -> str:
    """Names that came from outside, as plain text: plotly reads a subset of HTML."""
    return html.escape(str(text), quote=False)


def color(family: str, dark: bool) -> str:
    """The color of a family; gray for a model of unknown family."""
    row = families.BY_KEY.get(family)
    if row is None:
        return UNKNOWN
    return row.color_dark if dark else row.color


def colors(frame: pd.DataFrame, dark: bool) -> list[str]:
    """The family color of each row."""
    return [color(str(family), dark) for family in frame["family"]]


def symbol(family: str, distilled: bool = False) -> str:
    """Circle for encoders, triangle for decoders, square for encoder–decoders; hollow when distilled."""
    row = families.BY_KEY.get(family)
    if row is None:
        return "diamond"
    shape = row.symbol.removesuffix("-open")
    return f"{shape}-open" if distilled or row.distilled else shape


def accent(dark: bool) -> str:
    """The calm blue of baselines and frontiers."""
    return ACCENT_DARK if dark else ACCENT


def majority_line(rows: pd.DataFrame, dark: bool) -> dict[str, Any]:
    """A thin vertical line at the share of the most frequent class, in percent, named above the line of a baseline;
    nothing where `rows` have no `majority` (0–1) and `majority_label`."""
    known = rows.dropna(subset=["majority"]) if "majority" in rows else rows.head(0)
    if known.empty:
        return {"shapes": [], "annotations": []}
    share, label = float(known["majority"].iloc[0]), known["majority_label"].iloc[0]
    line = baseline_line(100 * share, f"always {label} {units.percent(share, 3)}", dark)
    line["shapes"][0]["line"] = {"color": QUIET, "width": 1, "dash": "dash"}
    line["annotations"][0] |= {"font": {"size": 11, "color": QUIET}, "yshift": 12}
    return line


def baseline_line(value: float, name: str, dark: bool) -> dict[str, Any]:
    """A thin vertical line at the baseline's value, with its name on top."""
    return {
        "shapes": [
            {
                "type": "line",
                "x0": value,
                "x1": value,
                "y0": 0,
                "y1": 1,
                "yref": "paper",
                "layer": "below",
                "line": {"color": accent(dark), "width": 1, "dash": "dot"},
            }
        ],
        "annotations": [
            {
                "x": value,
                "y": 1,
                "yref": "paper",
                "yanchor": "bottom",
                "text": safe(name),
                "showarrow": False,
                "font": {"size": 11, "color": accent(dark)},
            }
        ],
    }
