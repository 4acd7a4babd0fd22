"""Soft labels: what a teacher says beyond the right class, and what each loss term makes of it, before any training."""

import streamlit as st

from distill_core.errors import DistillError
from distill_core.specs import DistillSpec
from distill_core.tables.soft_labels import Scene
from distill_core.terms import BY_KEY
from pages.parts.shared import page, provenance, training_form
from pages.parts.soft_labels import form, view

page.header("Soft labels", "What does a teacher say beyond the right class, and what would a student learn from it?")
main = st.container()
controls, figure = st.columns([1, 2.6], gap="large")
below = st.container()

try:
    with main:
        text = form.taught_text()
        if text is None:
            st.stop()
        temperature = form.temperature()
    with controls:
        student, origin = form.student(text)
        soft = training_form.weight(DistillSpec, BY_KEY["soft"], "sl_soft", help=None)
        hard = training_form.weight(DistillSpec, BY_KEY["hard"], "sl_hard", help=None)
    scene = Scene(text.label_names, text.label, text.teacher, student, temperature, soft, hard)
except DistillError as error:
    with main:
        page.problem(error)
    st.stop()

with main:
    view.distributions(scene)
    provenance.caption(f"Teacher: {text.origin}")
with figure:
    view.loss(scene)
    provenance.caption(f"Student: {origin}")
with below:
    view.pulls(scene)
    view.numbers(scene)
    page.explanation(view.SEEN, view.formula(scene), view.CODE)
    view.next_step(scene, text.source)
