"""How pre-training goes: the loss on text that is not read, beside what knowing frequencies alone would reach."""

from __future__ import annotations

from typing import Any

import pandas as pd
import plotly.graph_objects as go

from distill_core import families, units
from distill_core.figures import lines, theme
from distill_core.results import PretrainResult
from distill_core.tables.pretrain import PART_TITLES, Reference, main_part, reference

PLOT_PX = 250.0


def draw(looks: pd.DataFrame, points: pd.DataFrame, result: PretrainResult | None, *, dark: bool = False) -> go.Figure:
    """`looks`: `tables.pretrain.looks_frame`; `points`: the run's curves, for the training loss as a thin line."""
    if result is None or looks.empty:
        return theme.empty("No loss yet", "The first point comes when text and tokenizer are ready.")
    part, known = main_part(result), reference(result, points)
    color, ink = theme.color(result.family, dark), theme.INK_DARK if dark else theme.INK
    read = points[(points["split"] == "train") & (points["name"] == part)]
    xs, ys = [float(x) for x in looks["examples"]], [float(y) for y in looks["loss"]]
    data = [_thin(read, color), _looks(looks, xs, ys, color)]
    ends = [(ys[-1], lines.end_text("Unread text", units.significant(ys[-1])), color)]
    if known is not None:
        ends.append((known.nats, lines.end_text(known.name, units.significant(known.nats)), ink))
    top = max([*ys, *(float(y) for y in read["value"]), known.nats if known else 0.0]) * 1.05
    return theme.figure(
        data,
        title(result, ys, known),
        dark=dark,
        height=int(PLOT_PX + 60),
        shapes=_plateau(known, ink),
        annotations=lines.end_labels(ends, (0.0, top), PLOT_PX),
        margin={"l": 8, "r": lines.LABEL_PX, "t": 48, "b": 48},
        xaxis=theme.axis("texts read", rangemode="tozero", tickformat=","),
        yaxis=theme.axis(f"loss: {PART_TITLES.get(part, part)} (nats)", range=[0, top]),
    )


def title(result: PretrainResult, losses: list[float], known: Reference | None) -> str:
    """From where to where, and on which side of the reference."""
    name = families.get(result.family).title
    if len(losses) < 2:
        return f"{name}: the loss on unread text is {units.significant(losses[0])} before the first step"
    way = f"{name}: the loss on unread text went from {units.significant(losses[0])} to {units.significant(losses[-1])}"
    if known is None:
        return way
    side = "below" if losses[-1] < known.nats else "not yet below"
    whose = "word counts alone" if known.name == "Word counts" else "its base rate"
    return f"{way}, {side} the {units.significant(known.nats)} of {whose}"


def _looks(looks: pd.DataFrame, xs: list[float], ys: list[float], color: str) -> dict[str, Any]:
    hovers = [
        f"loss {units.significant(float(loss))} on unread text after {_tokens(tokens)}"
        for loss, tokens in zip(looks["loss"], looks["tokens"], strict=True)
    ]
    return {
        "type": "scatter",
        "mode": "lines+markers",
        "x": xs,
        "y": ys,
        "line": {"color": color, "width": 2.5},
        "marker": {"size": 6, "color": color},
        "hoverinfo": "text",
        "hovertext": hovers,
        "cliponaxis": False,
    }


def _tokens(tokens: Any) -> str:
    return "some tokens" if units.is_missing(tokens) else f"{int(tokens):,} tokens"


def _thin(read: pd.DataFrame, color: str) -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": "lines",
        "x": [float(x) for x in read["examples"]],
        "y": [float(y) for y in read["value"]],
        "line": {"color": color, "width": 1},
        "opacity": 0.45,
        "hoverinfo": "skip",
    }


def _plateau(known: Reference | None, ink: str) -> list[dict[str, Any]]:
    if known is None:
        return []
    return [
        {
            "type": "line",
            "x0": 0,
            "x1": 1,
            "xref": "paper",
            "y0": known.nats,
            "y1": known.nats,
            "layer": "below",
            "line": {"color": ink, "width": 1.5, "dash": "dash"},
        }
    ]
