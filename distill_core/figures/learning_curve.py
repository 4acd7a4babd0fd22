"""Learning curves: accuracy over labeled texts, seconds or computation, one line an arm, guesses as hollow marks."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import pandas as pd
import plotly.graph_objects as go

from distill_core import arms, units
from distill_core.arms import FinetuneArm
from distill_core.figures import arm_style, lines, theme, transfer_style
from distill_core.figures.bars import rgba
from distill_core.tables import transfer_leads
from distill_core.tables.training import arm_title
from distill_core.tables.transfer_leads import Lead

PLOT_PX = 290.0
GUESS_PX = 210.0  # lower, so that figure and sliders fit on one screen
XAxis = Literal["train_examples", "train_s", "train_tflop"]
X_TITLES: dict[XAxis, str] = {
    "train_examples": "labeled texts (logarithmic)",
    "train_s": "seconds of training (logarithmic)",
    "train_tflop": "training compute (TFLOP = 10¹² operations, logarithmic)",
}
EMPTY = ("No arm is tested yet", "The first point appears when the first arm is trained and tested.")
_MOST_TICKS = 6


@dataclass(frozen=True)
class View:
    """What runs along the axis; `majority`: the share of the most frequent class (0–1), drawn as a line; `lead`: who
    leads whom, for the title."""

    x: XAxis = "train_examples"
    majority: float | None = None
    dark: bool = False
    lead: Lead | None = None


def draw(frame: pd.DataFrame, guesses: pd.DataFrame | None = None, view: View | None = None) -> go.Figure:
    """`frame`: `tables.transfer.curve_frame`; `guesses`: `guesses.graded`, shown over the number of texts alone."""
    view = view or View()
    marks = guesses if guesses is not None and view.x == "train_examples" else None
    if frame.empty and (marks is None or marks["guess"].isna().all()):
        return theme.empty(*EMPTY)
    data, ends = _arms(frame, view)
    data += _guesses(marks, view.dark) if marks is not None else []
    ends += _guess_ends(marks, view.dark) if marks is not None and frame.empty else []
    low, high = _y_range(frame, marks, view)
    if view.majority is not None:
        share = units.percent(view.majority, 3)
        ends.append((view.majority * 100, f"Most frequent<br>class <b>{share}</b>", theme.QUIET))
    plot_px = GUESS_PX if frame.empty else PLOT_PX
    return theme.figure(
        data,
        title(frame, marks, view),
        dark=view.dark,
        height=int(plot_px + 60),
        shapes=_majority(view, low),
        annotations=lines.end_labels(ends, (low, high), plot_px),
        margin={"l": 8, "r": lines.LABEL_PX, "t": 48, "b": 48},
        xaxis=_x_axis(frame, marks, view),
        yaxis=theme.axis(_y_title(frame), range=[low, high]),
    )


# ── the answer ───────────────────────────────────────────────────────────────────────────────────────────────────


def title(frame: pd.DataFrame, guesses: pd.DataFrame | None, view: View) -> str:
    """How far the pre-trained model is ahead; over a cost, what each cost buys; before that, what was guessed."""
    if frame.empty:
        return "Your guess, before the result is shown" if guesses is not None else EMPTY[0]
    if view.x != "train_examples":
        return _cost_title(frame, view.x)
    found = view.lead or transfer_leads.lead(frame)
    if found is None:
        best = frame.sort_values("accuracy", ascending=False).iloc[0]
        return (
            f"{best['title']} is right on {units.percent(best['accuracy'], 3)} with {best['train_examples']:,} labels"
        )
    return lead_sentence(found)


def lead_sentence(found: Lead) -> str:
    """`With 200 labels, fine-tuned is 18 points ahead of bag of words`; says so where it may be chance."""
    points = units.significant(abs(found.gap) * 100, 2)
    unit = "point" if points == "1" else "points"
    names = f"{units.in_sentence(found.first)} is {points} {unit} {'ahead of' if found.gap >= 0 else 'behind'}"
    claim = f"With {found.train_examples:,} labels, {names} {units.in_sentence(found.second)}"
    return claim if found.is_sure else f"{claim}, which may be chance"


def interval_sentence(found: Lead) -> str:
    """The lead with its interval, for the line below the figure."""
    gap, low, high = (f"{value * 100:+.1f}".replace("-", "−") for value in (found.gap, found.low, found.high))
    how = "over seeds and the same test texts" if found.is_paired else "as of different texts: no predictions are kept"
    return (
        f"{found.first} minus {units.in_sentence(found.second)} with {found.train_examples:,} labels: {gap} points, "
        f"95 % interval {low} to {high}, {how}."
    )


def _cost_title(frame: pd.DataFrame, x: XAxis) -> str:
    largest = frame[frame["train_examples"] == frame["train_examples"].max()].sort_values("accuracy", ascending=False)
    unit = "after {} s of training" if x == "train_s" else "with {} TFLOP"
    shown = [largest.iloc[0], *([largest[largest["arm"] == "bow"].iloc[0]] if (largest["arm"] == "bow").any() else [])]
    words = [f"{row['title']} reaches {units.percent(row['accuracy'])} {_cost(row[x], unit)}" for row in shown]
    return f"{words[0]}, {words[1][0].lower()}{words[1][1:]}" if len(words) > 1 else words[0]


def _cost(value: float, unit: str) -> str:
    if pd.isna(value):
        return "(compute not counted)"
    return unit.format(units.significant(value, 2)) if value > 0 else "without any"


# ── lines, bands, marks ──────────────────────────────────────────────────────────────────────────────────────────


def _arms(frame: pd.DataFrame, view: View) -> tuple[list[dict[str, Any]], list[tuple[float, str, str]]]:
    data: list[dict[str, Any]] = []
    ends = []
    for arm, part in frame.groupby("arm", sort=False):
        color = arm_style.color(str(arm), view.dark)
        rows = part.sort_values("train_examples")
        title, last = str(rows["title"].iloc[0]), float(rows["accuracy"].iloc[-1])
        ends.append((last * 100, lines.end_text(title, units.percent(last, 3)), color))
        drawable = rows[rows[view.x].astype("Float64").fillna(0) > 0]
        if _needs_no_labels(arm):
            data.append(_level(rows, view, frame, color))
        elif len(drawable):
            data += [*_band(drawable, view, color), _line(drawable, view, color)]
    return data, ends


def _line(rows: pd.DataFrame, view: View, color: str) -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": "lines+markers",
        "x": [float(x) for x in rows[view.x]],
        "y": [float(y) * 100 for y in rows["accuracy"]],
        "line": {"color": color, "width": 2.5},
        "marker": {"size": 7, "color": color},
        "error_y": transfer_style.whiskers(rows, color),
        "hoverinfo": "text",
        "hovertext": [sentence(row) for _, row in rows.iterrows()],
        "cliponaxis": False,
        "name": str(rows["arm"].iloc[0]),
    }


def _band(rows: pd.DataFrame, view: View, color: str) -> list[dict[str, Any]]:
    """From the lowest to the highest seed; nothing for one seed."""
    if int(rows["seeds"].max()) < 2 or len(rows) < 2:
        return []
    xs = [float(x) for x in rows[view.x]]
    low, high = ([float(y) * 100 for y in rows[name]] for name in ("seed_low", "seed_high"))
    return [
        {
            "type": "scatter",
            "mode": "lines",
            "x": [*xs, *reversed(xs)],
            "y": [*low, *reversed(high)],
            "fill": "toself",
            "fillcolor": rgba(f"{color}2E"),
            "line": {"width": 0},
            "hoverinfo": "skip",
        }
    ]


def _level(rows: pd.DataFrame, view: View, frame: pd.DataFrame, color: str) -> dict[str, Any]:
    """Zero-shot learns from no text: a level over the whole axis."""
    known = [float(x) for x in frame[view.x].dropna() if x > 0] or [1.0]
    value = float(rows["accuracy"].iloc[-1]) * 100
    hover = f"{sentence(rows.iloc[-1])}"
    return {
        "type": "scatter",
        "mode": "lines",
        "x": [min(known), max(known)],
        "y": [value, value],
        "hoverinfo": "text",
        "hovertext": [hover, hover],
        "line": {"color": color, "width": 2, "dash": "dash"},
        "name": "zero-shot",
    }


def _guesses(guesses: pd.DataFrame, dark: bool) -> list[dict[str, Any]]:
    found = []
    for arm, part in guesses.dropna(subset=["guess", "n"]).groupby("arm", sort=False):
        xs, ys = [float(n) for n in part["n"]], [float(y) * 100 for y in part["guess"]]
        color = arm_style.color(str(arm), dark)
        hovers = [f"{label}: {y:.0f} %" for label, y in zip(part["label"], ys, strict=True)]
        line = {"mode": "lines+markers", "line": {"color": color, "width": 1.5, "dash": "dot"}}
        found.append({**transfer_style.guess_marks(xs, ys, hovers, color, dark), **line})
    return found


def _guess_ends(guesses: pd.DataFrame, dark: bool) -> list[tuple[float, str, str]]:
    """The names of guessed curves, while there are no measured ones beside them."""
    last = guesses.dropna(subset=["guess", "n"]).sort_values("n").groupby("arm", sort=False).tail(1)
    return [
        (
            float(row["guess"]) * 100,
            lines.end_text(arm_title(row["arm"]), units.percent(row["guess"])),
            arm_style.color(row["arm"], dark),
        )
        for _, row in last.iterrows()
    ]


def _needs_no_labels(arm: object) -> bool:
    row = arms.named(str(arm))
    return isinstance(row, FinetuneArm) and not row.is_trained


def sentence(row: pd.Series[Any]) -> str:
    """The whole sentence of a point."""
    low, high = units.percent(row["ci_low"], 3), units.percent(row["ci_high"], 3)
    texts = "without training" if _needs_no_labels(row["arm"]) else f"with {int(row['train_examples']):,} labeled texts"
    seeds = ""
    if int(row["seeds"]) > 1:
        spread = f"{units.percent(row['seed_low'], 3)} to {units.percent(row['seed_high'], 3)}"
        seeds = f", mean of {int(row['seeds'])} seeds ({spread})"
    compute = "" if pd.isna(row["train_tflop"]) else f", {units.significant(row['train_tflop'], 2)} TFLOP"
    cost = f"{units.significant(row['train_s'], 2)} s{compute}"
    return (
        f"{theme.safe(row['title'])} {texts}: right on {units.percent(row['accuracy'], 3)} of {int(row['n_eval']):,} "
        f"test texts<br>95 % interval {low} to {high}{seeds}; {cost}<br>{theme.safe(row['source'])}"
    )


# ── axes ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def _x_axis(frame: pd.DataFrame, guesses: pd.DataFrame | None, view: View) -> dict[str, Any]:
    values = {float(x) for x in frame[view.x].dropna() if x > 0} | (
        {float(n) for n in guesses["n"].dropna()} if guesses is not None else set()
    )
    low, high = math.log10(min(values, default=1)), math.log10(max(values, default=10))
    room = max((high - low) * 0.05, 0.08)
    name = X_TITLES[view.x]
    if view.x == "train_tflop" and (frame["arm"] == "bow").any():
        name += "; not counted for bag of words"
    ticks: dict[str, Any] = {"dtick": 1, "tickformat": "~g"}
    if view.x == "train_examples":
        sizes = sorted(values)
        shown = sizes if len(sizes) <= _MOST_TICKS else sizes[:: math.ceil(len(sizes) / _MOST_TICKS)]
        ticks = {"tickvals": shown, "ticktext": [f"{size:,.0f}" for size in shown]}
    return theme.axis(name, type="log", range=[low - room, high + room], **ticks)


def _y_title(frame: pd.DataFrame) -> str:
    return "accuracy (%)" if frame.empty else "accuracy (%), whiskers: 95 %"


def _y_range(frame: pd.DataFrame, guesses: pd.DataFrame | None, view: View) -> tuple[float, float]:
    shares = [float(v) for name in ("ci_low", "ci_high", "accuracy") for v in frame[name].dropna()]
    shares += [float(v) for v in guesses["guess"].dropna()] if guesses is not None else []
    shares += [view.majority] if view.majority is not None else []
    if frame.empty:
        return 0.0, 101.0  # a guess is set against the whole range
    return max(0.0, min(shares) * 100 - 3), min(101.0, max(shares) * 100 + 3)


def _majority(view: View, low: float) -> list[dict[str, Any]]:
    """A thin line at the share of the most frequent class."""
    if view.majority is None or view.majority * 100 < low:
        return []
    y = view.majority * 100
    return [
        {
            "type": "line",
            "x0": 0,
            "x1": 1,
            "xref": "paper",
            "y0": y,
            "y1": y,
            "layer": "below",
            "line": {"color": theme.QUIET, "width": 1, "dash": "dot"},
        }
    ]
