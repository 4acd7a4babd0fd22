"""Figures and their numbers as one HTML page that needs neither this product nor a network."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import pandas as pd
import plotly.graph_objects as go

from distill_core import units

_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem;color:#1E2A35}"
    "table{border-collapse:collapse;font-size:.85rem;display:block;overflow-x:auto}"
    "td,th{border-bottom:1px solid #D5DDE5;padding:.3rem .6rem;text-align:left;white-space:nowrap}"
    "h2{font-size:1.1rem;margin-top:2.5rem}"
)


def draw(title: str, source: str, figures: Sequence[go.Figure], frame: pd.DataFrame) -> str:
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
