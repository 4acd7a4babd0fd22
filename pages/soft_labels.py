"""Soft labels: what a teacher says beyond the right class, and what each loss term makes of it, before any training."""

import streamlit as st

from distill_core.errors import DistillError
from distill_core.tables.soft_labels import Scene
from pages.parts import page, provenance, soft_label_form, soft_label_view

page.header("Soft labels", "What does a teacher say beyond the right class, and what would a student learn from it?")
main = st.container()
controls, figure = st.columns([1, 2.6], gap="large")
below = st.container()

try:
    with main:
        text = soft_label_form.taught_text()
        if text is None:
            st.stop()
        temperature = soft_label_form.temperature()
    with controls:
        student, origin = soft_label_form.student(text)
        soft = soft_label_form.weight("Weight of soft targets", "sl_soft")
        hard = soft_label_form.weight("Weight of labels", "sl_hard")
    scene = Scene(text.label_names, text.label, text.teacher, student, temperature, soft, hard)
except DistillError as error:
    with main:
        page.problem(error)
    st.stop()

with main:
    soft_label_view.distributions(scene)
    provenance.caption(f"Teacher: {text.origin}")
with figure:
    soft_label_view.loss(scene)
    provenance.caption(f"Student: {origin}")
with below:
    soft_label_view.pulls(scene)
    soft_label_view.numbers(scene)
    page.explanation(soft_label_view.SEEN, soft_label_view.formula(scene), soft_label_view.CODE)
    soft_label_view.next_step(scene, text.source)
