"""What is worth having: accuracy against latency, or size against latency where no accuracy is claimed.

The frontier is the step line of the models that no other model beats in both.
"""

from __future__ import annotations

from typing import Any

import pandas as pd
import plotly.graph_objects as go

from distill_core import units
from distill_core.figures import accuracy, bars, latency, theme
from distill_core.figures.labels import Scale, name_points
from distill_core.maths import intervals
from distill_core.tables import compare as tables_compare

EMPTY = "Nothing to weigh up yet"
HEIGHT = 420
_PLOT_PX = (520.0, 330.0)  # the space between the axes on a laptop; labels are placed for it


def draw(frame: pd.DataFrame, *, relative: bool = False, dark: bool = False) -> go.Figure:
    """One batch size and length of a compare frame with its relative columns (`tables.relative_to`)."""
    with_accuracy = bool(frame["accuracy"].notna().any())
    value = "accuracy" if with_accuracy else "params"
    models = frame.dropna(subset=["latency_ms_p50", value]).reset_index(drop=True)
    if models.empty:
        return theme.empty(EMPTY, "The first measured model appears here.")
    on = tables_compare.pareto(
        models, lower="latency_ms_p50", other=value, other_is_better_when="higher" if with_accuracy else "lower"
    )
    title = accuracy_title(models) if with_accuracy else size_title(models)
    xs, ys, axis_titles = _axes(models, with_accuracy, relative)
    low, high = _interval(models, ys, relative)
    scales = Scale.around(xs, _PLOT_PX[0], may_be_log=True), Scale.around([*low, *high], _PLOT_PX[1])
    sizes = diameters(models) if with_accuracy else [15.0] * len(models)
    steps = corners(xs, ys, on, scales, with_accuracy)
    return theme.figure(
        [whiskers(xs, low, high), frontier(steps, dark), _points(models, xs, ys, sizes, dark)],
        title,
        dark=dark,
        subtitle=latency.load_note(models),
        xaxis=theme.axis(axis_titles[0], **scales[0].axis()),
        yaxis=theme.axis(axis_titles[1], **scales[1].axis()),
        annotations=name_points([str(name) for name in models["label"]], xs, ys, sizes, scales, steps),
        height=HEIGHT,
    )


def _axes(models: pd.DataFrame, with_accuracy: bool, relative: bool) -> tuple[list[float], list[float], list[str]]:
    columns = {
        (True, False): ("latency_ms_p50", "accuracy", "accuracy (%)", 100.0),
        (False, False): ("latency_ms_p50", "params", "parameters (millions)", 1e-6),
        (True, True): ("latency_ratio", "accuracy_ratio", "accuracy (% of baseline)", 100.0),
        (False, True): ("latency_ratio", "params_ratio", "parameters (× baseline)", 1.0),
    }
    x, y, y_title, factor = columns[with_accuracy, relative]
    if x not in models or models[[x, y]].isna().to_numpy().any():
        x, y, y_title, factor = columns[with_accuracy, False]
    size = f"for {int(models['batch_size'].iloc[0])} × {int(models['seq_len'].iloc[0])} tokens"
    x_title = f"latency p50 {size} ({'ms' if x == 'latency_ms_p50' else '× baseline'})"
    return [float(v) for v in models[x]], [float(v) * factor for v in models[y]], [x_title, y_title]


def diameters(models: pd.DataFrame, largest_px: float = 40) -> list[float]:
    """Marks whose area is in proportion to the number of parameters."""
    sizes = models["params"].astype("Float64").fillna(0).astype(float)
    largest = float(sizes.max()) or 1.0
    return [max(9.0, largest_px * (size / largest) ** 0.5) for size in sizes]


def corners(
    xs: list[float], ys: list[float], on: pd.Series[bool], scales: tuple[Scale, Scale], high_is_good: bool
) -> list[tuple[float, float]]:
    """Corners of the frontier, from the edge of the plot through the models on it to the other edge."""
    points = sorted({(x, y) for x, y, is_on in zip(xs, ys, on, strict=True) if is_on})
    worst = scales[1].ends[0 if high_is_good else 1]
    return [(points[0][0], worst), *points, (scales[0].ends[1], points[-1][1])]


def frontier(steps: list[tuple[float, float]], dark: bool) -> dict[str, object]:
    """The dotted step line through these corners."""
    return {
        "type": "scatter",
        "mode": "lines",
        "x": [x for x, _ in steps],
        "y": [y for _, y in steps],
        "line": {"shape": "hv", "color": theme.accent(dark), "width": 1.5, "dash": "dot"},
        "hoverinfo": "skip",
    }


def whiskers(xs: list[float], low: list[float], high: list[float]) -> dict[str, object]:
    """A vertical line an interval, as one trace with gaps; nothing to see where low and high are equal."""
    x = [value for middle in xs for value in (middle, middle, None)]
    y = [value for ends in zip(low, high, strict=True) for value in (*ends, None)]
    return {
        "type": "scatter",
        "mode": "lines",
        "x": x,
        "y": y,
        "hoverinfo": "skip",
        "line": {"color": theme.QUIET, "width": 1.5},
    }


def _points(
    models: pd.DataFrame, xs: list[float], ys: list[float], sizes: list[float], dark: bool
) -> dict[str, object]:
    colors = theme.colors(models, dark)
    kinds = zip(models["family"], models["model"], strict=True)
    ring = "#E4EAF0" if dark else "#1E2A35"
    own = [str(model).startswith("run:") for model in models["model"]]
    return {
        "type": "scatter",
        "mode": "markers",
        "x": xs,
        "y": ys,
        "hoverinfo": "text",
        "hovertext": hovers(models),
        "marker": {
            "size": sizes,
            "color": colors,
            "opacity": 1,
            "symbol": [theme.symbol(str(family), model == "minilm") for family, model in kinds],
            "line": {
                "width": [3.0 if is_own else 2.0 for is_own in own],
                "color": [ring if is_own else color for is_own, color in zip(own, colors, strict=True)],
            },
        },
    }


def _interval(models: pd.DataFrame, ys: list[float], relative: bool) -> tuple[list[float], list[float]]:
    """Lower and upper end of each accuracy's 95 % interval in percent; the value itself where there is none."""
    if models["accuracy"].isna().all():
        return ys, ys
    names = ("ratio_low", "ratio_high") if relative and "ratio_low" in models else ("ci_low", "ci_high")
    low, high = (
        [y if units.is_missing(end) else float(end) * 100 for end, y in zip(models[name], ys, strict=True)]
        for name in names
    )
    return low, high


def left_out(frame: pd.DataFrame) -> list[str]:
    """Measured models that this figure cannot show, because others have an accuracy and they have none."""
    if frame["accuracy"].isna().all():
        return []
    rows = frame[frame["accuracy"].isna() & frame["latency_ms_p50"].notna()]
    random = (rows["weights"] == "random").map({True: " (random weights)", False: ""})
    return list(rows["label"] + random)


def hovers(models: pd.DataFrame) -> list[str]:
    """Size, accuracy and latency of each model in words."""
    texts = []
    for (_, row), name in zip(models.iterrows(), bars.labels(models), strict=True):
        good = f"{accuracy.sentence(row, name)}<br>" if not units.is_missing(row["accuracy"]) else ""
        texts.append(f"{good}{latency.sentence(row, name)}<br>{units.millions(row['params'])} parameters, exact")
    return texts


def size_title(models: pd.DataFrame) -> str:
    """Which model is fastest and which smallest; of one alone how fast and how small."""
    if len(models) == 1:
        (name,), row = bars.labels(models), models.iloc[0]
        time = f"{units.milliseconds(row['latency_ms_p50'])} for {latency.size(models)}"
        return f"{name}: {units.millions(row['params'])} parameters, {time}"
    first = latency.fastest(models)
    fastest = theme.safe(models["label"].iloc[first])
    smallest = theme.safe(models.sort_values("params").iloc[0]["label"])
    if not latency.is_clear(models, first):
        return f"No model is clearly the fastest; {smallest} is the smallest"
    if fastest == smallest:
        return f"{fastest} is both the fastest and the smallest"
    return f"{fastest} is the fastest, {smallest} the smallest"


def fastest_of_the_best(models: pd.DataFrame) -> pd.Series[Any]:
    """The fastest model whose distance from the most accurate one may be chance: the 95 % interval of the difference on
    the same texts (`behind_high`) reaches zero; where it is not known, the one that takes the texts as others."""
    best = models.sort_values("accuracy", kind="stable").iloc[-1]
    may_be_chance = [index == best.name or _reaches(row, best) for index, row in models.iterrows()]
    return models[may_be_chance].sort_values("latency_ms_p50", kind="stable").iloc[0]


def _reaches(row: pd.Series[Any], best: pd.Series[Any]) -> bool:
    if not units.is_missing(row.get("behind_high")):
        return bool(row["behind_high"] >= 0)
    ends = [(one["accuracy"], one["ci_low"], one["ci_high"]) for one in (row, best)]
    if any(units.is_missing(end) for one in ends for end in one):
        return False
    return intervals.difference_interval(*ends)[1] >= 0


def accuracy_title(models: pd.DataFrame) -> str:
    """The fastest model whose distance from the most accurate one may be chance, and what it gains; of one alone how
    good and how fast."""
    if len(models) == 1:
        time = f"{units.milliseconds(models['latency_ms_p50'].iloc[0])} for {latency.size(models)}"
        return f"{accuracy.title(models)}, {time}"
    best, pick = models.sort_values("accuracy").iloc[-1], fastest_of_the_best(models)
    if pick["model"] == best["model"]:
        return f"{theme.safe(best['label'])} is the most accurate; no faster model comes within chance of it"
    gain = units.measured_as_fast(*tables_compare.speed_over(pick, best), theme.safe(best["label"]))
    return f"{theme.safe(pick['label'])}: {gain}, and which is more accurate may be chance"
