"""Distill: a large network teaches a small one. What is kept, what is saved, and where the student errs."""

import streamlit as st

from distill_core.figures import theme
from distill_core.results import LIVE
from pages.parts.distill import form, view
from pages.parts.shared import page, run_pages, run_panel, stored_runs, training_form
from pages.parts.take_apart import link, runs

page.header("Distill", "What does a student network keep when it shrinks, and what does its teacher give it?")
controls, main = st.columns([1, 2.6], gap="large")

with controls:
    button = st.container()
    request = form.show()
    with button:
        started = training_form.run_button("Distill here", request.spec, "d_start")
        if started:
            run_panel.choose("d_run", started)
    link.link(request.values)

formula = form.formula(request.values)
with main:
    st.latex(formula, help="The student's loss with the weights on the left: T is the teacher, S the student.")
    st.caption(form.temperature_sentence(request.values))
    if not stored_runs.own_of("finetune"):
        st.info("Fine-tune a model first: it becomes the teacher here.", title="You have no teacher of your own yet")
        page.next_step("pages/finetune.py", "Fine-tune a teacher")
    run = run_panel.chosen("d_run", run_pages.of_kind("distill")) or runs.recorded_distillation()
    if run is None:
        empty = theme.empty("No student yet", "Press Distill here: the first curve begins within seconds.")
        page.chart(empty, "d_none")
        page.explanation(view.SEEN, formula, view.CODE)
        st.stop()
    with page.problems_shown():
        if stored_runs.is_recorded(run):
            st.caption("Recorded elsewhere. Press Distill here to make it your own.")
        else:
            training_form.stale(request.spec, run)
        run_panel.live(run.id, view.show)
        page.explanation(view.SEEN, formula, view.CODE)
        if run.state().state not in LIVE:
            view.compare_link(run)
