"""Runs: everything that ran on this machine. Open one: what was asked, on which machine, what came out."""

import streamlit as st

from pages.parts.runs import detail, list_view
from pages.parts.shared import links, page, run_panel

page.header("Runs", "What ran on this machine, and can you trust and repeat it?")
run_panel.tick()
list_view.show()
run = run_panel.chosen(links.RUNS.run)
if run is not None:
    with page.problems_shown():
        detail.show(run)
else:
    st.caption("Choose a run to see what was asked, its machine, its result and its log.")
