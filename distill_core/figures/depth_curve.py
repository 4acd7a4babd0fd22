"""How deep must a student be? The accuracy that it keeps over its share of the teacher's size or time.

DistilBERT's own point stands beside the curve, hollow: published, for another task.
"""

from __future__ import annotations

from typing import Any, Literal

import pandas as pd
import plotly.graph_objects as go

from distill_core import units
from distill_core.figures import arm_style, theme
from distill_core.figures.labels import Scale
from distill_core.tables import recipes
from distill_core.tables.sweep import Reference
from distill_core.units import is_missing

Share = Literal["params_share", "time_share"]
X_TITLES: dict[Share, str] = {
    "params_share": "parameters (% of the teacher's)",
    "time_share": "time a text (% of the teacher's)",
}
HEIGHT = 380
_PLOT_PX = (520.0, 280.0)
_OF = {"params_share": "of the parameters", "time_share": "of the time"}


_LEVEL = {"type": "line", "x0": 0, "x1": 1, "xref": "paper", "y0": 100, "y1": 100, "layer": "below"}  # the teacher's
_TEACHER = {
    "x": 0,
    "xref": "paper",
    "xanchor": "left",
    "y": 100,
    "yanchor": "bottom",
    "text": "teacher",
    "showarrow": False,
    "font": {"size": 13},
}


def draw(frame: pd.DataFrame, reference: Reference, x: Share = "params_share", *, dark: bool = False) -> go.Figure:
    """`frame`: `tables.sweep.depth_frame` at one setting."""
    rows = frame.dropna(subset=["retained", x]).reset_index(drop=True)
    if rows.empty:
        return theme.empty("No depth is trained yet", "A point appears when its student is tested.")
    mine = [(float(row[x]) * 100, float(row["retained"]) * 100) for _, row in rows.iterrows()]
    paper = (getattr(reference, x) * 100, reference.retained * 100)
    low, high = _ends(rows)
    scales = (
        Scale.around([*(at for at, _ in mine), paper[0], 100.0], _PLOT_PX[0]),
        Scale.around([*low, *high, paper[1], 100.0], _PLOT_PX[1], pad=0.08),
    )
    ink = theme.INK_DARK if dark else theme.INK
    return theme.figure(
        [_curve(rows, mine, (low, high), dark), _paper(paper, reference, ink)],
        title(rows, reference, x),
        dark=dark,
        subtitle=_load(rows, x),
        height=HEIGHT,
        annotations=[_TEACHER],
        margin={"l": 8, "r": 16, "t": 48, "b": 64},
        shapes=[{**_LEVEL, "line": {"color": ink, "width": 1.5, "dash": "dash"}}],
        xaxis=theme.axis(f"{X_TITLES[x]}<br>● layers   ◇ DistilBERT, published", **scales[0].axis()),
        yaxis=theme.axis("accuracy (% of the teacher's)", **scales[1].axis()),
    )


def title(rows: pd.DataFrame, reference: Reference, x: Share) -> str:
    """The shallowest student that keeps what DistilBERT claims, and what it costs; or that none does."""
    mark, pick = units.percent(reference.retained), recipes.enough(rows)
    if pick is None:
        return "No depth is trained yet"
    interval = ""
    if not is_missing(pick["retained_low"]):
        low, high = (float(pick[f"retained_{end}"]) for end in ("low", "high"))
        interval = f" (95 % interval {low * 100:.0f} to {high * 100:.0f} %)"
    one = int(pick["layers"]) == 1
    if pick["retained"] < reference.retained:
        kept = f"{layers(pick)} keep{'s' if one else ''} {units.percent(pick['retained'])}"
        return f"No depth keeps {mark} of the accuracy: {kept}{interval}"
    kept = f"the fewest that keep{'s' if one else ''} {units.percent(pick['retained'])} of the accuracy"
    return f"{layers(pick)} {'is' if one else 'are'} {kept}{interval}: {_cost(pick, x)}"


def _cost(row: pd.Series[Any], x: Share) -> str:
    """The share of the teacher's size; that of its time as far as it is known."""
    share = f"{units.percent(row[x])} {_OF[x]}"
    if x == "params_share":
        return share
    if is_missing(row["time_low"]) or is_missing(row["time_high"]):
        return f"{share} ({units.ONE_TIMING})"
    return "no clear difference in time" if row["time_low"] <= 1 <= row["time_high"] else share


def _load(rows: pd.DataFrame, x: Share) -> str:
    busy = rows["busy_cores"].dropna()
    return units.others_load(float(busy.max()), most=len(rows) > 1) if x == "time_share" and len(busy) else ""


def layers(row: pd.Series[Any]) -> str:
    """`1 layer`, `3 layers`."""
    n = int(row["layers"])
    return f"{n} layer{'s' if n != 1 else ''}"


def _ends(rows: pd.DataFrame) -> tuple[list[float], list[float]]:
    """Both ends of each interval in percent; the value itself where there is none."""
    low, high = (
        [
            float(value if is_missing(end) else end) * 100
            for end, value in zip(rows[name], rows["retained"], strict=True)
        ]
        for name in ("retained_low", "retained_high")
    )
    return low, high


def _curve(
    rows: pd.DataFrame, points: list[tuple[float, float]], ends: tuple[list[float], list[float]], dark: bool
) -> dict[str, Any]:
    """The students, each with its number of layers in its mark."""
    ys, color = [y for _, y in points], arm_style.color("distilled", dark)
    return {
        "type": "scatter",
        "mode": "lines+markers+text",
        "x": [at for at, _ in points],
        "y": ys,
        "cliponaxis": False,
        "line": {"color": color, "width": 2},
        "marker": {"size": 24, "color": color, "opacity": 1},
        "text": [f"<b>{int(n)}</b>" for n in rows["layers"]],
        "textfont": {"size": 13, "color": arm_style.on_color(dark)},
        "hoverinfo": "text",
        "hovertext": [_sentence(row) for _, row in rows.iterrows()],
        "error_y": {
            "type": "data",
            "symmetric": False,
            "color": theme.QUIET,
            "thickness": 1.5,
            "width": 5,
            "array": [high - y for high, y in zip(ends[1], ys, strict=True)],
            "arrayminus": [y - low for low, y in zip(ends[0], ys, strict=True)],
        },
    }


def _paper(at: tuple[float, float], reference: Reference, ink: str) -> dict[str, Any]:
    """DistilBERT, hollow."""
    return {
        "type": "scatter",
        "mode": "markers",
        "x": [at[0]],
        "y": [at[1]],
        "hoverinfo": "text",
        "cliponaxis": False,
        "hovertext": [
            f"DistilBERT keeps {units.percent(reference.retained)} of BERT's GLUE score with "
            f"{units.percent(reference.params_share)} of its parameters in {units.percent(reference.time_share)} of "
            f"its time<br>published, {theme.safe(reference.source)}",
        ],
        "marker": {"size": 14, "symbol": "diamond-open", "color": ink, "line": {"width": 2, "color": ink}},
    }


def _sentence(row: pd.Series[Any]) -> str:
    low, high = units.percent(row["retained_low"], 3), units.percent(row["retained_high"], 3)
    return (
        f"{layers(row)}: keeps {units.percent(row['retained'], 3)} of the teacher's accuracy (95 % interval {low} to "
        f"{high}), right on {units.percent(row['accuracy'], 3)} of {int(row['n_eval']):,} texts"
        f"<br>{units.millions(row['params'])} parameters ({units.percent(row['params_share'])}), "
        f"p50 {units.milliseconds(row['latency_ms_p50'])} a text ({units.percent(row['time_share'])})"
        f"<br>{theme.safe(row['source'])}"
    )
