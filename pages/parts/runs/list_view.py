"""All runs as a table; a click opens one. Recorded runs that ship with the product come last."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from distill_core.kinds import KINDS
from distill_core.runs import run_list
from pages.parts.shared import columns, links, run_panel, stored_runs

SHOWN = 200
_SHOWN_IDS = "r_shown_ids"
STATES = ("queued", "running", "paused", "done", "failed", "stopped", "lost", "damaged")
COLUMNS = columns.of("id", "state", ("title", "what"), "kind", "started", "duration_s", "device", "message")


def show() -> None:
    """Filters, then the table. A click on a row opens its run."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        kinds = st.pills(
            "Kind",
            list(KINDS),
            selection_mode="multi",
            format_func=lambda key: KINDS[key].title,
            key="r_kind",
            bind="query-params",
        )
        states = st.pills("State", STATES, selection_mode="multi", key="r_state", bind="query-params")
        st.button("Refresh", icon=":material/refresh:", key="r_refresh")
    frame = _frame()
    if kinds:
        frame = frame[frame["kind"].isin([KINDS[key].title for key in kinds])]
    if states:
        frame = frame[frame["state"].isin(states)]
    frame = frame.reset_index(drop=True)
    if frame.empty:
        st.info("Start one on Compare, Fine-tune or Distill.", title="No run here yet")
        return
    st.session_state[_SHOWN_IDS] = list(frame["id"])
    st.dataframe(
        frame,
        hide_index=True,
        column_order=list(COLUMNS),
        column_config=COLUMNS,
        on_select=_open,
        selection_mode="single-row",
        key="r_table",
        placeholder="",
        height=_height(len(frame)),
        alt="The runs of this machine, the newest first",
    )


def _open() -> None:
    """The click is read against the table that the browser shows, which may be older than the runs."""
    rows, ids = st.session_state["r_table"].selection.rows, st.session_state[_SHOWN_IDS]
    if rows and rows[0] < len(ids):
        run_panel.choose(links.RUNS.run, str(ids[rows[0]]))


def _frame() -> pd.DataFrame:
    own = stored_runs.listed()
    newest = list(reversed(own))[:SHOWN]
    if len(own) > SHOWN:
        st.caption(f"The newest {SHOWN} of {len(own):,} runs.")
    return run_list.runs_frame([*newest, *reversed(stored_runs.RECORDED.list())])


def _height(rows: int) -> int:
    return min(38 + 35 * rows, 330)
