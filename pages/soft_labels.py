"""Soft labels: what a teacher says beyond the right class, and what each loss term makes of it, before any training."""

import streamlit as st

from distill_core.errors import DistillError
from distill_core.tables_soft_labels import Scene
from pages.parts import page, provenance, soft_label_form, soft_label_view

page.header("Soft labels", "What does a teacher say beyond the right class, and what would a student learn from it?")
main = st.container()
pupil, taught = st.columns([1, 2.6], gap="large")
below = st.container()

try:
    with main:
        lesson = soft_label_form.lesson()
        if lesson is None:
            st.stop()
        temperature = soft_label_form.temperature()
    with pupil:
        student, origin = soft_label_form.student(lesson)
        soft = soft_label_form.weight("Weight of soft targets", "sl_soft")
        hard = soft_label_form.weight("Weight of labels", "sl_hard")
    scene = Scene(lesson.label_names, lesson.label, lesson.teacher, student, temperature, soft, hard)
except DistillError as error:
    with main:
        page.problem(error)
    st.stop()

with main:
    soft_label_view.distributions(scene)
    provenance.caption(f"Teacher: {lesson.origin}")
with taught:
    soft_label_view.loss(scene)
    provenance.caption(f"Student: {origin}")
with below:
    soft_label_view.pulls(scene)
    soft_label_view.numbers(scene)
    page.explanation(soft_label_view.SEEN, soft_label_view.formula(scene), soft_label_view.CODE)
    soft_label_view.next_step(scene, lesson.source)
