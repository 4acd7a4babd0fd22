"""Ten students: one teacher for ten small families, beside the same labels alone. Size, speed and accuracy of each."""

import streamlit as st

from distill_core.figures import theme
from distill_core.results import LIVE
from pages.parts.distill import form as distill_form
from pages.parts.shared import page, run_pages, run_panel, stored_runs, training_form
from pages.parts.students import form, view

page.header(
    "Ten students",
    "What can one teacher give to ten small families, and how big, how fast, how accurate is each of them?",
)
controls, main = st.columns([1, 2.6], gap="large")

with controls:
    button = st.container()
    values, spec = form.show()
    with button:
        started = training_form.run_button("Teach them here", spec, "ts_start")
        if started:
            run_panel.choose("ts_run", started)

formula = distill_form.formula(values)
with main:
    run = run_panel.chosen("ts_run", run_pages.of_kind("students")) or stored_runs.ten_students()
    if run is None:
        empty = theme.empty("No student yet", "Press Teach them here: the teacher's curve begins within seconds.")
        page.chart(empty, "ts_none")
        page.explanation(view.SEEN, formula, view.CODE)
        st.stop()
    with page.problems_shown():
        if stored_runs.is_recorded(run):
            st.caption("Recorded elsewhere. Press Teach them here to make it your own.")
        else:
            training_form.stale(spec, run)
        run_panel.live(run.id, view.show)
        page.explanation(view.SEEN, formula, view.CODE)
        if run.state().state not in LIVE:
            page.next_step("pages/soft_labels.py", "Why does a teacher help? Its soft labels")
