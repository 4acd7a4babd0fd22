"""Where students stand between fast and right while they learn: accuracy against latency, each with its path.

Teacher and students are judged on the same validation texts, and timed in turns on the same machine.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from distill_core import units
from distill_core.figures import arm_style, lines, theme
from distill_core.tables.training import arm_title

HEIGHT = 380


@dataclass(frozen=True)
class Path:
    """One student: its latency (ms) and its accuracies (0–1) so far, oldest first; how many times as fast as its
    teacher it is, with the 95 % interval, and the cores that others used meanwhile, where the run says so."""

    curve: str
    latency_ms: float
    accuracies: tuple[float, ...]
    speedup: float | None = None
    limits: units.Limits = (None, None)
    busy_cores: float | None = None

    @property
    def now(self) -> float:
        return self.accuracies[-1]


@dataclass(frozen=True)
class Plane:
    """The teacher's point and the students' paths; the teacher is None until it has been timed and judged."""

    teacher: tuple[float, float] | None
    paths: tuple[Path, ...]


def plane(points: pd.DataFrame) -> Plane:
    """`points`: a run's curves with the columns of `tail.COLUMNS`."""
    latency = _last(points, "latency_ms_p50")
    speedup, low, high, busy = (
        _last(points, name) for name in ("speedup", "speedup_low", "speedup_high", "busy_cores")
    )
    judged = points[points["split"] == "validation"]
    paths = []
    for curve, own in judged[judged["name"] == "accuracy"].groupby("arm", sort=False):
        name = str(curve)
        if name in latency:
            right = tuple(float(value) for value in own["value"])
            limits = low.get(name), high.get(name)
            paths.append(Path(name, latency[name], right, speedup.get(name), limits, busy.get(name)))
    known = judged.loc[judged["name"] == "teacher accuracy", "value"]
    teacher = (latency["teacher"], float(known.iloc[-1])) if "teacher" in latency and len(known) else None
    return Plane(teacher, tuple(paths))


def _last(points: pd.DataFrame, name: str) -> dict[str, float]:
    """What was measured last under this name, by curve."""
    timed = points[(points["name"] == name) & (points["split"] == "test")]
    return dict(zip(timed["arm"], timed["value"], strict=True))


def draw(points: pd.DataFrame, *, dark: bool = False) -> go.Figure:
    """A mark a model, a line for the way a student has come, and the frontier of what nobody beats."""
    found = plane(points)
    if found.teacher is None or not found.paths:
        return theme.empty("No student in the plane yet", "It appears at its first test on validation texts.")
    ink = theme.INK_DARK if dark else theme.INK
    data = [_frontier(found, dark)]
    for path in found.paths:
        data += _student(path, arm_style.color(lines.arm_of(path.curve).key, dark))
    data.append(_teacher(found.teacher, ink))
    slowest = max(found.teacher[0], *(path.latency_ms for path in found.paths))
    return theme.figure(
        data,
        title(found),
        dark=dark,
        subtitle=_load(found),
        height=HEIGHT,
        xaxis=theme.axis("latency of one text, p50 (ms)", range=[0, slowest * 1.15]),
        yaxis=theme.axis("accuracy on validation texts (%)"),
    )


def title(found: Plane) -> str:
    """How the best student stands to its teacher."""
    if found.teacher is None or not found.paths:
        return "No student in the plane yet"
    best = max(found.paths, key=lambda path: path.now)
    ratio = found.teacher[0] / best.latency_ms if best.speedup is None else best.speedup
    speed = units.measured_as_fast(ratio, best.limits)
    gap = (found.teacher[1] - best.now) * 100
    where = f"{abs(gap):.1f} points {'below' if gap > 0 else 'above'} its teacher" if abs(gap) >= 0.05 else "level"
    name = arm_title(lines.arm_of(best.curve).key)
    return f"{name}: {speed}, {where}"


def _load(found: Plane) -> str:
    busiest = max((path.busy_cores or 0.0 for path in found.paths), default=0.0)
    return units.others_load(busiest, most=len(found.paths) > 1)


def _student(path: Path, color: str) -> list[dict[str, Any]]:
    """The way so far as a thin line, and a hollow mark where the student stands now."""
    name = theme.safe(arm_title(lines.arm_of(path.curve).key))
    sentence = f"{name}, {path.latency_ms:.3g} ms, {units.percent(path.now, 3)} right on validation texts"
    ys = [100 * value for value in path.accuracies]
    return [
        {
            "type": "scatter",
            "mode": "lines",
            "x": [path.latency_ms] * len(ys),
            "y": ys,
            "opacity": 0.5,
            "line": {"color": color, "width": 2},
            "hoverinfo": "skip",
        },
        {
            "type": "scatter",
            "mode": "markers+text",
            "x": [path.latency_ms],
            "y": [ys[-1]],
            "text": [name],
            "textposition": "middle right",
            "textfont": {"color": color},
            "hoverinfo": "text",
            "hovertext": [sentence],
            "marker": {"symbol": "circle-open", "size": 15, "color": color, "line": {"width": 3}},
            "cliponaxis": False,
        },
    ]


def _teacher(point: tuple[float, float], ink: str) -> dict[str, Any]:
    sentence = f"Teacher, {point[0]:.3g} ms, {units.percent(point[1], 3)} right on the same texts"
    return {
        "type": "scatter",
        "mode": "markers+text",
        "x": [point[0]],
        "y": [100 * point[1]],
        "text": ["Teacher"],
        "textposition": "bottom center",
        "textfont": {"color": ink},
        "hoverinfo": "text",
        "hovertext": [sentence],
        "marker": {"symbol": "circle", "size": 15, "color": ink},
        "cliponaxis": False,
    }


def frontier(found: Plane) -> list[tuple[float, float]]:
    """The models that no other beats in both, fastest first: (latency ms, accuracy 0–1)."""
    models = [(path.latency_ms, path.now) for path in found.paths] + ([found.teacher] if found.teacher else [])
    best, on = -1.0, []
    for point in sorted(models, key=lambda point: (point[0], -point[1])):
        if point[1] > best:
            on.append(point)
            best = point[1]
    return on


def _frontier(found: Plane, dark: bool) -> dict[str, Any]:
    on = frontier(found)
    return {
        "type": "scatter",
        "mode": "lines",
        "x": [x for x, _ in on],
        "y": [100 * y for _, y in on],
        "line": {"color": theme.accent(dark), "width": 1.5, "dash": "dot", "shape": "hv"},
        "hoverinfo": "skip",
    }
