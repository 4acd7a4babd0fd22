"""When: the ten families by the month of their paper and by size."""

from __future__ import annotations

import math

import pandas as pd
import plotly.graph_objects as go

from distill_core import units
from distill_core.figures import bars, theme
from distill_core.figures.labels import Scale, name_points

_PLOT_PX = (620.0, 300.0)


def draw(frame: pd.DataFrame, *, chosen: str | None = None, dark: bool = False) -> go.Figure:
    """`frame`: `tables.families_frame()`. The family with key `chosen` stands out, the others step back."""
    if frame.empty:
        return theme.empty("No families")
    xs = [float(value) for value in frame["published"]]
    ys = [params / 1e6 for params in frame["params"]]
    scales = (Scale(math.floor(min(xs)), max(xs) + 0.3, _PLOT_PX[0]), Scale(0, max(ys) * 1.12, _PLOT_PX[1]))
    names = [str(title) for title in frame["title"]]
    faded = [chosen is not None and key != chosen for key in frame["family"]]
    notes = name_points(names, xs, ys, [15.0] * len(frame), scales)
    for note, is_faded in zip(notes, faded, strict=True):
        note["opacity"] = 0.75 if is_faded else 1.0
    colors = theme.colors(frame, dark)
    trace = {
        "type": "scatter",
        "mode": "markers",
        "x": xs,
        "y": ys,
        "hoverinfo": "text",
        "hovertext": _hovers(frame),
        "marker": {
            "size": [13.0 if is_faded or chosen is None else 20.0 for is_faded in faded],
            "color": colors,
            "opacity": [0.45 if is_faded else 1.0 for is_faded in faded],
            "symbol": [theme.symbol(str(family)) for family in frame["family"]],
            "line": {"width": 2, "color": colors},
        },
    }
    years = sorted({int(x) for x in xs})
    return theme.figure(
        [trace],
        title(frame, chosen),
        dark=dark,
        xaxis=theme.axis(
            "date of the paper", tickvals=years, ticktext=[str(year) for year in years], range=list(scales[0].ends)
        ),
        yaxis=theme.axis("parameters (millions)", range=list(scales[1].ends)),
        annotations=notes,
        height=400,
    )


def title(frame: pd.DataFrame, chosen: str | None) -> str:
    """The span of sizes and years, or the place of the chosen family in it."""
    if chosen is None or chosen not in set(frame["family"]):
        ratio = frame["params"].max() / frame["params"].min()
        years = f"{frame['year'].min()}–{frame['year'].max()}"
        return f"{len(frame)} families, {years}: the largest has {units.times(ratio)} the parameters of the smallest"
    row = frame[frame["family"] == chosen].iloc[0]
    earlier = int(row["earlier"])
    larger = int((frame["params"] > row["params"]).sum())
    before = f"{earlier or 'none'} of the ten came before it"
    return f"{row['title']} ({row['year']}): {before}, {larger or 'none'} {'is' if larger < 2 else 'are'} larger"


def _hovers(frame: pd.DataFrame) -> list[str]:
    return [
        f"{name}: {when}, {int(params):,} parameters, exact"
        for name, when, params in zip(bars.labels(frame), frame["published_text"], frame["params"], strict=True)
    ]
