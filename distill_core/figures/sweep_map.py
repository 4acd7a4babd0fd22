"""Which temperature and which weight: a map with the value in every cell, the best cell framed."""

from __future__ import annotations

from typing import Any, Literal

import pandas as pd
import plotly.graph_objects as go

from distill_core import units
from distill_core.figures import theme
from distill_core.maths import paired
from distill_core.tables import sweep as tables_sweep
from distill_core.units import is_missing

Quantity = Literal["accuracy", "agreement", "kl_to_teacher"]
TITLES: dict[Quantity, str] = {
    "accuracy": "Accuracy",
    "agreement": "Agreement",
    "kl_to_teacher": "KL to teacher",
}
ROW_PX = 52
# from worse to better, in the light theme and in the dark one: the page's ink can be read on all of it
_SCALES = (("#EEF4FA", "#6BA5DA"), ("#1B2733", "#2F6DA8"))


def draw(frame: pd.DataFrame, quantity: Quantity = "accuracy", *, dark: bool = False) -> go.Figure:
    """`frame`: `tables.sweep.sweep_frame` at one depth. Settings that are not trained yet are empty cells."""
    rows = frame.dropna(subset=[quantity])
    if rows.empty:
        return theme.empty("No setting is trained yet", "A cell is filled when its student is tested.")
    softs, temperatures = (sorted({float(value) for value in frame[name]}) for name in ("soft", "temperature"))
    places = {(float(row["temperature"]), float(row["soft"])): row for _, row in rows.iterrows()}
    cells = [[places.get((temperature, soft)) for soft in softs] for temperature in temperatures]
    top = best(rows, quantity)
    frame_at = softs.index(float(top["soft"])), temperatures.index(float(top["temperature"]))
    return theme.figure(
        [_map(cells, softs, temperatures, quantity, dark), _values(cells, softs, temperatures, quantity, dark)],
        title(rows, quantity),
        dark=dark,
        height=ROW_PX * len(temperatures) + 76,
        shapes=[_frame(*frame_at, dark)],
        margin={"l": 8, "r": 16, "t": 48, "b": 52},
        xaxis=theme.axis("weight of soft targets (labels get the rest)", type="category", showgrid=False),
        yaxis=theme.axis("temperature τ", type="category", showgrid=False),
    )


def best(rows: pd.DataFrame, quantity: Quantity) -> pd.Series[Any]:
    """The cell with the highest accuracy (`sweep.chosen`) or agreement, or the lowest KL."""
    if quantity == "accuracy":
        return tables_sweep.chosen(rows)
    values = rows[quantity].to_numpy(dtype=float)
    return rows.iloc[int(values.argmin() if quantity == "kl_to_teacher" else values.argmax())]


def title(rows: pd.DataFrame, quantity: Quantity) -> str:
    """The best setting; for the accuracy on which texts it was chosen, and how many others are worse beyond chance."""
    top = best(rows, quantity)
    where = f"τ = {float(top['temperature']):g} with soft weight {float(top['soft']):g}"
    if quantity == "kl_to_teacher":
        return f"{where} comes closest to its teacher: KL {units.significant(top[quantity], 2)} nats"
    if quantity == "agreement":
        return f"{where} agrees most with its teacher: on {units.percent(top[quantity], 3)} of the test texts"
    right = units.percent(top["accuracy"], 3)
    claim = f"{where} is best on these test texts: right on {right}"
    if tables_sweep.is_validated(rows):
        claim = f"{where} is best on the validation texts: right on {right} of the test texts"
    others = rows.dropna(subset=["behind_p"])
    if others.empty:
        return claim
    sure = paired.beyond_chance([float(p) for p in others["behind_p"]])
    worse = sum(bool(is_sure) and gap < 0 for is_sure, gap in zip(sure, others["behind_points"], strict=True))
    if not worse:
        return f"{claim}, yet no other setting is worse beyond chance"
    return f"{claim}; {worse} of {len(others)} others {'is' if worse == 1 else 'are'} worse beyond chance"


Cells = list[list["pd.Series[Any] | None"]]


def _number(row: pd.Series[Any] | None, quantity: Quantity) -> float | None:
    if row is None or is_missing(row[quantity]):
        return None
    return float(row[quantity]) * (1 if quantity == "kl_to_teacher" else 100)


def _shades(cells: Cells, quantity: Quantity) -> tuple[float, float]:
    """The values that get the palest and the strongest color."""
    values = [value for line in cells for row in line if (value := _number(row, quantity)) is not None]
    low, high = min(values), max(values)
    return (low, high) if high > low else (low - 1, high + 1)


def _map(cells: Cells, softs: list[float], temperatures: list[float], quantity: Quantity, dark: bool) -> dict[str, Any]:
    low, high = _shades(cells, quantity)
    return {
        "type": "heatmap",
        "x": _words(softs),
        "y": _words(temperatures),
        "zmin": low,
        "zmax": high,
        "z": [[_number(row, quantity) for row in line] for line in cells],
        "showscale": False,
        "xgap": 3,
        "ygap": 3,
        "colorscale": [[0, _SCALES[dark][0]], [1, _SCALES[dark][1]]],
        "reversescale": quantity == "kl_to_teacher",
        "hoverinfo": "text",
        "hoverongaps": False,
        "hovertext": [["" if row is None else _sentence(row) for row in line] for line in cells],
    }


def _values(
    cells: Cells, softs: list[float], temperatures: list[float], quantity: Quantity, dark: bool
) -> dict[str, Any]:
    """The numbers in the cells; a dot where the student is still to come."""
    xs, ys, texts = [], [], []
    for temperature, line in zip(_words(temperatures), cells, strict=True):
        for soft, row in zip(_words(softs), line, strict=True):
            value = _number(row, quantity)
            xs.append(soft)
            ys.append(temperature)
            texts.append("·" if value is None else _text(value, quantity))
    return {
        "type": "scatter",
        "mode": "text",
        "x": xs,
        "y": ys,
        "text": texts,
        "hoverinfo": "skip",
        "textfont": {"size": 14, "color": theme.INK_DARK if dark else theme.INK},
    }


def _text(value: float, quantity: Quantity) -> str:
    return f"{value:.3f}" if quantity == "kl_to_teacher" else f"{value:.1f} %"


def _words(values: list[float]) -> list[str]:
    return [f"{value:g}" for value in values]


def _frame(column: int, line: int, dark: bool) -> dict[str, Any]:
    return {
        "type": "rect",
        "x0": column - 0.5,
        "x1": column + 0.5,
        "y0": line - 0.5,
        "y1": line + 0.5,
        "line": {"color": theme.INK_DARK if dark else theme.INK, "width": 2.5},
    }


def _sentence(row: pd.Series[Any]) -> str:
    low, high = units.percent(row["ci_low"], 3), units.percent(row["ci_high"], 3)
    return (
        f"{theme.safe(row['setting'])}: right on {units.percent(row['accuracy'], 3)} of {int(row['n_eval']):,} texts "
        f"(95 % interval {low} to {high})<br>as its teacher on {units.percent(row['agreement'], 3)}, "
        f"KL {units.significant(row['kl_to_teacher'], 2)} nats, seeds: {int(row['seeds'])}"
        f"<br>{theme.safe(row['source'])}"
    )
