"""Domains: accuracy by training and test domain, one arm a figure; cells below the majority class are framed."""

from __future__ import annotations

from typing import Any

import pandas as pd
import plotly.graph_objects as go

from distill_core import units
from distill_core.figures import heat, theme
from distill_core.figures.heat import Cell, Grid, Ramp

EMPTY = ("No domain is tested yet", "The first row appears when the first training is done.")
FOOTER = "most frequent class"


def draw(frame: pd.DataFrame, arm: str, guesses: pd.DataFrame | None = None, *, dark: bool = False) -> go.Figure:
    """`frame`: `tables.transfer.domain_frame`; `guesses`: `guesses.graded`, written below the measured values."""
    rows = frame[frame["arm"] == arm]
    guessed = _guessed(guesses, arm)
    if rows.empty and not guessed:
        return theme.empty(*EMPTY)
    grid = _guess_grid(guessed) if rows.empty else _grid(rows, guessed)
    return heat.draw(grid, _ramp(rows, dark), title(rows), dark=dark)


def title(rows: pd.DataFrame) -> str:
    """What a foreign domain costs on average, and how often the transfer is negative."""
    if rows.empty:
        return "Your guess, before the result is shown"
    away = rows[~rows["is_home"].astype(bool)]
    name = rows["title"].iloc[0]
    lost = away["against_home_points"].dropna()
    if away.empty:
        return f"{name} is right on {units.percent(rows['accuracy'].mean(), 3)} at home"
    cells = _below(away)
    if lost.empty:
        return f"{name} away from home, {len(away)} tested: {cells}"
    points = units.significant(abs(lost.mean()), 2)
    verb = "loses" if lost.mean() < 0 else "gains"
    return f"Away from home, {units.in_sentence(name)} {verb} {points} points on average; {cells}"


def _below(away: pd.DataFrame) -> str:
    """How many cells are below the most frequent class: beyond chance, where that is known."""
    known = away["is_surely_below"].notna().all()
    below = int(away["is_surely_below" if known else "is_below"].fillna(False).sum())
    where = f"below the most frequent class{' beyond chance' if known else ''}"
    return f"{below} of {len(away)} {'is' if below == 1 else 'are'} {where}" if below else f"none is {where}"


def _guessed(guesses: pd.DataFrame | None, arm: str) -> dict[tuple[str, str], float]:
    if guesses is None:
        return {}
    known = guesses[guesses["arm"] == arm].dropna(subset=["guess"])
    return {(row.train, row.test): float(row.guess) for row in known.itertuples()}  # type: ignore[arg-type, misc]


def _grid(rows: pd.DataFrame, guessed: dict[tuple[str, str], float]) -> Grid:
    trains, tests = (list(dict.fromkeys(rows[name])) for name in ("train", "test"))
    cells = {}
    for _, row in rows.iterrows():
        value = float(row["accuracy"]) * 100
        is_below = bool(row["is_below"]) if not units.is_missing(row["is_below"]) else False
        text = (
            f"{'▼ ' if is_below else ''}{'<b>' if row['is_home'] else ''}{value:.1f}{'</b>' if row['is_home'] else ''}"
        )
        guess = guessed.get((row["train"], row["test"]))
        text += f"<br>○ {guess * 100:.0f}" if guess is not None else ""
        cells[theme.safe(row["train"]), theme.safe(row["test"])] = Cell(value, text, sentence(row), is_below)
    footer = {theme.safe(row["test"]): row["majority"] for _, row in rows.iterrows() if row["majority"] is not pd.NA}
    texts = {name: f"{share * 100:.1f}" for name, share in footer.items()}
    hovers = {
        name: f"Always saying the most frequent class is right on {units.percent(share, 3)} of {name}"
        for name, share in footer.items()
    }
    return Grid([theme.safe(t) for t in trains], [theme.safe(t) for t in tests], cells, FOOTER, texts, hovers)


def _guess_grid(guessed: dict[tuple[str, str], float]) -> Grid:
    """Before the result: the guessed cells alone."""
    trains, tests = (list(dict.fromkeys(pair[i] for pair in guessed)) for i in (0, 1))
    cells = {
        (theme.safe(train), theme.safe(test)): Cell(value * 100, f"○ {value * 100:.0f}", f"Your guess: {value:.0%}")
        for (train, test), value in guessed.items()
    }
    return Grid([theme.safe(t) for t in trains], [theme.safe(t) for t in tests], cells)


def sentence(row: pd.Series[Any]) -> str:
    """The whole sentence of a cell."""
    low, high = units.percent(row["ci_low"], 3), units.percent(row["ci_high"], 3)
    lines = [
        f"{theme.safe(row['title'])}, trained on {int(row['train_examples']):,} texts of {theme.safe(row['train'])}, "
        f"tested on {theme.safe(row['test'])}",
        f"right on {units.percent(row['accuracy'], 3)} of {int(row['n_eval']):,} texts, 95 % interval {low} to {high}",
    ]
    if not units.is_missing(row["against_home_points"]) and not row["is_home"]:
        gap = float(row["against_home_points"])
        lines.append(f"{abs(gap):.1f} points {'below' if gap < 0 else 'above'} a model trained at home")
    if not units.is_missing(row["is_below"]) and row["is_below"]:
        sure = "" if row["ci_high"] < row["majority"] else " (the interval reaches above it)"
        lines.append(f"▼ below the most frequent class, {units.percent(row['majority'], 3)}{sure}")
    return "<br>".join([*lines, theme.safe(row["source"])])


def _ramp(rows: pd.DataFrame, dark: bool) -> Ramp:
    """One hue, from the ground of the page to the accent."""
    values = [float(v) * 100 for v in rows["accuracy"]] or [0.0, 100.0]
    ends = (min(values), max(values))
    if dark:
        return Ramp((36, 48, 60), (52, 92, 130), (127, 180, 230), ends)
    return Ramp((226, 235, 244), (129, 170, 208), (34, 84, 132), ends)
