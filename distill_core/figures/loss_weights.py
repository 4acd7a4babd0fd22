"""The loss on one text: each term as an outline, filled as far as its weight lets it count, and their sum below."""

from __future__ import annotations

from typing import Any

import pandas as pd
import plotly.graph_objects as go

from distill_core import units
from distill_core.figures import arm_style, theme
from distill_core.tables.training import TERM_TITLES

ROW_PX = 44
_NOT_HERE = "needs hidden states, not on this page"
_HOVER = {
    "soft": "KL(teacher ‖ student) at τ, times τ²",
    "hard": "cross-entropy with the hard label, at τ = 1",
}


def draw(frame: pd.DataFrame, *, dark: bool = False) -> go.Figure:
    """`frame`: `tables.soft_labels.terms`."""
    values = frame.set_index("term")
    if frame.empty or not (values["weight"].fillna(0) > 0).any():
        return theme.empty("Both weights are 0: nothing would be learned", "Raise the weight of one of the terms.")
    names = [TERM_TITLES[str(term)] for term in values.index]
    longest = max(float(values[name].max()) for name in ("value", "weighted")) or 1.0
    ink = theme.INK_DARK if dark else theme.INK
    data = [_outlines(values, names, dark), *_fillings(values, names, dark), _ends(values, names, ink)]
    return theme.figure(
        data,
        title(frame),
        dark=dark,
        barmode="stack",
        height=ROW_PX * len(names) + 64,
        bargap=0.36,
        xaxis=theme.axis("loss on this text (nats)", range=[0, longest * 1.75], zeroline=True, nticks=6),
        yaxis=theme.names_axis(type="category"),
    )


def title(frame: pd.DataFrame) -> str:
    """Which part of the loss comes from the soft targets."""
    weighted = frame.set_index("term")["weighted"]
    total = float(weighted["loss"])
    if total < 1e-9:
        return "The student already says what it is taught: this text has no loss"
    share = float(weighted["soft"]) / total
    return f"The soft targets make up {units.percent(share)} of a loss of {units.significant(total)} nats"


def _outlines(values: pd.DataFrame, names: list[str], dark: bool) -> dict[str, Any]:
    """The terms at weight 1, behind the bars: an overlay of its own, so that nothing is stacked on it."""
    terms = [str(term) for term in values.index]
    shown = [_number(values["value"], term) if term in _HOVER else None for term in terms]
    colors = [arm_style.term_color(term, dark) for term in terms]
    return {
        "type": "bar",
        "orientation": "h",
        "y": names,
        "x": shown,
        "offsetgroup": "outline",
        "alignmentgroup": "one",
        "base": 0,
        "offset": -0.32,
        "width": 0.64,
        "hoverinfo": "skip",
        "marker": {"color": "rgba(0,0,0,0)", "line": {"color": colors, "width": 1.5}, "cornerradius": 3},
    }


def _fillings(values: pd.DataFrame, names: list[str], dark: bool) -> list[dict[str, Any]]:
    """What each term adds to the sum: in its own row, and stacked in the row of the sum."""
    traces: list[dict[str, Any]] = []
    start = 0.0
    for term in _HOVER:
        added = _number(values["weighted"], term) or 0.0
        sentence = (
            f"{TERM_TITLES[term]}: {_HOVER[term]}<br>{units.significant(values['weight'][term], 2)} × "
            f"{units.significant(values['value'][term])} = {units.significant(added)} nats"
        )
        traces.append(
            {
                "type": "bar",
                "orientation": "h",
                "y": [TERM_TITLES[term], TERM_TITLES["loss"]],
                "x": [added, added],
                "base": [0, start],
                "offset": -0.32,
                "width": 0.64,
                "hoverinfo": "text",
                "hovertext": [sentence, sentence],
                "marker": {"color": arm_style.term_color(term, dark), "cornerradius": 3},
            }
        )
        start += added
    return traces


def _ends(values: pd.DataFrame, names: list[str], ink: str) -> dict[str, Any]:
    """The arithmetic at the end of each row."""
    ends, texts = [], []
    for term in map(str, values.index):
        value, weighted = _number(values["value"], term), _number(values["weighted"], term)
        if value is None or weighted is None:
            ends.append(0.0)
            texts.append(f" {_NOT_HERE}")
            continue
        ends.append(max(value, weighted))
        sum_text = f"<b>{units.significant(weighted)}</b>"
        weight = _number(values["weight"], term)
        texts.append(f" {sum_text}" if weight is None else f" {_plain(weight)} × {_plain(value)} = {sum_text}")
    return {
        "type": "scatter",
        "mode": "text",
        "x": ends,
        "y": names,
        "text": texts,
        "textposition": "middle right",
        "hoverinfo": "skip",
        "cliponaxis": False,
        "textfont": {"size": 13, "color": ink},
    }


def _plain(value: float) -> str:
    return units.significant(value, 2)


def _number(column: pd.Series[Any], term: str) -> float | None:
    return None if units.is_missing(column[term]) else float(column[term])
