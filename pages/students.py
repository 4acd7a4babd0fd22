"""Ten students: one teacher for ten small families, beside the same labels alone. Size, speed and accuracy of each."""

from functools import partial

import streamlit as st

from pages.parts.distill import form as distill_form
from pages.parts.shared import lab, links, page, stored_runs
from pages.parts.students import form, view

LAB = lab.Lab(
    links.STUDENTS,
    "ts",
    button="Teach them here",
    empty="No student yet",
    soon="the teacher's curve begins within seconds.",
    draw=view.show,
)

page.header(
    "Ten students",
    "What can one teacher give to ten small families, and how big, how fast, how accurate is each of them?",
)
controls, main = lab.halves()

with controls:
    button = st.container()
    values, spec = form.show()
    LAB.start(button, spec)

with main:
    explain = partial(page.explanation, view.SEEN, distill_form.formula(values), view.CODE)
    run = LAB.named() or stored_runs.ten_students()
    LAB.show(run, spec, explain, lambda _: links.to(links.SOFT_LABELS, "Why does a teacher help? Its soft labels"))
