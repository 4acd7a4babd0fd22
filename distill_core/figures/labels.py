"""Placing names beside points so that they do not lie on each other: a greedy search over a few places a label."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from distill_core.figures import theme

CHARACTER_PX = 7.2
LINE_PX = 16.0


@dataclass(frozen=True)
class Box:
    """A rectangle in pixels: left, bottom, right, top."""

    left: float
    bottom: float
    right: float
    top: float

    def overlap(self, other: Box) -> float:
        """Shared area in square pixels."""
        width = min(self.right, other.right) - max(self.left, other.left)
        height = min(self.top, other.top) - max(self.bottom, other.bottom)
        return width * height if width > 0 and height > 0 else 0.0


def place(
    points: list[tuple[float, float, float]], names: list[str], frame: Box, walls: Sequence[Box] = ()
) -> list[tuple[float, float]]:
    """Shifts (dx, dy) in pixels from each point to the middle of its label.

    `points` are (x, y, radius) in pixels. Labels keep off the points, off the walls, off each other and inside the
    frame as far as the few places tried allow. The most crowded points choose first.
    """
    marks = [*(Box(x - r, y - r, x + r, y + r) for x, y, r in points), *walls]
    order = sorted(range(len(points)), key=lambda i: -sum(_near(points[i], other) for other in points))
    taken: list[Box] = []
    shifts = [(0.0, 0.0)] * len(points)
    for index in order:
        width = len(names[index]) * CHARACTER_PX
        others = taken + marks
        costs = []
        for dx, dy in _candidates(points[index][2], width):
            x, y = points[index][0] + dx, points[index][1] + dy
            box = Box(x - width / 2, y - LINE_PX / 2, x + width / 2, y + LINE_PX / 2)
            hidden = sum(box.overlap(other) for other in others) + (width * LINE_PX - box.overlap(frame))
            costs.append((hidden + 0.4 * (dx * dx + dy * dy) ** 0.5, dx, dy, box))
        _, dx, dy, box = min(costs, key=lambda cost: cost[0])
        taken.append(box)
        shifts[index] = (dx, dy)
    return shifts


def _near(first: tuple[float, float, float], second: tuple[float, float, float]) -> bool:
    return abs(first[0] - second[0]) < 120 and abs(first[1] - second[1]) < 40


def _candidates(radius: float, width: float) -> Iterator[tuple[float, float]]:
    """Right, left, above and below the mark, then further up and down on both sides."""
    side = radius + 5 + width / 2
    yield side, 0.0
    yield -side, 0.0
    yield 0.0, radius + LINE_PX / 2 + 2
    yield 0.0, -(radius + LINE_PX / 2 + 2)
    for step in range(1, 9):
        for reach in (1.0, 1.0 + 30 / side, 1.0 + 70 / side):
            for sign in (1, -1):
                yield side * reach, sign * step * LINE_PX * 0.75
                yield -side * reach, sign * step * LINE_PX * 0.75


@dataclass(frozen=True)
class Scale:
    """One axis of a plot: data range, length in pixels, linear or logarithmic."""

    low: float
    high: float
    pixels: float
    log: bool = False

    @classmethod
    def around(
        cls, values: list[float], pixels: float, *, may_be_log: bool = False, pad: float = 0.14, log_from: float = 10
    ) -> Scale:
        """A scale with room at both ends; where it may, logarithmic if the values span more than `log_from` times."""
        low, high = min(values), max(values)
        log = may_be_log and low > 0 and high / low > log_from
        if log:
            low, high = math.log10(low), math.log10(high)
        room = (high - low) * pad or max(abs(high) * pad, 0.1)
        start = low - room if log or low < room else max(0.0, low - room)
        return cls(start if log else max(0.0, start), high + room, pixels, log)

    def at(self, value: float) -> float:
        """The value as plotly positions it: its logarithm on a logarithmic axis."""
        return math.log10(value) if self.log else value

    def px(self, value: float) -> float:
        return (self.at(value) - self.low) / (self.high - self.low) * self.pixels

    @property
    def ends(self) -> tuple[float, float]:
        """Both ends of the axis as data values."""
        return (10**self.low, 10**self.high) if self.log else (self.low, self.high)

    def axis(self) -> dict[str, Any]:
        """The entries of a plotly axis."""
        every = "D2" if self.high - self.low > 1 else "D1"  # 1, 2, 5, 10 …; within a factor of ten 1, 2, 3, 4 …
        ticks = {"dtick": every, "tickformat": "~g"} if self.log else {"rangemode": "tozero"}
        return {"type": "log" if self.log else "linear", "range": [self.low, self.high], **ticks}


def without_shared_word(names: list[str]) -> tuple[list[str], str]:
    """`BERT mini, GPT mini` → `BERT, GPT` and `mini`: the word that ends every name, to be said once elsewhere.

    Where one name ends otherwise, or is that word alone, all stay whole and the word is empty.
    """
    ends = {name.rpartition(" ")[2] for name in names}
    starts = [name.rpartition(" ")[0] for name in names]
    return (starts, ends.pop()) if len(ends) == 1 and all(starts) else (names, "")


def name_points(
    names: list[str],
    xs: list[float],
    ys: list[float],
    sizes: list[float],
    scales: tuple[Scale, Scale],
    steps: Sequence[tuple[float, float]] = (),
) -> list[dict[str, Any]]:
    """Plotly annotations that name the points directly, off the step line through `steps`.

    `sizes`: diameters of the marks in pixels.
    """
    x_scale, y_scale = scales
    points = [(x_scale.px(x), y_scale.px(y), size / 2) for x, y, size in zip(xs, ys, sizes, strict=True)]
    walls = _walls([(x_scale.px(x), y_scale.px(y)) for x, y in steps])
    shifts = place(points, names, Box(0, 0, x_scale.pixels, y_scale.pixels), walls)
    return [
        {
            "x": x_scale.at(x),
            "y": y_scale.at(y),
            "ax": dx,
            "ay": -dy,
            "text": theme.safe(name),
            "showarrow": True,
            "arrowhead": 0,
            "arrowwidth": 0.8,
            "arrowcolor": theme.QUIET,
            "standoff": size / 2,
            "borderpad": 0,
            "font": {"size": 13},
        }
        for name, x, y, size, (dx, dy) in zip(names, xs, ys, sizes, shifts, strict=True)
    ]


def _walls(corners: list[tuple[float, float]]) -> list[Box]:
    """The pieces of a step line (first across, then up or down) as boxes two pixels thick."""
    walls = []
    for (x1, y1), (x2, y2) in pairwise(corners):
        walls.append(Box(min(x1, x2) - 2, y1 - 2, max(x1, x2) + 2, y1 + 2))
        walls.append(Box(x2 - 2, min(y1, y2) - 2, x2 + 2, max(y1, y2) + 2))
    return walls
