"""How fast: time of one forward pass, p50 with a whisker to p95, or as a multiple of the baseline."""

from __future__ import annotations

from typing import Any

import pandas as pd
import plotly.graph_objects as go

from distill_core import units
from distill_core.figures import bars, theme

EMPTY = "No latency yet"


def draw(frame: pd.DataFrame, *, relative: bool = False, dark: bool = False) -> go.Figure:
    """Bars of `latency_ms_p50` at one batch size and length, or of `latency_ratio` (× baseline) when `relative`."""
    models = frame.dropna(subset=["latency_ms_p50"])
    if models.empty:
        return theme.empty(EMPTY, "Rows appear as the models are measured.")
    panel = relative_panel(models) if relative and "latency_ratio" in models else milliseconds_panel(models)
    return bars.draw(models, panel, title(models), dark)


def milliseconds_panel(models: pd.DataFrame) -> bars.Panel:
    """Bars in milliseconds with whiskers up to p95."""
    values = models["latency_ms_p50"]
    texts = [units.milliseconds(value) for value in values]
    return bars.Panel(
        values, texts, sentences(models), "latency p50 (ms), whisker to p95", values, models["latency_ms_p95"]
    )


def relative_panel(models: pd.DataFrame) -> bars.Panel:
    """Bars as a multiple of the baseline's p50."""
    values = models["latency_ratio"]
    return bars.Panel(values, [units.times(value) for value in values], sentences(models), "latency p50 (× baseline)")


def title(models: pd.DataFrame) -> str:
    """How many times as fast as the baseline the fastest model is, at this batch size and length; of one, its time."""
    names = bars.labels(models)
    times = [float(value) for value in models["latency_ms_p50"]]
    fastest = min(range(len(times)), key=times.__getitem__)
    size = f"{int(models['batch_size'].iloc[0])} × {int(models['seq_len'].iloc[0])} tokens"
    if len(models) == 1:
        return f"{names[0]}: {units.milliseconds(times[0])} for {size}"
    base = bars.baseline_index(models)
    if base is None or times[base] <= times[fastest]:
        fastest = fastest if base is None else base
        return f"{names[fastest]} is the fastest: {units.milliseconds(times[fastest])} for {size}"
    return f"{names[fastest]}: {units.as_fast(times[base] / times[fastest])} as {names[base]} at {size}"


def sentences(frame: pd.DataFrame) -> list[str]:
    """The hover text of each row: who, at which size, how fast, measured when and where."""
    return [sentence(row, name) for (_, row), name in zip(frame.iterrows(), bars.labels(frame), strict=True)]


def sentence(row: pd.Series[Any], name: str) -> str:
    """`DistilBERT, batch 1 × 128, p50 58 ms (p95 61 ms), measured 22 Nov 2025 on …, 2 threads`."""
    p50, p95 = units.milliseconds(row["latency_ms_p50"]), units.milliseconds(row["latency_ms_p95"])
    return (
        f"{name}, batch {int(row['batch_size'])} × {int(row['seq_len'])} tokens, p50 {p50} (p95 {p95})"
        f"<br>{theme.safe(row['source'])}"
    )
