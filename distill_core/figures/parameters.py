"""How big: parameters of each model, exact, or as a multiple of the baseline."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go

from distill_core import units
from distill_core.figures import bars, theme

EMPTY = "No sizes yet"


def draw(frame: pd.DataFrame, *, relative: bool = False, dark: bool = False) -> go.Figure:
    """Bars of `params` (millions), or of `params_ratio` (× baseline) when `relative`."""
    models = frame.dropna(subset=["params"])
    if models.empty:
        return theme.empty(EMPTY, "They appear with the first measured model.")
    ratio = relative and "params_ratio" in models and models["params_ratio"].notna().any()
    values = models["params_ratio"] if ratio else models["params"] / 1e6
    texts = [
        units.times(value) if ratio else units.millions(n) for value, n in zip(values, models["params"], strict=True)
    ]
    panel = bars.Panel(values, texts, _hovers(models), "parameters (× baseline)" if ratio else "parameters (millions)")
    return bars.draw(models, panel, title(models), dark)


def title(frame: pd.DataFrame) -> str:
    """What the smallest model saves against the baseline, or its size where there is none; of one alone its size."""
    names = bars.labels(frame)
    sizes = [int(size) for size in frame["params"]]
    smallest = min(range(len(sizes)), key=sizes.__getitem__)
    if len(sizes) == 1:
        return f"{names[0]}: {units.millions(sizes[0])} parameters"
    base = bars.baseline_index(frame)
    if base is None:
        return f"{names[smallest]} is the smallest: {units.millions(sizes[smallest])} parameters"
    if sizes[base] <= sizes[smallest]:
        return f"{names[base]} is the smallest: {units.millions(sizes[base])} parameters"
    saved = 1 - sizes[smallest] / sizes[base]
    return f"{names[smallest]}: {units.percent(saved)} fewer parameters than {names[base]}"


def _hovers(frame: pd.DataFrame) -> list[str]:
    return [
        f"{name}: {int(params):,} parameters, exact: counted from the architecture"
        for name, params in zip(bars.labels(frame), frame["params"], strict=True)
    ]
