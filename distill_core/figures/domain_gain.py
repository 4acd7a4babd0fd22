"""What more pre-training on unlabeled target texts changes: points gained or lost in each cell of the domain matrix."""

from __future__ import annotations

from typing import Any

import pandas as pd
import plotly.graph_objects as go

from distill_core import units
from distill_core.figures import heat, theme
from distill_core.figures.heat import Cell, Grid, Ramp

_FULL_COLOR = 5.0  # points from which on a change has its full color, so that small ones look small
EMPTY = ("Nothing to compare yet", "Train the arms Fine-tuned and Adapted on the same domains.")


def draw(frame: pd.DataFrame, *, dark: bool = False) -> go.Figure:
    """`frame`: `tables.transfer.gain_frame`. A change beyond chance is bold."""
    if frame.empty:
        return theme.empty(*EMPTY)
    trains, tests = (list(dict.fromkeys(theme.safe(name) for name in frame[column])) for column in ("train", "test"))
    cells = {}
    for _, row in frame.iterrows():
        points = float(row["gain"]) * 100
        text = f"{points:+.1f}".replace("-", "−")
        cells[theme.safe(row["train"]), theme.safe(row["test"])] = Cell(
            points, f"<b>{text}</b>" if is_sure(row) else text, sentence(row)
        )
    largest = max(_FULL_COLOR, *(abs(cell.value) for cell in cells.values()))
    return heat.draw(Grid(trains, tests, cells), _ramp(largest, dark), title(frame), dark=dark)


def title(frame: pd.DataFrame) -> str:
    """The mean change away from home, and in how many cells it is more than chance."""
    away = frame[~frame["is_home"].astype(bool)]
    rows = away if len(away) else frame
    mean = float(rows["gain"].mean()) * 100
    sure = sum(is_sure(row) for _, row in rows.iterrows())
    word = "gains" if mean >= 0 else "loses"
    where = "away from home" if len(away) else "at home"
    chance = f"{sure} of {len(rows)} changes {'is' if sure == 1 else 'are'} beyond chance"
    if rows["is_sure"].isna().any():
        chance = "open without predictions whether by chance"
    return f"Reading the target's texts first {word} {abs(mean):.1f} points {where}; {chance}"


def is_sure(row: pd.Series[Any]) -> bool:
    """Whether the change is beyond chance, all cells of the matrix counted."""
    return bool(not units.is_missing(row["is_sure"]) and row["is_sure"])


def sentence(row: pd.Series[Any]) -> str:
    """The whole sentence of a cell."""
    low, high = (f"{float(row[name]) * 100:+.1f}".replace("-", "−") for name in ("low", "high"))
    change = f"{float(row['gain']) * 100:+.1f}".replace("-", "−")
    return (
        f"Trained on {theme.safe(row['train'])}, tested on {theme.safe(row['test'])}: {change} points by reading "
        f"unlabeled texts of the other domains first<br>95 % interval {low} to {high}, "
        f"{'the same texts' if row['is_paired'] else 'not paired: too wide'}<br>{theme.safe(row['source'])}"
    )


def _ramp(largest: float, dark: bool) -> Ramp:
    """Orange for a loss, blue for a gain, the page's quiet ground for no change."""
    if dark:
        return Ramp((196, 104, 40), (36, 48, 60), (90, 150, 210), (-largest, largest))
    return Ramp((224, 128, 60), (240, 243, 246), (66, 124, 180), (-largest, largest))
