"""Fine-tune: what is pre-training worth? The same labeled texts, learned in four ways, side by side."""

import streamlit as st

from distill_core.figures import theme
from distill_core.results import LIVE
from pages.parts.finetune import form, view
from pages.parts.shared import page, run_pages, run_panel, stored_runs, training_form

page.header("Fine-tune", "How much does a network that has read a lot before learn from a few labeled texts?")
controls, main = st.columns([1, 2.6], gap="large")

with controls:
    button = st.container()
    spec = form.show()
    with button:
        started = training_form.run_button("Fine-tune here", spec, "ft_start")
        if started:
            run_panel.choose("ft_run", started)

with main:
    run = run_panel.chosen("ft_run", run_pages.of_kind("finetune")) or next(
        iter(stored_runs.recorded_side_by_side()), None
    )
    if run is None:
        empty = theme.empty("Nothing is fine-tuned yet", "Press Fine-tune here: the first curve begins within seconds.")
        page.chart(empty, "ft_none")
        page.explanation(view.SEEN, view.FORMULA, view.CODE)
        st.stop()
    with page.problems_shown():
        if stored_runs.is_recorded(run):
            again = training_form.run_button("Recorded elsewhere: run the same here", run.spec(), "ft_again")
            if again:
                run_panel.choose("ft_run", again)
                st.rerun()
        else:
            training_form.stale(spec, run)
        run_panel.live(run.id, view.show)
        page.explanation(view.SEEN, view.FORMULA, view.CODE)
        if run.state().state not in LIVE and run.model_dir.is_dir() and not stored_runs.is_recorded(run):
            page.next_step("pages/distill.py", "Distill this model into a smaller one", {"teacher": f"run:{run.id}"})
