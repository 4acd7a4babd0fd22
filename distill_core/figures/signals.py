"""Of how many tokens an objective asks something: the argument of ELECTRA (arXiv:2003.10555 §1)."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go

from distill_core import units
from distill_core.figures import bars, theme

EMPTY = "No text yet"
ALMOST_ALL = 0.9
ROW_PX = 26


def draw(frame: pd.DataFrame, *, dark: bool = False) -> go.Figure:
    """Bars of `share` in percent, with the counts in the hover text; rows as in the frame."""
    if frame.empty:
        return theme.empty(EMPTY, "Type a sentence.")
    texts = [units.percent(share) for share in frame["share"]]
    panel = bars.Panel(frame["share"] * 100, texts, _hovers(frame), "tokens that give a signal (%)")
    figure = bars.draw(frame, panel, title(frame), dark)
    figure.layout.height = 88 + ROW_PX * len(frame)
    return figure


def title(frame: pd.DataFrame) -> str:
    """How many objectives ask about almost every token, and what the others ask about."""
    many = frame["share"] >= ALMOST_ALL
    fewest = sorted(frame.loc[~many, "share"])
    if not fewest:
        return "Every objective asks about almost every token of this text"
    low, high = (units.percent(share) for share in (fewest[0], fewest[-1]))
    others = low if low == high else f"{low.removesuffix(' %')}–{high}"
    return f"{many.sum()} of {len(frame)} objectives ask about almost every token, the others about {others}"


def _hovers(frame: pd.DataFrame) -> list[str]:
    return [
        f"{name}: {signal} of {total} tokens give a signal, counted in this draw"
        for name, signal, total in zip(bars.labels(frame), frame["n_signal"], frame["n_tokens"], strict=True)
    ]
