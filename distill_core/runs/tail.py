"""One reader of a run's curves, shared by everybody who looks at it: it reads only what is new, and keeps few points.

Thirty browsers that watch one run cost one reading of its new lines, not thirty of the whole file.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import dataclass, field
from operator import attrgetter

import pandas as pd

from distill_core.results import Metric
from distill_core.runs.run import Run

MAX_POINTS = 200
COLUMNS = ("arm", "split", "name", "step", "epoch", "examples", "elapsed_s", "value")
_TYPES = {"step": "int64", "epoch": "float64", "examples": "int64", "elapsed_s": "float64", "value": "float64"}
_FIELDS = attrgetter(*COLUMNS)


@dataclass
class Line:
    """One curve, thinned while it grows: every `stride`-th point, and always the newest one."""

    points: list[Metric] = field(default_factory=list)
    newest: Metric | None = None
    stride: int = 1
    seen: int = 0

    def add(self, metric: Metric) -> None:
        """Take a point. A resumed run repeats the steps after its checkpoint: the repeated ones replace the old."""
        if self.newest is not None and metric.step <= self.newest.step:
            while self.points and self.points[-1].step >= metric.step:
                self.points.pop()
            self.seen = len(self.points) * self.stride
        if self.seen % self.stride == 0:
            self.points.append(metric)
        self.seen += 1
        self.newest = metric
        if len(self.points) >= MAX_POINTS:
            self.points = self.points[::2]
            self.stride *= 2

    def thinned(self) -> list[Metric]:
        """At most MAX_POINTS points, the newest among them."""
        if self.newest is None or (self.points and self.points[-1] is self.newest):
            return self.points
        return [*self.points, self.newest]


class Tail:
    """The curves of one run so far. Safe to share between threads."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._lock = threading.Lock()
        self._offset = 0
        self._lines: dict[tuple[str, str, str], Line] = {}
        self._tests = 0
        self._frame: pd.DataFrame | None = None  # of all lines; None while nobody has asked since the newest point

    def frame(self) -> pd.DataFrame:
        """One row a point (COLUMNS), in the order in which the curves began. Do not change it: others look at it."""
        with self._lock:
            self._read()
            if self._frame is None:
                self._frame = _frame(self._lines.values())
            return self._frame

    def curve(self, arm: str) -> pd.DataFrame:
        """As `frame`, the points of one arm alone: a tenth of the work where ten arms have learned."""
        with self._lock:
            self._read()
            return _frame([line for (name, _, _), line in self._lines.items() if name == arm])

    def learning(self) -> str:
        """The arm whose training loss began last; empty while there is none."""
        with self._lock:
            self._read()
            return next((arm for arm, split, name in reversed(self._lines) if (split, name) == ("train", "loss")), "")

    def tests(self) -> int:
        """How many points so far tell of texts that are not learned from."""
        with self._lock:
            self._read()
            return self._tests

    def _read(self) -> None:
        """Take in what is new in the file."""
        new, self._offset = self._run.read_metrics(self._offset)
        for metric in new:
            self._lines.setdefault((metric.arm, metric.split, metric.name), Line()).add(metric)
            self._tests += metric.split != "train"
        if new:
            self._frame = None


def _frame(lines: Iterable[Line]) -> pd.DataFrame:
    """Names stay plain Python strings: as a column of Arrow strings they take longer to make than all the rest."""
    records = [_FIELDS(point) for line in lines for point in line.thinned()]
    columns = zip(*records, strict=True) if records else ((),) * len(COLUMNS)
    types = zip(COLUMNS, columns, strict=True)
    return pd.DataFrame({name: pd.Series(values, dtype=_TYPES.get(name, object)) for name, values in types})
