"""What each ingredient was worth: the change when it is left out, as bars from zero, the largest loss on top.

Whiskers are the interval over seeds, the gray band behind a bar is the one over test texts; a hollow diamond is the
paper's own number, for another score. One bar far longer than all others is cut, visibly: they could not be read.
"""

from __future__ import annotations

import math
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from distill_core import units
from distill_core.figures import arm_style, theme
from distill_core.maths.paired import FEWEST_SEEDS
from distill_core.tables.ablation import verdicts
from distill_core.units import is_missing

ROW_PX = 50
EMPTY = ("No ingredient is left out yet", "The first bar appears when the full recipe and one arm are trained.")
_FAR = 4.0  # a row that reaches so many times as far as the next one is cut …
_CUT_AT = 1.6  # … at so many times the reach of that one
_BAND = "rgba(128,140,152,0.28)"
_PHRASES = {"random init": "With a random start"}
_NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")


def draw(frame: pd.DataFrame, *, dark: bool = False) -> go.Figure:
    """`frame`: `tables.ablation.ablation_frame`. Rows that nobody has measured yet are left out."""
    rows = verdicts(frame)
    if rows.empty:
        return theme.empty(*EMPTY)
    names = [theme.safe(name) for name in rows["title"]]
    low, high = _range(rows)
    room = (high - low) * 0.2
    full = f"all terms {units.percent(float(rows['full_accuracy'].iloc[0]), 3)}"
    return theme.figure(
        [_band(rows, names), *_bars(rows, names, dark), _published(rows, names, dark), _texts(rows, names, high, dark)],
        _title(rows),
        dark=dark,
        barmode="overlay",
        height=ROW_PX * len(rows) + 140,
        **_marks(rows, full, (low, high), dark),
        margin={"l": 8, "r": 16, "t": 48, "b": 88},
        xaxis=theme.axis(_axis_title(rows), range=[low, high + room], tickvals=_ticks(low, high)),
        yaxis=theme.names_axis(type="category"),
    )


def title(frame: pd.DataFrame) -> str:
    """The largest difference beyond chance, or that there is none. `frame`: as for `draw`, not empty."""
    return _title(verdicts(frame))


def _title(rows: pd.DataFrame) -> str:
    seeds = int(rows["seeds"].min())
    if rows["is_sure"].isna().all():
        return "Without predictions or three seeds it is open which differences are chance"
    sure = rows[rows["is_sure"].fillna(False)]
    if sure.empty:
        chance = "these texts" if seeds == 1 else f"{count(seeds, 'seed')} and these texts"
        return f"No ingredient makes a difference beyond the chance of {chance}"
    care = "" if seeds >= FEWEST_SEEDS else f", as far as {count(seeds, 'seed')} can tell"
    ranked = sure.reindex(sure["difference_points"].abs().sort_values(ascending=False, kind="stable").index)
    first = f"{_claim(ranked.iloc[0])} (95 % interval {_ends(ranked.iloc[0])})"
    if len(ranked) == 1:
        return first + care
    second = ranked.iloc[1]
    phrase = _phrase(second)
    return f"{first}; {phrase[0].lower()}{phrase[1:]} {_change(second)} ({_ends(second)}){care}"


def _claim(row: pd.Series[Any]) -> str:
    return f"{_phrase(row)} the student {_change(row)} points"


def _phrase(row: pd.Series[Any]) -> str:
    return _PHRASES.get(str(row["arm"]), str(row["title"]))


def _change(row: pd.Series[Any]) -> str:
    value = float(row["difference_points"])
    return f"{'loses' if value < 0 else 'gains'} {abs(value):.1f}"


def _ends(row: pd.Series[Any]) -> str:
    low, high = sorted(abs(float(row[name])) for name in ("low_points", "high_points"))
    return f"{low:.1f} to {high:.1f}"


def count(n: int, noun: str) -> str:
    """`one seed`, `three seeds`, `12 seeds`."""
    return f"{_NUMBERS[n] if n < len(_NUMBERS) else n} {noun}{'s' if n != 1 else ''}"


def signed(points: float) -> str:
    """`−1.2`, `+0.3`, `0.0`, with a true minus sign."""
    text = f"{points:+.1f}"
    return "0.0" if text in ("+0.0", "-0.0") else text.replace("-", "−")


_INK = (
    "difference_points",
    "seeds_low_points",
    "seeds_high_points",
    "texts_low_points",
    "texts_high_points",
    "published_points",
)


def _reach(row: pd.Series[Any]) -> float:
    """How far left of zero the row's ink goes, in points."""
    return -min(0.0, *(float(row[name]) for name in _INK if not is_missing(row[name])))


def _is_cut(rows: pd.DataFrame) -> bool:
    """Whether the first row, the largest loss, is so large that the others would shrink to nothing."""
    others = [_reach(row) for _, row in rows.iloc[1:].iterrows()]
    return bool(others) and max(others) > 0 and -float(rows["difference_points"].iloc[0]) > _FAR * max(others)


def _range(rows: pd.DataFrame) -> tuple[float, float]:
    """From the leftmost ink to the rightmost, zero within; a row that is cut does not count on the left."""
    shown = rows.iloc[1:] if _is_cut(rows) else rows
    low = -max(_reach(row) for _, row in shown.iterrows()) * (_CUT_AT if _is_cut(rows) else 1.0)
    high = max(0.0, *(float(value) for name in _INK for value in rows[name] if not is_missing(value)))
    pad = max((high - low) * 0.04, 0.05)
    return low - pad, high + pad


def _marks(rows: pd.DataFrame, full: str, span: tuple[float, float], dark: bool) -> dict[str, Any]:
    """The line at zero with its name, and two slanted gaps in a bar that is cut."""
    marks = theme.baseline_line(0, full, dark)
    if _is_cut(rows):
        step = (span[1] - span[0]) / 60
        for start in (span[0] + 3 * step, span[0] + 5 * step):
            x = [start, start + step, start, start - step]
            path = f"M {x[0]},-0.3 L {x[1]},-0.3 L {x[2]},0.3 L {x[3]},0.3 Z"
            ground = arm_style.on_color(dark)
            marks["shapes"].append({"type": "path", "path": path, "fillcolor": ground, "line": {"width": 0}})
    return marks


def _bars(rows: pd.DataFrame, names: list[str], dark: bool) -> list[dict[str, Any]]:
    """The bars, and over them the whiskers: ink with an edge in the color of the ground, to be seen on any bar."""
    values = [float(value) for value in rows["difference_points"]]
    bars = {
        "type": "bar",
        "orientation": "h",
        "y": names,
        "x": values,
        "width": 0.44,
        "hoverinfo": "text",
        "hovertext": [_sentence(row) for _, row in rows.iterrows()],
        "marker": {"color": [arm_style.color(str(arm), dark) for arm in rows["arm"]], "cornerradius": 3},
    }
    ink = theme.INK_DARK if dark else theme.INK
    edge = {"color": arm_style.on_color(dark), "thickness": 5, "width": 7}
    return [bars, _whiskers(rows, names, edge), _whiskers(rows, names, {"color": ink, "thickness": 2, "width": 6})]


def _whiskers(rows: pd.DataFrame, names: list[str], look: dict[str, Any]) -> dict[str, Any]:
    known = rows["seeds_low_points"].notna().tolist()
    shown = rows[known]
    values = shown["difference_points"].to_numpy(dtype=float)
    return {
        "type": "scatter",
        "mode": "markers",
        "x": values.tolist(),
        "hoverinfo": "skip",
        "marker": {"opacity": 0},
        "y": [name for name, is_known in zip(names, known, strict=True) if is_known],
        "error_x": {
            "type": "data",
            "symmetric": False,
            **look,
            "array": (shown["seeds_high_points"].to_numpy(dtype=float) - values).tolist(),
            "arrayminus": (values - shown["seeds_low_points"].to_numpy(dtype=float)).tolist(),
        },
    }


def _band(rows: pd.DataFrame, names: list[str]) -> dict[str, Any]:
    """Where the difference may lie for other test texts: wide and pale, behind the bar."""
    base = [None if is_missing(low) else float(low) for low in rows["texts_low_points"]]
    width = (rows["texts_high_points"] - rows["texts_low_points"]).astype("Float64")
    return {
        "type": "bar",
        "orientation": "h",
        "y": names,
        "base": base,
        "width": 0.8,
        "hoverinfo": "skip",
        "x": [None if is_missing(one) else float(one) for one in width],
        "marker": {"color": _BAND},
    }


def _published(rows: pd.DataFrame, names: list[str], dark: bool) -> dict[str, Any]:
    look = {"color": arm_style.on_color(dark), "line": {"width": 2, "color": theme.INK_DARK if dark else theme.INK}}
    found = [
        (name, row)
        for name, (_, row) in zip(names, rows.iterrows(), strict=True)
        if not is_missing(row["published_points"])
    ]
    return {
        "type": "scatter",
        "mode": "markers",
        "y": [name for name, _ in found],
        "hoverinfo": "text",
        "x": [float(row["published_points"]) for _, row in found],
        "cliponaxis": False,
        "marker": {"symbol": "diamond", "size": 11, **look},
        "hovertext": [
            f"DistilBERT's paper: {float(row['published_points']):.2f} points of the GLUE score".replace("-", "−")
            + f"<br>published, {theme.safe(row['published_source'])}"
            for _, row in found
        ],
    }


def _texts(rows: pd.DataFrame, names: list[str], at: float, dark: bool) -> dict[str, Any]:
    """The values in one column right of all ink."""
    return {
        "type": "scatter",
        "mode": "text",
        "y": names,
        "x": [at] * len(rows),
        "hoverinfo": "skip",
        "cliponaxis": False,
        "text": [f"<b>{signed(float(value))}</b>" for value in rows["difference_points"]],
        "textposition": "middle right",
        "textfont": {"size": 14, "color": theme.INK_DARK if dark else theme.INK},
    }


def _axis_title(rows: pd.DataFrame) -> str:
    """The unit, and below it what whisker, band, diamond and gap mean."""
    signs = {"seeds_low_points": "├┤ seeds", "texts_low_points": "▒ texts"}
    found = [words for name, words in signs.items() if rows[name].notna().any()]
    lines = ["change (points of accuracy)"]
    lines += [f"95 % over {'   '.join(found)}"] if found else []
    lines += ["◇ DistilBERT's paper (GLUE points)"] if rows["published_points"].notna().any() else []
    lines += ["// cut: the bar is longer"] if _is_cut(rows) else []
    return "<br>".join(lines)


def _ticks(low: float, high: float) -> list[float]:
    """At most seven round values, none of them below the column of values."""
    steps = (size * 10.0**power for power in range(-2, 3) for size in (1, 2, 5))
    step = next(step for step in steps if (high - low) / step <= 6)
    return [round(place * step, 2) for place in range(math.ceil(low / step), math.floor(high / step) + 1)]


def _sentence(row: pd.Series[Any]) -> str:
    before, after = units.percent(row["full_accuracy"], 3), units.percent(row["accuracy"], 3)
    seeds = int(row["seeds"])
    lines = [
        f"{theme.safe(row['title'])}: {after}, all terms {before}",
        f"{signed(float(row['difference_points']))} points on {int(row['n_eval']):,} test texts, "
        f"{'mean of ' if seeds > 1 else ''}{count(seeds, 'seed')}",
    ]
    for prefix, words in (("seeds", "other seeds"), ("texts", "other test texts")):
        low, high = row[f"{prefix}_low_points"], row[f"{prefix}_high_points"]
        if not is_missing(low):
            lines.append(f"95 % interval for {words}: {signed(float(low))} to {signed(float(high))}")
    return "<br>".join([*lines, theme.safe(row["source"])])
