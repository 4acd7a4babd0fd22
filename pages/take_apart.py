"""Take apart: what was each ingredient of a distillation worth, which setting is best, how deep must a student be?"""

import streamlit as st

from distill_core.figures import theme
from distill_core.results import LIVE
from pages.parts.shared import page, run_panel, stored_runs, training_form
from pages.parts.take_apart import form, next, runs, view

head = st.container()
named = runs.named()
top = st.container(horizontal=True, vertical_alignment="bottom")
with top:
    asked = form.question(named)
with head:
    page.header("Take apart", form.QUESTIONS[asked])
controls, main = st.columns([1, 2.6], gap="large")

with controls:
    button = st.container()
    request = form.show(asked)
    with button:
        started = training_form.run_button(form.BUTTONS[asked], request.spec, "ta_start")
        if started:
            run_panel.choose(runs.PARAMETER, started)
            named = runs.named()

seen = (view.SEEN[asked], view.FORMULA[asked], view.CODE[asked])
with main, page.problems_shown():
    if not stored_runs.own_of("finetune"):
        st.info("Fine-tune a model first: it becomes the teacher here.", title="You have no teacher of your own yet")
        page.next_step("pages/finetune.py", "Fine-tune a teacher")
    with top:
        run = runs.pick(asked, named)
    if run is None:
        hint = f"Press {form.BUTTONS[asked]}: results appear one by one."
        page.chart(theme.empty("Nothing is taken apart yet", hint), "ta_none")
        page.explanation(*seen)
        st.stop()
    if stored_runs.is_recorded(run):
        st.caption(f"Recorded elsewhere. Press {form.BUTTONS[asked]} to make it your own.")
    else:
        training_form.stale(request.spec, run)
    run_panel.live(run.id, view.show)
    page.explanation(*seen)
    if run.state().state not in LIVE:
        next.link(run, asked)
