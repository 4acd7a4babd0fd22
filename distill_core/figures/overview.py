"""The first figure a newcomer sees: ten families, their exact size beside their recorded latency."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go

from distill_core import units
from distill_core.figures import bars, latency, parameters, theme
from distill_core.tables import compare as tables_compare


def draw(sizes: pd.DataFrame, speeds: pd.DataFrame | None = None, *, dark: bool = False) -> go.Figure:
    """Two columns of bars over one list of families, largest on top.

    `sizes`: `tables.families_frame()`. `speeds`: one batch size and length of a compare frame; None or empty leaves
    the second column out. Families are matched by key.
    """
    if sizes.empty:
        return theme.empty("No families")
    models = sizes.sort_values("params", ascending=False).reset_index(drop=True)
    counts = models["params"] / 1e6
    texts = [units.millions(n) for n in models["params"]]
    hovers = [
        f"{name}: {int(n):,} parameters, exact" for name, n in zip(models["title"], models["params"], strict=True)
    ]
    left = bars.Panel(counts, texts, hovers, "parameters (M)")
    times = _matched(models, speeds)
    if times is None:
        axes = {"xaxis": theme.axis(left.title, range=[0, left.limit])}
        data = bars.traces(models, left, dark)
    else:
        right = latency.milliseconds_panel(times)
        axes = {
            "xaxis": theme.axis(left.title, range=[0, left.limit], domain=[0, 0.47]),
            "xaxis2": theme.axis(f"latency, {latency.size(times)} (ms)", range=[0, right.limit], domain=[0.53, 1]),
        }
        data = [*bars.traces(models, left, dark), *bars.traces(times, right, dark, axis="x2")]
    note = latency.load_note(times) if times is not None else ""
    return theme.figure(
        data,
        title(models, times),
        dark=dark,
        subtitle=note,
        yaxis=theme.names_axis(),
        height=bars.height(models),
        **axes,
    )


def _matched(models: pd.DataFrame, speeds: pd.DataFrame | None) -> pd.DataFrame | None:
    """The measured rows of the families' own structures, in the order and under the names of `models`."""
    if speeds is None:
        return None
    known = speeds[speeds["latency_ms_p50"].notna()].drop_duplicates("family")
    matched = models[["family", "title"]].merge(known.drop(columns=["title", "label"]), on="family")
    return None if matched.empty else matched


def title(models: pd.DataFrame, times: pd.DataFrame | None) -> str:
    """What DistilBERT saves against BERT, in size and, where measured, in time."""
    size = models.set_index("family")["params"]
    if not {"bert", "distilbert"} <= set(size.index):
        return parameters.title(models)
    full = f"Full-size DistilBERT, {units.millions(size['distilbert'])}"
    saved = f"{full}: {units.percent(1 - size['distilbert'] / size['bert'])} fewer parameters than BERT"
    if times is None or not {"bert", "distilbert"} <= set(times["family"]):
        return saved
    rows = {str(row["family"]): row for _, row in times.iterrows()}
    ratio, limits = tables_compare.speed_over(rows["distilbert"], rows["bert"])
    return f"{saved}, {units.measured_as_fast(ratio, limits, at=latency.size(times))}"
