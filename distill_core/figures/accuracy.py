"""How good: share of right answers with its 95 % interval, or as a share of the baseline's accuracy."""

from __future__ import annotations

from typing import Any

import pandas as pd
import plotly.graph_objects as go

from distill_core import units
from distill_core.figures import bars, theme
from distill_core.tables import one_answer

EMPTY = "No accuracy is claimed here"


def draw(frame: pd.DataFrame, *, relative: bool = False, dark: bool = False) -> go.Figure:
    """Bars of `accuracy` (percent) with whiskers, or of `accuracy_ratio` (% of baseline) when `relative`."""
    models = frame.dropna(subset=["accuracy"])
    if models.empty:
        return theme.empty(EMPTY, "Random weights cannot classify: choose a fine-tuned model and a data set.")
    ratio = relative and "accuracy_ratio" in models and models["accuracy_ratio"].notna().any()
    columns = ("accuracy_ratio", "ratio_low", "ratio_high") if ratio else ("accuracy", "ci_low", "ci_high")
    values, low, high = (models[column] * 100 for column in columns)
    panel = bars.Panel(
        values,
        [units.percent(value / 100, 3) for value in values],
        [sentence(row, name) for (_, row), name in zip(models.iterrows(), bars.labels(models), strict=True)],
        "% of the baseline's accuracy" if ratio else "accuracy (%), whiskers: 95 % interval",
        low,
        high,
    )
    more = theme.majority_line(models.head(0) if ratio else models, dark)
    return bars.draw(models, panel, title(models), dark, more=more)


def title(models: pd.DataFrame) -> str:
    """The best model with its interval, and how many others cannot be told apart from it by their intervals."""
    best = models.sort_values("accuracy").iloc[-1]
    name = theme.safe(best["label"])
    claim = f"{name} is right on {units.percent(best['accuracy'], 3)} of {int(best['n_eval']):,} texts"
    others = int((models["ci_high"] >= best["ci_low"]).sum()) - 1
    if others < 1:
        return claim if len(models) == 1 else f"{claim}; no other interval reaches it"
    return f"{claim}; {others} other interval{'s' if others > 1 else ''} overlap{'' if others > 1 else 's'}"


def _silence(row: pd.Series[Any]) -> str:
    words = one_answer.hover(row) if "answered" in row.index else ""
    return f"<br>{words}" if words else ""


def sentence(row: pd.Series[Any], name: str) -> str:
    """`MiniLM is right on 82.3 % of 1,000 texts (95 % interval 79.8–84.5 %), measured …`."""
    interval = f"{units.significant(row['ci_low'] * 100)}–{units.significant(row['ci_high'] * 100)} %"
    return (
        f"{name} is right on {units.percent(row['accuracy'], 3)} of {int(row['n_eval']):,} texts "
        f"(95 % interval {interval}){_silence(row)}<br>{theme.safe(row['source'])}"
    )
