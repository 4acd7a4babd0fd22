"""How much memory: the peak while the model computes one batch, or as a multiple of the baseline."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go

from distill_core import units
from distill_core.figures import bars, theme

EMPTY = "No memory measured yet"


def draw(frame: pd.DataFrame, *, relative: bool = False, dark: bool = False) -> go.Figure:
    """Bars of `peak_memory_mib` at one batch size and length, or of `memory_ratio` (× baseline) when `relative`."""
    models = frame.dropna(subset=["peak_memory_mib"])
    if models.empty:
        return theme.empty(EMPTY, "It appears with the rows, where the system can tell it.")
    ratio = relative and "memory_ratio" in models and models["memory_ratio"].notna().any()
    values = models["memory_ratio"] if ratio else models["peak_memory_mib"]
    texts = [units.times(value) if ratio else units.mebibytes(value) for value in values]
    hovers = [
        f"{name}: {units.mebibytes(peak)} at the peak<br>{theme.safe(source)}"
        for name, peak, source in zip(bars.labels(models), models["peak_memory_mib"], models["source"], strict=True)
    ]
    panel = bars.Panel(values, texts, hovers, "peak memory (× baseline)" if ratio else "peak memory (MiB)")
    return bars.draw(models, panel, title(models), dark)


def title(models: pd.DataFrame) -> str:
    """Which model needs least, and how much less than the baseline; of one alone what it needs."""
    names, peaks = bars.labels(models), [float(peak) for peak in models["peak_memory_mib"]]
    least = min(range(len(peaks)), key=peaks.__getitem__)
    if len(peaks) == 1:
        return f"{names[0]} needs {units.mebibytes(peaks[0])}"
    base = bars.baseline_index(models)
    if base is None or peaks[base] <= peaks[least]:
        least = least if base is None else base
        return f"{names[least]} needs least memory: {units.mebibytes(peaks[least])}"
    return f"{names[least]}: {units.percent(1 - peaks[least] / peaks[base])} less memory than {names[base]}"
