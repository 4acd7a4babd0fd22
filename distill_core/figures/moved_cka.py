"""What moved: how alike each layer stayed to itself through fine-tuning (linear CKA), the lowest at the foot."""

from __future__ import annotations

from typing import Any

import pandas as pd
import plotly.graph_objects as go

from distill_core.arms import SAVED
from distill_core.figures import arm_style, theme, transfer_style

ROW_PX = 38
EMPTY = ("Nothing is compared yet", "The comparison follows the first fine-tuned model of a run.")
_STILL = 0.99


def draw(frame: pd.DataFrame, guesses: pd.DataFrame | None = None, *, dark: bool = False) -> go.Figure:
    """`frame`: `tables.moved.cka_frame`; `guesses`: `guesses.graded`, as hollow marks."""
    rows = frame.dropna(subset=["cka"])
    marks = _guesses(guesses, dark)
    if rows.empty and not marks:
        return theme.empty(*EMPTY)
    names = list(rows["layer"]) if len(rows) else list(marks[0]["y"])
    data = [*_bars(rows, dark), *marks]
    return theme.figure(
        data,
        title(rows),
        dark=dark,
        height=ROW_PX * max(len(names), 4) + 84,
        xaxis=theme.axis("linear CKA (1 = nothing moved)", range=[0, 1.12], tickvals=[0, 0.2, 0.4, 0.6, 0.8, 1]),
        yaxis=theme.axis(showgrid=False, ticks="", type="category", categoryorder="array", categoryarray=names),
    )


def title(rows: pd.DataFrame) -> str:
    """The layer that moved most against the one that moved least."""
    if rows.empty:
        return "Your guess, before the result is shown"
    ranked = rows.sort_values("cka", kind="stable")
    most, least = ranked.iloc[0], ranked.iloc[-1]
    if most["cka"] > _STILL:
        return f"Fine-tuning moved next to nothing: every layer stays above {_STILL:.2f}"
    name, other = theme.safe(most["layer"]), theme.safe(least["layer"])
    return (
        f"Fine-tuning moved {_the(name)} most, to a similarity of {_number(most['cka'])}; {_the(other)} {_kept(least)}"
    )


def _the(layer: str) -> str:
    return "the embeddings" if layer == "embeddings" else layer


def _kept(row: pd.Series[Any]) -> str:
    verb = "keep" if row["layer"] == "embeddings" else "keeps"
    return f"{verb} {_number(float(row['cka']))}"


def _number(value: float) -> str:
    """Two digits, three near 1: 0.997 is not 1.00."""
    return f"{value:.3f}" if 0.995 <= value < 0.9995 else f"{value:.2f}"


def _bars(rows: pd.DataFrame, dark: bool) -> list[dict[str, Any]]:
    if rows.empty:
        return []
    names, values = [theme.safe(name) for name in rows["layer"]], [float(value) for value in rows["cka"]]
    color = arm_style.color(SAVED, dark)
    hovers = [
        f"{name}: linear CKA {value:.3f} between the states before and after<br>{theme.safe(source)}"
        for name, value, source in zip(names, values, rows["source"], strict=True)
    ]
    return [
        {
            "type": "bar",
            "orientation": "h",
            "y": names,
            "x": values,
            "width": 0.62,
            "hoverinfo": "text",
            "hovertext": hovers,
            "marker": {"color": color, "cornerradius": 3},
        },
        {
            "type": "scatter",
            "mode": "text",
            "y": names,
            "x": [1.01] * len(names),
            "hoverinfo": "skip",
            "text": [f" {_number(value)}" for value in values],
            "textposition": "middle right",
            "cliponaxis": False,
            "textfont": {"size": 13, "color": transfer_style.ink(dark)},
        },
    ]


def _guesses(guesses: pd.DataFrame | None, dark: bool) -> list[dict[str, Any]]:
    known = guesses.dropna(subset=["guess"]) if guesses is not None else pd.DataFrame()
    if known.empty:
        return []
    values, names = [float(value) for value in known["guess"]], [theme.safe(name) for name in known["layer"]]
    hovers = [f"{name}: {value:.2f}" for name, value in zip(known["layer"], values, strict=True)]
    return [transfer_style.guess_marks(values, names, hovers, transfer_style.ink(dark), dark)]
