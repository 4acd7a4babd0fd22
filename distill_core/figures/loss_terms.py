"""What the student's loss is made of while it learns: each term as it is, and their weighted sum in full ink."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
import plotly.graph_objects as go

from distill_core import units
from distill_core.figures import arm_style, lines, theme
from distill_core.figures.curves import PLOT_PX
from distill_core.figures.lines import XAxis
from distill_core.tables.training import TERM_TITLES, arm_title


def draw(frame: pd.DataFrame, weights: Mapping[str, float], *, x: XAxis = "examples", dark: bool = False) -> go.Figure:
    """The terms of the arm that learns now, or learned last. `weights`: the weight of each term in the sum."""
    arm = current_arm(frame)
    drawn = lines.by_quantity(frame, tuple(TERM_TITLES), "train", x)
    found = {name: line for name, every in drawn.items() for line in every if line.arm == lines.arm_of(arm)}
    if not found:
        return theme.empty("No loss yet", "The first point comes with the first training step.")
    data, ends = [], []
    for name, line in found.items():
        color = arm_style.term_color(name, dark)
        hovers = [
            f"{TERM_TITLES[name]}: {units.significant(y)} nats after {x:,.0f}"
            for x, y in zip(line.xs, line.ys, strict=True)
        ]
        trace = lines.trace(line, color, hovers)
        trace["line"]["dash"] = "solid" if name == "loss" else "dot" if name == "hard" else "dashdot"
        data.append(trace)
        ends.append((line.last, _label(name, line.last, weights), color))
    high = max(y for trace in data for y in trace["y"]) * 1.06
    title = f"{arm_title(lines.arm_of(arm).key)}: " + _claim(found)
    return theme.figure(
        data,
        title,
        dark=dark,
        height=int(PLOT_PX + 60),
        annotations=lines.end_labels(ends, (0.0, high), PLOT_PX),
        margin={"l": 8, "r": lines.LABEL_PX, "t": 48, "b": 48},
        xaxis=theme.axis(lines.X_TITLES[x], rangemode="tozero", tickformat=","),
        yaxis=theme.axis("training loss (nats)", range=[0, high]),
    )


def current_arm(frame: pd.DataFrame) -> str:
    """The arm of the newest line of the training loss; empty while there is none."""
    losses = frame.loc[(frame["name"] == "loss") & (frame["split"] == "train"), "arm"]
    return str(losses.iloc[-1]) if len(losses) else ""


def _label(name: str, value: float, weights: Mapping[str, float]) -> str:
    weight = f"{units.significant(weights[name], 2)} × " if name in weights else ""
    return lines.end_text(TERM_TITLES[name], f"{weight}{units.significant(value, 2)}")


def _claim(found: Mapping[str, lines.Line]) -> str:
    """How far the sum fell, or the first term where there is no sum."""
    line = found.get("loss") or next(iter(found.values()))
    return f"the loss went from {units.significant(line.ys[0], 2)} to {units.significant(line.last, 2)}"
