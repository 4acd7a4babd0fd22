"""A waiting run in words: its place in the queue, and when its turn will be."""

from __future__ import annotations

import streamlit as st

from distill_core import units
from distill_core.launch.launchers import get_launcher
from distill_core.runs.run import Run
from pages.parts.shared import stored_runs

SOON_S = 5.0
_KEPT_S = 1.0  # forty visitors who wait ask every two seconds: they share one look at the queue


def words(run: Run) -> str:
    """`Waiting, place 3 of 7, begins in about 4 min`; without a time where none can be told."""
    root = str(stored_runs.own().root)
    starts = _starts(root)
    if run.id not in starts:  # it has come since
        forget()
        starts = _starts(root)
    if run.id not in starts:
        return "About to start"
    text, expected_s = f"Waiting, place {list(starts).index(run.id) + 1} of {len(starts)}", starts[run.id]
    if expected_s is None:
        return text
    return f"{text}, begins " + ("soon" if expected_s < SOON_S else f"in about {units.duration(expected_s)}")


@st.cache_data(ttl=_KEPT_S, max_entries=8, show_spinner=False)
def _starts(root: str) -> dict[str, float | None]:
    return get_launcher().expected_starts_s()


def forget() -> None:
    """Look at the queue anew."""
    _starts.clear()
