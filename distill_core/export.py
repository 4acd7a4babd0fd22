"""A comparison as files to take away: CSV, JSON, and one HTML page that needs neither this product nor a network."""

from __future__ import annotations

import json
from html import escape
from typing import TYPE_CHECKING, Any

import pandas as pd

from distill_core import units
from distill_core.runs import Run

if TYPE_CHECKING:
    from collections.abc import Sequence

    from plotly.graph_objects import Figure

_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem;color:#1E2A35}"
    "table{border-collapse:collapse;font-size:.85rem;display:block;overflow-x:auto}"
    "td,th{border-bottom:1px solid #D5DDE5;padding:.3rem .6rem;text-align:left;white-space:nowrap}"
    "h2{font-size:1.1rem;margin-top:2.5rem}"
)


def csv_text(frame: pd.DataFrame) -> str:
    """The frame as CSV. A text that a spreadsheet would take for a formula gets a leading apostrophe."""
    safe = frame.copy()
    for name in safe.select_dtypes(include=["object", "string"]).columns:
        safe[name] = safe[name].map(_defused, na_action="ignore")
    return safe.to_csv(index=False)


def _defused(value: object) -> object:
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA_STARTS) else value


def json_text(run: Run) -> str:
    """What was asked, the machine and the rows of a run as one JSON document."""
    environment, result = run.environment(), run.result()
    document: dict[str, Any] = {
        "run": run.id,
        "spec": run.spec().model_dump(mode="json"),
        "environment": environment.model_dump() if environment else None,
        "result": result.model_dump() if result else None,
    }
    return json.dumps(document, indent=1, ensure_ascii=False)


def html_page(title: str, source: str, figures: Sequence[Figure], frame: pd.DataFrame) -> str:
    """A page that stands alone: plotly's own code once, the figures under their titles, the table, the source."""
    parts = []
    for number, figure in enumerate(figures):
        chart = figure.to_html(
            full_html=False, include_plotlyjs=number == 0, config={"showSendToCloud": False, "displaylogo": False}
        )
        parts.append(f"<section>{chart}</section>")
    shown = frame.astype(object).where(frame.notna(), units.MISSING)
    table = shown.to_html(index=False, escape=True, border=0)
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head><body>"
        f"<h1>{escape(title)}</h1><p>{escape(source)}</p>{''.join(parts)}<h2>The numbers</h2>{table}</body></html>"
    )
