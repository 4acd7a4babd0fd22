"""A class's results to take home: CSV tables, and one HTML page that needs nothing else. No HTML comes from data."""

from __future__ import annotations

import html
from typing import Any

import pandas as pd

from distill_core import units
from distill_core.classroom.board import Board
from distill_core.classroom.classes import Class
from distill_core.datasets.csv_files import safe_csv

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; color: #1E2A35; max-width: 70rem; margin: 2rem auto; padding: 0 1rem }
table { border-collapse: collapse; width: 100%; margin: 0 0 2rem }
th, td { border-bottom: 1px solid #D5DDE5; padding: .35rem .6rem; text-align: left; vertical-align: top }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums }
"""
_RESULTS = {
    "student": "Student",
    "label": "Model",
    "dataset": "Data set",
    "accuracy": "Accuracy (%)",
    "latency_ms_p50": "Latency p50 (ms)",
    "params": "Parameters (M)",
    "run": "Run",
    "handed_in": "Handed in",
}


def csv_text(board: Board) -> str:
    """All results, one row a model of a student: shares 0–1, ms, numbers of parameters. No cell is a formula."""
    return safe_csv(board.points)


def html_text(found: Class, board: Board, figure: str = "") -> str:
    """One page: title, task, the figure (HTML of this program's own making), results, guesses."""
    title = html.escape(found.title or "Class")
    parts = [
        "<!doctype html>",
        f'<html lang="en"><meta charset="utf-8"><title>{title}</title><style>{_STYLE}</style><h1>{title}</h1>',
        f"<p>{html.escape(found.task.title)}</p>" if found.task.title else "",
        f"<p>{len(board.students)} students, {units.day(units.now())}. Made with Distill Lab.</p>",
        figure,
        "<h2>Results</h2>",
        _table(_results(board.points)),
    ]
    if len(board.guesses):
        parts += ["<h2>Guesses</h2>", _table(_guesses(board.guesses))]
    return "\n".join(filter(None, parts)) + "\n</html>\n"


def _results(points: pd.DataFrame) -> pd.DataFrame:
    shown = pd.DataFrame({heading: points[name] for name, heading in _RESULTS.items()})
    shown["Accuracy (%)"] = _written(points["accuracy"], 100)
    shown["Latency p50 (ms)"] = _written(points["latency_ms_p50"])
    shown["Parameters (M)"] = _written(points["params"], 1e-6)
    shown["Handed in"] = ["yes" if value else "" for value in points["handed_in"]]
    return shown


def _guesses(guesses: pd.DataFrame) -> pd.DataFrame:
    """One row a question: how many guessed, the middle of the guesses, what was measured."""
    rows = [
        {
            "Question": label,
            "Guesses": len(rows),
            "Median guess (%)": units.significant(100 * float(rows["guess"].median())),
            "Measured (%)": "".join(_written(rows["measured"].dropna().head(1), 100)),
        }
        for (_, _, label), rows in guesses.groupby(["run", "question", "label"], sort=False)
    ]
    return pd.DataFrame(rows)


def _written(values: pd.Series[Any], factor: float = 1.0) -> list[str]:
    """Numbers with three digits; empty where there is none."""
    return ["" if units.is_missing(value) else units.significant(float(value) * factor) for value in values]


def _table(frame: pd.DataFrame) -> str:
    """An HTML table with every cell escaped."""
    numbers = [bool(any(unit in str(name) for unit in ("(", "Guesses"))) for name in frame.columns]

    def row(cells: list[object], tag: str) -> str:
        made = (
            f"<{tag}{' class=number' if number else ''}>{html.escape(str(cell))}</{tag}>"
            for cell, number in zip(cells, numbers, strict=True)
        )
        return f"<tr>{''.join(made)}</tr>"

    rows = [row(list(values), "td") for values in frame.itertuples(index=False)]
    return "\n".join(["<table>", row(list(frame.columns), "th"), *rows, "</table>"])
