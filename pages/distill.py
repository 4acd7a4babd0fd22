"""Distill: a large network teaches a small one. What is kept, what is saved, and where the student errs."""

from functools import partial

import streamlit as st

from pages.parts.distill import form, view
from pages.parts.shared import lab, links, page, stored_runs
from pages.parts.take_apart import link, runs

LAB = lab.Lab(
    links.DISTILL,
    "d",
    button="Distill here",
    empty="No student yet",
    soon="the first curve begins within seconds.",
    draw=view.show,
)

page.header("Distill", "What does a student network keep when it shrinks, and what does its teacher give it?")
controls, main = lab.halves()

with controls:
    button = st.container()
    request = form.show()
    LAB.start(button, request.spec)
    link.link(request.values)

formula = form.formula(request.values)
with main:
    st.latex(
        formula,
        help="The student's loss with the weights on the left: T is the teacher, S the student; "
        "d the width, a the heads, n the tokens of a text. Terms are means over texts, tokens and layers.",
    )
    st.caption(form.temperature_sentence(request.values))
    if not stored_runs.own_of("finetune"):
        form.no_teacher()
    run = LAB.named() or runs.recorded_distillation()
    LAB.show(run, request.spec, partial(page.explanation, view.SEEN, formula, view.CODE), view.compare_link)
