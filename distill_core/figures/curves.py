"""How learning goes: one line an arm, the teacher dashed; seeds thin, their mean thick. Accuracy or loss."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import pandas as pd
import plotly.graph_objects as go

from distill_core import units
from distill_core.figures import arm_style, lines, theme
from distill_core.figures.lines import Line, XAxis

PLOT_PX = 270.0
_NAMED_AT_MOST = 6  # of more lines, the best and the newest are named; the others on hover
Quantity = Literal["accuracy", "agreement", "loss"]
_SPLIT = {"accuracy": "validation", "agreement": "validation", "loss": "train"}
_WAITING = {
    "accuracy": ("No accuracy yet", "The first point comes after a quarter of the first epoch."),
    "agreement": ("No agreement yet", "The first point comes after a quarter of the first epoch."),
    "loss": ("No loss yet", "The first point comes with the first training step."),
}


@dataclass(frozen=True)
class View:
    """What to draw. `teacher`: its accuracy (0–1) on the test texts; `x`: texts learned from, or seconds."""

    quantity: Quantity = "accuracy"
    x: XAxis = "examples"
    teacher: float | None = None
    dark: bool = False


def draw(frame: pd.DataFrame, view: View) -> go.Figure:
    """`frame`: points with the columns of `tail.COLUMNS`."""
    seeds = lines.lines(frame, view.quantity, _SPLIT[view.quantity], view.x)
    if not seeds:
        return theme.empty(*_WAITING[view.quantity])
    means = lines.means(seeds)
    scale = 1 if view.quantity == "loss" else 100
    data = [_trace(line, scale, view, thin=True) for line in seeds] if len(seeds) > len(means) else []
    data += [_trace(line, scale, view, thin=False) for line in means]
    named = means if len(means) <= _NAMED_AT_MOST else [max(means, key=lambda line: line.last), means[-1]]
    ends = [(line.last * scale, _end_text(line, view), arm_style.color(line.arm.key, view.dark)) for line in named]
    if view.teacher is not None and view.quantity == "accuracy":
        ink = theme.INK_DARK if view.dark else theme.INK
        ends.append((view.teacher * 100, lines.end_text("Teacher", units.percent(view.teacher, 3)), ink))
    low, high = _range(data, ends, view.quantity)
    return theme.figure(
        data,
        title(means, view),
        dark=view.dark,
        height=int(PLOT_PX + 60),
        shapes=_teacher_line(view),
        annotations=lines.end_labels(ends, (low, high), PLOT_PX),
        margin={"l": 8, "r": lines.LABEL_PX, "t": 48, "b": 48},
        xaxis=theme.axis(lines.X_TITLES[view.x], rangemode="tozero", tickformat=","),
        yaxis=theme.axis(_y_title(view.quantity), range=[low, high]),
    )


def title(means: list[Line], view: View) -> str:
    """Where the curves stand now: the best arm, and how far the teacher is or how much was gained over the worst."""
    if view.quantity == "loss":
        first = means[0]
        return f"{first.arm.title}: the loss went from {units.significant(first.ys[0], 2)} to {_number(first.last)}"
    best = max(means, key=lambda line: line.last)
    if view.quantity == "agreement":
        return f"{best.arm.title} says what its teacher says on {units.percent(best.last)} of the validation texts"
    claim = f"{best.arm.title} is right on {units.percent(best.last)} of the validation texts"
    if view.teacher is not None:
        return f"{claim}; its teacher on {units.percent(view.teacher)} of the test texts"
    others = [line for line in means if line is not best]
    if not others:
        return claim
    worst = min(others, key=lambda line: line.last)
    return f"{claim}, {units.in_sentence(worst.arm.title)} on {units.percent(worst.last)}"


def _number(value: float) -> str:
    return units.significant(value, 2)


def _end_text(line: Line, view: View) -> str:
    value = _number(line.last) if view.quantity == "loss" else units.percent(line.last, 3)
    return lines.end_text(line.arm.title, value)


def _trace(line: Line, scale: float, view: View, *, thin: bool) -> dict[str, Any]:
    shown = Line(line.arm, line.xs, [y * scale for y in line.ys], line.is_mean)
    hovers = [] if thin else [_hover(line, x, y, view) for x, y in zip(line.xs, line.ys, strict=True)]
    color = arm_style.color(line.arm.key, view.dark)
    return lines.trace(shown, color, hovers, thin=thin, marks=view.quantity != "loss" and len(line.xs) <= 40)


def _hover(line: Line, x: float, y: float, view: View) -> str:
    at = f"{x:,.0f} texts" if view.x == "examples" else f"{units.significant(x)} s of training"
    value = {
        "accuracy": f"right on {units.percent(y, 3)}",
        "agreement": f"as its teacher on {units.percent(y, 3)}",
        "loss": f"loss {units.significant(y)}",
    }[view.quantity]
    return f"{theme.safe(line.arm.title)}: {value} after {at}"


def _y_title(quantity: Quantity) -> str:
    return {
        "accuracy": "accuracy (%), validation texts",
        "agreement": "agreement with the teacher (%)",
        "loss": "training loss (nats)",
    }[quantity]


def _range(data: list[dict[str, Any]], ends: list[tuple[float, str, str]], quantity: Quantity) -> tuple[float, float]:
    """Loss from zero; accuracy over the part that moves, never past 0 or 100 %."""
    ys = [y for trace in data for y in trace["y"]] + [y for y, _, _ in ends]
    low, high = min(ys), max(ys)
    room = max((high - low) * 0.08, 0.02 if quantity == "loss" else 1.0)
    if quantity == "loss":
        return 0.0, high + room
    return max(0.0, low - room), min(100.0, high + room) if high < 100 else 101.0


def _teacher_line(view: View) -> list[dict[str, Any]]:
    if view.teacher is None or view.quantity != "accuracy":
        return []
    y = view.teacher * 100
    ink = theme.INK_DARK if view.dark else theme.INK
    return [
        {
            "type": "line",
            "x0": 0,
            "x1": 1,
            "xref": "paper",
            "y0": y,
            "y1": y,
            "line": {"color": ink, "width": 1.5, "dash": "dash"},
        }
    ]
