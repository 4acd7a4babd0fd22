"""What pre-training was worth: accuracy of each arm with its interval; with several training sizes, learning curves."""

from __future__ import annotations

from typing import Any

import pandas as pd
import plotly.graph_objects as go

from distill_core import units
from distill_core.figures import arm_bars, arm_style, lines, theme
from distill_core.figures.labels import Scale
from distill_core.maths import intervals
from distill_core.tables import training as tables_training

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
    """The best arm at the largest size against scratch, or the runner-up; means where there are several seeds. Says so
    where which of the two is better may be chance."""
    first, other, seeds = tables_training.rivals(rows)
    claim = f"{first['title']} is right on {units.percent(first['accuracy'], 3)} of {int(first['n_eval']):,} test texts"
    if other is not None:
        claim += f", {units.in_sentence(other['title'])} on {units.percent(other['accuracy'], 3)}"
        claim += " (which is better may be chance)" if _may_be_chance(first, other, rows) else ""
    return claim if seeds == 1 else f"{claim} (means of {seeds} seeds)"


def _may_be_chance(first: pd.Series[Any], other: pd.Series[Any], rows: pd.DataFrame) -> bool:
    known = rows["lead_is_sure"].dropna()
    if len(known):
        return not bool(known.iloc[0])
    ends = [tuple(float(one[name]) for name in ("accuracy", "ci_low", "ci_high")) for one in (first, other)]
    return intervals.difference_interval(ends[0], ends[1])[0] <= 0  # type: ignore[arg-type]


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
