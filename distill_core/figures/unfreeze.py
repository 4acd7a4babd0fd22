"""How much to unfreeze: accuracy over the number of trained parameters, each depth a named point."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from distill_core import units
from distill_core.arms import SAVED
from distill_core.figures import arm_style, theme, transfer_style
from distill_core.figures.labels import Scale
from distill_core.maths import intervals
from distill_core.tables.training import arm_title
from distill_core.tables.transfer import depth_of

PLOT_PX = 300.0
GUESS_PX = 210.0  # lower, so that figure and sliders fit on one screen
_WIDTH_PX = 620.0
EMPTY = ("Nothing is unfrozen yet", "The first point appears when the first depth is trained and tested.")
_DECAY_SIGNS = (("circle", "●"), ("square", "■"), ("triangle-up", "▲"))  # no decay first
_MARK_PX = 10.0


def draw(frame: pd.DataFrame, guesses: pd.DataFrame | None = None, *, dark: bool = False) -> go.Figure:
    """`frame`: `tables.transfer.with_other_decays` or `unfreeze_frame`; `guesses`: `guesses.graded`."""
    rows = frame[frame["params_trained"].fillna(0) > 0]
    if rows.empty:
        return _guess_figure(guesses, dark) if guesses is not None else theme.empty(*EMPTY)
    xs = [float(x) for x in rows["params_trained"]]
    scale = Scale.around(xs, _WIDTH_PX, may_be_log=True, pad=0.09)
    low, high = _y_range(rows, guesses)
    decays = sorted(set(rows["decay"].astype(float)), reverse=True)
    points = [_point(row, _DECAY_SIGNS[decays.index(row["decay"]) % 3][0], dark) for _, row in rows.iterrows()]
    data = [*_paths(rows, dark), *points, *_guesses(rows, guesses, dark)]
    return theme.figure(
        data,
        title(rows),
        dark=dark,
        height=int(PLOT_PX + 60),
        annotations=[*_names(rows), *_legend(rows, dark)],
        xaxis=theme.axis("trained parameters (logarithmic)", **_x_ticks(scale)),
        yaxis=theme.axis("accuracy (%), whiskers: 95 %", range=[low, high]),
    )


def _names(rows: pd.DataFrame) -> list[dict[str, Any]]:
    """A short name at the end of each depth's whisker, above and below in turns: so they fit on a phone."""
    notes = []
    for place, (arm, part) in enumerate(rows.groupby("arm", sort=False)):
        is_above = place % 2 == 1
        end = part["ci_high"].max() if is_above else part["ci_low"].min()
        notes.append(
            {
                "x": math.log10(float(part["params_trained"].iloc[0])),
                "y": float(end) * 100,
                "text": _short(str(arm)),
                "yanchor": "bottom" if is_above else "top",
                "yshift": 3 if is_above else -3,
                "showarrow": False,
                "font": {"size": 13},
            }
        )
    return notes


def _short(arm: str) -> str:
    depth = depth_of(arm)
    return depth.short if depth is not None else theme.safe(arm_title(arm))


def _legend(rows: pd.DataFrame, dark: bool) -> list[dict[str, Any]]:
    """Which mark stands for which decay, where there are several."""
    decays = sorted(set(rows["decay"].astype(float)), reverse=True)
    if len(decays) < 2:
        return []
    words = [f"{_DECAY_SIGNS[place % 3][1]} {_decay_name(decay)}" for place, decay in enumerate(decays)]
    return [
        {
            "x": 0.01,
            "xref": "paper",
            "xanchor": "left",
            "y": 1,
            "yref": "paper",
            "yanchor": "top",
            "showarrow": False,
            "text": "    ".join(words),
            "font": {"size": 13, "color": arm_style.color(SAVED, dark)},
        }
    ]


def _decay_name(decay: float) -> str:
    return "no decay" if decay == 1 else f"decay {decay:g}"


def _x_ticks(scale: Scale) -> dict[str, Any]:
    powers = range(math.floor(scale.low), math.ceil(scale.high) + 1) if scale.log else ()
    ticks = {"tickvals": [10**p for p in powers], "ticktext": [_count(10**p) for p in powers]} if scale.log else {}
    return {**scale.axis(), "dtick": None, **ticks}


def _count(number: float) -> str:
    for size, letter in ((1e9, " G"), (1e6, " M"), (1e3, " k")):
        if number >= size:
            return f"{number / size:g}{letter}"
    return f"{number:g}"


# ── the answer ───────────────────────────────────────────────────────────────────────────────────────────────────


def title(rows: pd.DataFrame) -> str:
    """The cheapest depth that cannot be told from training all layers, or how far all layers are ahead."""
    rows = rows[rows["decay"] == rows["decay"].max()]
    whole = rows[rows["arm"] == SAVED]
    fewer = rows[rows["arm"] != SAVED]
    if whole.empty or fewer.empty:
        best = rows.sort_values("accuracy", ascending=False).iloc[0]
        return f"{best['label']} is right on {units.percent(best['accuracy'], 3)} of {int(best['n_eval']):,} test texts"
    full = whole.iloc[0]
    near = fewer[[_may_be_as_good(row, full) for _, row in fewer.iterrows()]].sort_values("params_trained")
    if near.empty:
        best = fewer.sort_values("accuracy", ascending=False).iloc[0]
        return f"All layers are {_points(full, best)} ahead of {units.in_sentence(best['label'])}, the next best"
    cheap = near.iloc[0]
    ahead = "ahead of" if cheap["accuracy"] > full["accuracy"] else "behind"
    share = units.percent(cheap["share_trained"])
    points = f"{_points(full, cheap)} {ahead} training all, which may be chance"
    return f"{cheap['label']}: {share} of the weights learn, {points}"


def _may_be_as_good(row: pd.Series[Any], full: pd.Series[Any]) -> bool:
    """Whether the 95 % interval of the difference to all layers reaches zero: on the same texts where that is known."""
    if not units.is_missing(row["behind_high"]):
        return bool(row["behind_high"] >= 0)
    ends = [tuple(float(one[name]) for name in ("accuracy", "ci_low", "ci_high")) for one in (row, full)]
    return intervals.difference_interval(ends[0], ends[1])[1] >= 0  # type: ignore[arg-type]


def _points(first: pd.Series[Any], second: pd.Series[Any]) -> str:
    gap = units.significant(abs(float(first["accuracy"]) - float(second["accuracy"])) * 100, 2)
    return f"{gap} point{'' if gap == '1' else 's'}"


# ── points ───────────────────────────────────────────────────────────────────────────────────────────────────────


def _paths(rows: pd.DataFrame, dark: bool) -> list[dict[str, Any]]:
    """A thin line from the head down to all layers, one for each decay; LoRA stands apart."""
    found = []
    for decay, part in rows[rows["arm"] != "lora"].groupby("decay"):
        xs, ys = [float(x) for x in part["params_trained"]], [float(y) * 100 for y in part["accuracy"]]
        found.append(
            {
                "type": "scatter",
                "mode": "lines",
                "x": xs,
                "y": ys,
                "hoverinfo": "skip",
                "line": {
                    "color": arm_style.color(SAVED, dark),
                    "width": 1.5,
                    "dash": "solid" if decay == 1 else "dot",
                },
                "opacity": 0.6,
            }
        )
    return found


def _point(row: pd.Series[Any], symbol: str, dark: bool) -> dict[str, Any]:
    color = arm_style.color(str(row["arm"]), dark)
    return {
        "type": "scatter",
        "mode": "markers",
        "x": [float(row["params_trained"])],
        "y": [float(row["accuracy"]) * 100],
        "hoverinfo": "text",
        "hovertext": [sentence(row)],
        "cliponaxis": False,
        "marker": {"symbol": symbol, "size": _MARK_PX, "color": color},
        "name": str(row["label"]),
        "error_y": transfer_style.whiskers(row.to_frame().T, color),
    }


def sentence(row: pd.Series[Any]) -> str:
    """The whole sentence of a point."""
    low, high = units.percent(row["ci_low"], 3), units.percent(row["ci_high"], 3)
    seeds = f", mean of {int(row['seeds'])} seeds" if int(row["seeds"]) > 1 else ""
    return (
        f"{theme.safe(row['label'])}: {int(row['params_trained']):,} of {int(row['params']):,} weights learn "
        f"({units.percent(row['share_trained'], 2)})<br>right on {units.percent(row['accuracy'], 3)} of "
        f"{int(row['n_eval']):,} test texts, 95 % interval {low} to {high}{seeds}<br>{theme.safe(row['source'])}"
    )


def _guesses(rows: pd.DataFrame, guesses: pd.DataFrame | None, dark: bool) -> list[dict[str, Any]]:
    """Hollow marks at the number of parameters that each guessed depth trains."""
    if guesses is None:
        return []
    places = rows.drop_duplicates("arm").set_index("arm")["params_trained"]
    known = guesses[guesses["arm"].isin(places.index)].dropna(subset=["guess"])
    if known.empty:
        return []
    xs = [float(places[arm]) for arm in known["arm"]]
    return [transfer_style.guess_marks(xs, *_marks(known), transfer_style.ink(dark), dark)]


def _marks(known: pd.DataFrame) -> tuple[list[float], list[str]]:
    """Heights in percent and what the hover says."""
    ys = [float(y) * 100 for y in known["guess"]]
    return ys, [f"{label}: {y:.0f} %" for label, y in zip(known["label"], ys, strict=True)]


def _guess_figure(guesses: pd.DataFrame, dark: bool) -> go.Figure:
    """Before the result: the guesses in their order, from the fewest weights to all."""
    known = guesses.dropna(subset=["guess"])
    if known.empty:
        return theme.empty(*EMPTY)
    names = [theme.safe(label) for label in known["label"]]
    return theme.figure(
        [transfer_style.guess_marks(names, *_marks(known), transfer_style.ink(dark), dark)],
        "Your guess, before the result is shown",
        dark=dark,
        height=int(GUESS_PX + 60),
        xaxis=theme.axis("how much learns", type="category"),
        yaxis=theme.axis("accuracy (%)", range=[0, 101]),
    )


def _y_range(rows: pd.DataFrame, guesses: pd.DataFrame | None) -> tuple[float, float]:
    shares = [float(v) for name in ("ci_low", "ci_high") for v in rows[name].dropna()]
    shares += [float(v) for v in guesses["guess"].dropna()] if guesses is not None else []
    return max(0.0, min(shares) * 100 - 3), min(103.0, max(shares) * 100 + 3)  # room for the names
