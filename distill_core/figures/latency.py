"""How fast: time of one forward pass, p50 with a whisker to p95, or as a multiple of the baseline."""

from __future__ import annotations

from typing import Any

import pandas as pd
import plotly.graph_objects as go

from distill_core import units
from distill_core.figures import bars, theme
from distill_core.tables import compare as tables_compare

EMPTY = "No latency yet"


def draw(frame: pd.DataFrame, *, relative: bool = False, dark: bool = False) -> go.Figure:
    """Bars of `latency_ms_p50` at one batch size and length, or of `latency_ratio` (× baseline) when `relative`."""
    models = frame.dropna(subset=["latency_ms_p50"])
    if models.empty:
        return theme.empty(EMPTY, "Rows appear as the models are measured.")
    panel = relative_panel(models) if relative and "latency_ratio" in models else milliseconds_panel(models)
    return bars.draw(models, panel, title(models), dark, load_note(models))


def milliseconds_panel(models: pd.DataFrame) -> bars.Panel:
    """Bars in milliseconds with whiskers up to p95."""
    values = models["latency_ms_p50"]
    texts = [units.milliseconds(value) for value in values]
    axis = f"latency p50 for {size(models)} (ms), whisker to p95"
    return bars.Panel(values, texts, sentences(models), axis, values, models["latency_ms_p95"])


def relative_panel(models: pd.DataFrame) -> bars.Panel:
    """Bars as a multiple of the baseline's time, with the 95 % interval of the ratio."""
    values = models["latency_ratio"]
    texts = [units.times(value) for value in values]
    axis = f"time for {size(models)} (× baseline), whiskers: 95 % interval"
    low, high = 1 / models["speedup_high"], 1 / models["speedup_low"]
    return bars.Panel(values, texts, sentences(models), axis, low, high)


def title(models: pd.DataFrame) -> str:
    """How many times as fast as the baseline the fastest model is, at this batch size and length; of one, its time."""
    names, base = bars.labels(models), bars.baseline_index(models)
    first = fastest(models)
    own = f"{names[first]}: {units.milliseconds(models['latency_ms_p50'].iloc[first])} for {size(models)}"
    if len(models) == 1:
        return own
    if base is not None and base != first:
        ratio, limits = speed_of(models.iloc[first])
        return f"{names[first]}: {units.measured_as_fast(ratio, limits, names[base], size(models))}"
    if not is_clear(models, first):
        return f"{own}; no model is clearly faster"
    return own.replace(":", " is the fastest:", 1)


def fastest(models: pd.DataFrame) -> int:
    """Place of the fastest: by the ratio to the baseline where all have one, else by the time."""
    if "speedup" in models and models["speedup"].notna().all():
        return int(models["speedup"].to_numpy(dtype=float).argmax())
    return int(models["latency_ms_p50"].to_numpy(dtype=float).argmin())


def is_clear(models: pd.DataFrame, first: int) -> bool:
    """Whether the model at this place is faster than each other, as far as there are intervals that could deny it."""
    rivals = (models.iloc[place] for place in range(len(models)) if place != first)
    lows = (tables_compare.speed_over(models.iloc[first], rival)[1][0] for rival in rivals)
    return all(low is None or low > 1 for low in lows)


def speed_of(row: pd.Series[Any]) -> tuple[float | None, units.Limits]:
    """How many times as fast as the baseline or the teacher, and its 95 % interval, as the frame has them."""
    return row["speedup"], (row["speedup_low"], row["speedup_high"])


def size(models: pd.DataFrame) -> str:
    """`1 × 128 tokens`."""
    return f"{int(models['batch_size'].iloc[0])} × {int(models['seq_len'].iloc[0])} tokens"


def load_note(models: pd.DataFrame) -> str:
    """What a reader must know of the load under which these were timed; nothing where it was quiet."""
    busy = models["busy_cores"].dropna()
    return units.others_load(float(busy.max()), most=len(models) > 1) if len(busy) else ""


def sentences(frame: pd.DataFrame) -> list[str]:
    """The hover text of each row: who, at which size, how fast, measured when and where."""
    return [sentence(row, name) for (_, row), name in zip(frame.iterrows(), bars.labels(frame), strict=True)]


def sentence(row: pd.Series[Any], name: str) -> str:
    """`DistilBERT, batch 1 × 128, p50 58 ms (p95 61 ms), measured 22 Nov 2025 on …, 2 threads`."""
    p50, p95 = units.milliseconds(row["latency_ms_p50"]), units.milliseconds(row["latency_ms_p95"])
    load = units.others_load(row["busy_cores"])
    return (
        f"{name}, batch {int(row['batch_size'])} × {int(row['seq_len'])} tokens, p50 {p50} (p95 {p95})"
        f"{f'<br>{load}' if load else ''}<br>{theme.safe(row['source'])}"
    )
