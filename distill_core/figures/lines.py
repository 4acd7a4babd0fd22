"""Typed extraction for the curves: the frame of a run's points → one line an arm, size and seed, and their means."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import pandas as pd

from distill_core import arms
from distill_core.figures import theme
from distill_core.tables.training import arm_title

XAxis = Literal["examples", "elapsed_s"]
X_TITLES: dict[XAxis, str] = {"examples": "texts learned from", "elapsed_s": "seconds of training"}
LABEL_PX = 112
LABEL_LINES_PX = 36
_NUMBERED = re.compile(r"(?P<arm>.+?)(?:-(?P<n>\d+))?-(?P<seed>\d+)")


@dataclass(frozen=True)
class Arm:
    """What the name of a curve says: `pretrained-2000-1` is the second seed with 2,000 texts, `bow-tweets` has learned
    from tweets."""

    key: str
    train_examples: int | None = None
    seed: int | None = None
    dataset: str = ""

    @property
    def title(self) -> str:
        title = arm_title(self.key) + (f" on {self.dataset}" if self.dataset else "")
        return title if self.train_examples is None else f"{title}, {self.train_examples:,} texts"


def arm_of(name: str) -> Arm:
    """The arm behind the name of a curve."""
    if arms.named(name) is not None:
        return Arm(name)
    match = _NUMBERED.fullmatch(name)
    key, n, seed = (match["arm"], match["n"], int(match["seed"])) if match else (name, None, None)
    arm, dataset = _parts(key)
    return Arm(arm, int(n) if n else None, seed, dataset)


def _parts(key: str) -> tuple[str, str]:
    """The arm, and the data set that it learned from where the name tells it."""
    words = key.split("-")
    for end in range(len(words), 0, -1):
        arm = "-".join(words[:end])
        if arms.named(arm) is not None:
            return arm, "-".join(words[end:])
    return key, ""


@dataclass(frozen=True)
class Line:
    """One curve of one arm: a single seed, or the mean over its seeds."""

    arm: Arm
    xs: list[float]
    ys: list[float]
    is_mean: bool = False

    @property
    def last(self) -> float:
        return self.ys[-1]


def lines(frame: pd.DataFrame, name: str, split: str, x: XAxis = "examples") -> list[Line]:
    """The lines of one quantity, in the order in which the arms began."""
    return by_quantity(frame, (name,), split, x)[name]


def by_quantity(frame: pd.DataFrame, names: Sequence[str], split: str, x: XAxis = "examples") -> dict[str, list[Line]]:
    """The lines of several quantities; an empty list where a quantity has no point.

    Plain loops over arrays: every watcher of a run comes by here every two seconds.
    """
    columns = [frame[column].to_numpy().tolist() for column in ("split", "name", "arm", x, "value")]
    found: dict[str, dict[str, Line]] = {name: {} for name in names}
    for of, name, arm, at, value in zip(*columns, strict=True):
        if of != split or name not in found:
            continue
        line = found[name].get(arm)
        if line is None:
            line = found[name][arm] = Line(arm_of(arm), [], [])
        line.xs.append(float(at))
        line.ys.append(float(value))
    return {name: list(of.values()) for name, of in found.items()}


def means(found: list[Line]) -> list[Line]:
    """For each arm and size the mean over its seeds, as far as all of them have come; one seed is its own mean."""
    groups: dict[tuple[str, str, int | None], list[Line]] = {}
    for line in found:
        groups.setdefault((line.arm.key, line.arm.dataset, line.arm.train_examples), []).append(line)
    return [_mean(group) for group in groups.values()]


def _mean(group: list[Line]) -> Line:
    arm = replace(group[0].arm, seed=None)
    length = min(len(line.xs) for line in group)
    columns = list(zip(*(line.ys[:length] for line in group), strict=True))
    xs = list(zip(*(line.xs[:length] for line in group), strict=True))
    return Line(arm, [sum(x) / len(x) for x in xs], [sum(y) / len(y) for y in columns], is_mean=True)


def trace(line: Line, color: str, hovers: list[str], *, thin: bool = False, marks: bool = False) -> dict[str, Any]:
    """One line as a plotly trace; a single point is a mark, since a line needs two."""
    with_marks = marks or len(line.xs) == 1
    return {
        "type": "scatter",
        "mode": "lines+markers" if with_marks else "lines",
        "x": line.xs,
        "y": line.ys,
        "line": {"color": color, "width": 1 if thin else 2.5},
        "opacity": 0.45 if thin else 1,
        "marker": {"size": 6, "color": color},
        "hoverinfo": "skip" if thin else "text",
        "hovertext": hovers,
        "cliponaxis": False,
    }


def end_labels(ends: list[tuple[float, str, str]], limits: tuple[float, float], plot_px: float) -> list[dict[str, Any]]:
    """Names right of the plot, each beside the end of its line and moved apart where they would lie on each other.

    `ends`: (y, text of two lines, color). `limits`: the y axis in data units, drawn over `plot_px` pixels.
    """
    gap = LABEL_LINES_PX * (limits[1] - limits[0]) / plot_px
    ordered = sorted(ends, key=lambda end: end[0])
    places = [y for y, _, _ in ordered]
    for index in range(1, len(places)):
        places[index] = max(places[index], places[index - 1] + gap)
    ceiling = limits[1] - gap / 4
    for index in reversed(range(len(places))):
        places[index] = min(places[index], ceiling)
        ceiling = places[index] - gap
    return [
        {
            "x": 1,
            "xref": "paper",
            "xanchor": "left",
            "xshift": 8,
            "y": at,
            "yanchor": "middle",
            "text": text,
            "showarrow": False,
            "font": {"color": color, "size": 13},
            "align": "left",
        }
        for at, (_, text, color) in zip(places, ordered, strict=True)
    ]


def end_text(name: str, value: str) -> str:
    """The label of a line: its name, and below it where it stands."""
    return f"{theme.safe(name)}<br><b>{value}</b>"
