"""Take apart: what was each ingredient of a distillation worth, which setting is best, how deep must a student be?"""

import streamlit as st

from distill_core.figures import theme
from distill_core.results import LIVE
from pages.parts import (
    page,
    run_panel,
    stored_runs,
    take_apart_form,
    take_apart_next,
    take_apart_runs,
    take_apart_view,
    train_form,
)

head = st.container()
named = run_panel.chosen(take_apart_runs.PARAMETER)
top = st.container(horizontal=True, vertical_alignment="bottom")
with top:
    asked = take_apart_form.question(named)
with head:
    page.header("Take apart", take_apart_form.QUESTIONS[asked])
controls, main = st.columns([1, 2.6], gap="large")

with controls:
    button = st.container()
    request = take_apart_form.show(asked)
    with button:
        started = train_form.run_button(take_apart_form.BUTTONS[asked], request.spec, "ta_start")
        if started:
            run_panel.choose(take_apart_runs.PARAMETER, started)
            named = run_panel.chosen(take_apart_runs.PARAMETER)

seen = (take_apart_view.SEEN[asked], take_apart_view.FORMULA[asked], take_apart_view.CODE[asked])
with main, page.problems_shown():
    if not stored_runs.own_of("finetune"):
        st.info("Fine-tune a model first: it becomes the teacher here.", title="You have no teacher of your own yet")
        page.next_step("pages/finetune.py", "Fine-tune a teacher")
    with top:
        run = take_apart_runs.pick(asked, named)
    if run is None:
        hint = f"Press {take_apart_form.BUTTONS[asked]}: results appear one by one."
        page.chart(theme.empty("Nothing is taken apart yet", hint), "ta_none")
        page.explanation(*seen)
        st.stop()
    if stored_runs.is_recorded(run):
        st.caption(f"Recorded elsewhere. Press {take_apart_form.BUTTONS[asked]} to make it your own.")
    else:
        train_form.stale(request.spec, run)
    run_panel.live(run.id, take_apart_view.show)
    page.explanation(*seen)
    if run.state().state not in LIVE:
        take_apart_next.link(run, asked)
