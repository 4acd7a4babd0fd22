"""Take a comparison away: CSV, JSON, and one HTML page with the figures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from distill_core import export, tables
from distill_core.runs import Run

if TYPE_CHECKING:
    from plotly.graph_objects import Figure


def show(run: Run, frame: pd.DataFrame, figures: Sequence[Callable[[], Figure]]) -> None:
    """Three buttons. The files are made when they are asked for; `figures` are drawn then, in light colors."""

    def page() -> bytes:
        title = run.spec().title or f"Comparison {run.id}"
        drawn = [draw() for draw in figures]
        return export.html_page(title, tables.source_text(run), drawn, frame).encode()

    files = (
        ("CSV", lambda: export.csv_text(frame).encode(), "csv", "text/csv"),
        ("JSON", lambda: export.json_text(run).encode(), "json", "application/json"),
        ("HTML", page, "html", "text/html"),
    )
    with st.container(horizontal=True):
        for name, make, ending, mime in files:
            st.download_button(
                name, make, f"compare-{run.id}.{ending}", mime, icon=":material/download:", on_click="ignore",
                key=f"cmp_{ending}",
            )  # fmt: skip
