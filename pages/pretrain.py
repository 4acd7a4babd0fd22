"""Pre-train: what does a network learn from raw text alone, and how much of it does it take?"""

import streamlit as st

from distill_core.figures import theme
from distill_core.results import LIVE
from pages.parts.pretrain import form, view
from pages.parts.shared import page, run_pages, run_panel, stored_runs, training_form

page.header("Pre-train", "What does a small network learn from raw text, without a single label?")
controls, main = st.columns([1, 2.6], gap="large")

with controls:
    button = st.container()
    family, spec = form.show()
    with button:
        started = training_form.run_button(form.button_label(spec), spec, "pt_start")
        if started:
            run_panel.choose("pt_run", started)

with main:
    run = run_panel.chosen("pt_run", run_pages.of_kind("pretrain")) or stored_runs.recorded_pretraining(family)
    if run is None:
        empty = theme.empty("Nothing is pre-trained yet", "Press Pre-train here: the loss appears within a minute.")
        page.chart(empty, "pt_none")
        view.explanation(family)
        st.stop()
    with page.problems_shown():
        if stored_runs.is_recorded(run):
            st.caption("Recorded elsewhere. Press Pre-train here to make it your own.")
        else:
            training_form.stale(spec, run)
        run_panel.live(run.id, view.show)
        view.explanation(view.family_of(run) or family)
        if run.state().state not in LIVE and run.model_dir.is_dir() and not stored_runs.is_recorded(run):
            page.next_step("pages/finetune.py", "Fine-tune this model", {"ft_model": f"run:{run.id}"})
