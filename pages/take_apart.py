"""Take apart: what was each ingredient of a distillation worth, which setting is best, how deep must a student be?"""

from functools import partial

import streamlit as st

from pages.parts.distill import form as distill_form
from pages.parts.shared import lab, links, page, stored_runs
from pages.parts.take_apart import form, next, runs, view

head = st.container()
named = runs.named()
top = st.container(horizontal=True, vertical_alignment="bottom")
with top:
    asked = form.question(named)
with head:
    page.header("Take apart", form.QUESTIONS[asked])
controls, main = lab.halves()

LAB = lab.Lab(
    links.TAKE_APART,
    "ta",
    button=form.BUTTONS[asked],
    empty="Nothing is taken apart yet",
    soon="results appear one by one.",
    draw=view.show,
)
with controls:
    button = st.container()
    request = form.show(asked)
    LAB.start(button, request.spec)

with main, page.problems_shown():
    if not stored_runs.own_of("finetune"):
        distill_form.no_teacher()
    with top:
        run = runs.pick(asked, runs.named())
    explain = partial(page.explanation, view.SEEN[asked], view.FORMULA[asked], view.CODE[asked])
    LAB.show(run, request.spec, explain, lambda ended: next.link(ended, asked))
