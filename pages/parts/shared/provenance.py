"""Where a number comes from: every figure and table on a page carries one of these lines."""

from __future__ import annotations

import streamlit as st

from distill_core.runs.run import Run
from distill_core.tables import data_notes
from distill_core.tables import sources as tables_sources
from pages.parts.shared.page import plain

EXACT = ":gray-badge[exact] counted from the architecture"
PUBLISHED = ":violet-badge[published] by the authors or by others, never measured here"


def measured(run: Run, recorded: bool = False, *, notes: bool = True) -> str:
    """The line for a run's numbers; a recorded run is one that ships with the product. With `notes` on its texts."""
    kind = "recorded" if recorded else "measured"
    line = f":blue-badge[{kind}] {plain(tables_sources.source_text(run).removeprefix('measured '))}"
    return " · ".join([line, *map(plain, data_notes.sentences(run))]) if notes else line


def caption(*lines: str) -> None:
    """The lines, small, below what they speak of."""
    st.caption(" · ".join(lines))
