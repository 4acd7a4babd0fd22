"""Take a result away: CSV, JSON, and one HTML page with the figures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from distill_core.datasets import csv_files
from distill_core.figures import report
from distill_core.runs.run import Run
from distill_core.tables import export
from distill_core.tables import sources as tables_sources

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

_TITLES = {"compare": "Comparison"}


def show(
    run: Run, frame: pd.DataFrame, figures: Sequence[Callable[[], Figure]], *, name: str = "compare", key: str = "cmp"
) -> None:
    """Three buttons. The files are made when they are asked for; `figures` are drawn then, in light colors.

    `name` begins the names of the files, `key` those of the buttons.
    """

    def page() -> bytes:
        title = run.spec().title or f"{_TITLES.get(name, name.capitalize())} {run.id}"
        drawn = [draw() for draw in figures]
        return report.draw(title, tables_sources.source_text(run), drawn, frame).encode()

    files = (
        ("CSV", lambda: csv_files.safe_csv(frame).encode(), "csv", "text/csv"),
        ("JSON", lambda: export.json_text(run).encode(), "json", "application/json"),
        ("HTML", page, "html", "text/html"),
    )
    with st.container(horizontal=True):
        for label, make, ending, mime in files:
            st.download_button(
                label,
                make,
                f"{name}-{run.id}.{ending}",
                mime,
                icon=":material/download:",
                on_click="ignore",
                key=f"{key}_{ending}",
            )
