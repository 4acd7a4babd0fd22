"""What pre-training was worth: accuracy of each arm with its interval; with several training sizes, learning curves."""

from __future__ import annotations

from typing import Any

import pandas as pd
import plotly.graph_objects as go

from distill_core import units
from distill_core.figures import arm_bars, arm_style, lines, theme
from distill_core.figures.labels import Scale

EMPTY = ("No arm is tested yet", "A bar appears when an arm is trained and tested.")
PLOT_PX = 270.0


def draw(frame: pd.DataFrame, *, dark: bool = False) -> go.Figure:
    """`frame`: `tables.training.finetune_frame`. Bars for one training size, curves over the sizes for several."""
    rows = frame.dropna(subset=["accuracy"]).reset_index(drop=True)
    if rows.empty:
        return theme.empty(*EMPTY)
    if rows["train_examples"].nunique() > 1:
        return _curves(rows, dark)
    return arm_bars.draw(rows, title(rows), [_sentence(row) for _, row in rows.iterrows()], dark=dark)


def title(rows: pd.DataFrame) -> str:
    """The best arm at the largest size against scratch, or the runner-up; means where there are several seeds."""
    largest = rows[rows["train_examples"] == rows["train_examples"].max()]
    means = largest.groupby(["arm", "title"], sort=False)[["accuracy", "ci_low", "ci_high", "n_eval"]].mean()
    ranked = means.reset_index().sort_values("accuracy", ascending=False)
    seeds = largest["seed"].nunique()
    best = ranked.iloc[0]
    claim = f"{best['title']} is right on {units.percent(best['accuracy'], 3)} of {int(best['n_eval']):,} test texts"
    if len(ranked) > 1:
        scratch = ranked[(ranked["arm"] == "scratch") & (ranked["arm"] != best["arm"])]
        other = scratch.iloc[0] if len(scratch) else ranked.iloc[1]
        claim += f", {units.in_sentence(other['title'])} on {units.percent(other['accuracy'], 3)}"
        if seeds == 1 and other["ci_high"] >= best["ci_low"]:
            claim += " (their intervals overlap)"
    return claim if seeds == 1 else f"{claim} (means of {seeds} seeds)"


def _sentence(row: pd.Series[Any]) -> str:
    low, high = units.percent(row["ci_low"], 3), units.percent(row["ci_high"], 3)
    return (
        f"{theme.safe(row['title'])}: right on {units.percent(row['accuracy'], 3)} of {int(row['n_eval']):,} texts "
        f"(95 % interval {low} to {high}) after {int(row['train_examples']):,} labeled texts"
        f"{arm_bars.silence(row)}<br>{theme.safe(row['source'])}"
    )


# ── several training sizes ───────────────────────────────────────────────────────────────────────────────────────


def _curves(rows: pd.DataFrame, dark: bool) -> go.Figure:
    """One line an arm over the training size (logarithmic where it spans more than ten times), mean over seeds."""
    sizes = sorted({float(n) for n in rows["train_examples"]})
    scale = Scale.around(sizes, 600, pad=0.06)
    data: list[dict[str, Any]] = []
    ends = []
    for arm, part in rows.groupby("arm", sort=False):
        color = arm_style.color(str(arm), dark)
        mean = part.groupby("train_examples", as_index=False)["accuracy"].mean()
        data.append(_points(part, color))
        xs, ys = [float(n) for n in mean["train_examples"]], [float(a) * 100 for a in mean["accuracy"]]
        data.append(
            {
                "type": "scatter",
                "mode": "lines",
                "x": xs,
                "y": ys,
                "line": {"color": color, "width": 2.5},
                "hoverinfo": "skip",
            }
        )
        ends.append((ys[-1], lines.end_text(str(part["title"].iloc[0]), units.percent(ys[-1] / 100, 3)), color))
    low = max(0.0, float(rows["ci_low"].min()) * 100 - 2)
    high = min(101.0, float(rows["ci_high"].max()) * 100 + 2)
    ticks = {"tickvals": sizes, "ticktext": [f"{size:,.0f}" for size in sizes]}
    return theme.figure(
        data,
        title(rows),
        dark=dark,
        height=int(PLOT_PX + 60),
        annotations=lines.end_labels(ends, (low, high), PLOT_PX),
        margin={"l": 8, "r": lines.LABEL_PX, "t": 48, "b": 48},
        xaxis=theme.axis("labeled texts", **{**scale.axis(), **ticks}),
        yaxis=theme.axis("accuracy (%), whiskers: 95 % interval", range=[low, high]),
    )


def _points(part: pd.DataFrame, color: str) -> dict[str, Any]:
    """Each seed's result as a mark with its interval."""
    known = part.fillna({"ci_low": part["accuracy"], "ci_high": part["accuracy"]})
    return {
        "type": "scatter",
        "mode": "markers",
        "x": [float(n) for n in known["train_examples"]],
        "y": [float(a) * 100 for a in known["accuracy"]],
        "marker": {"color": color, "size": 6},
        "hoverinfo": "text",
        "hovertext": [_sentence(row) for _, row in known.iterrows()],
        "error_y": {
            "type": "data",
            "symmetric": False,
            "color": color,
            "thickness": 1,
            "width": 4,
            "array": [float(v) * 100 for v in known["ci_high"] - known["accuracy"]],
            "arrayminus": [float(v) * 100 for v in known["accuracy"] - known["ci_low"]],
        },
    }
