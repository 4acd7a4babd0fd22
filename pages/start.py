"""Start: what Distill Lab is, what this machine is, and a first comparison in one click."""

import streamlit as st

from distill_core import specs
from pages.parts.compare import form as compare_form
from pages.parts.shared import device_badge, links, model_picker, page, stored_runs
from pages.parts.start import view
from pages.parts.students import view as students_view

SEEN = (
    "Each bar is one family. Its size is exact: every parameter of the official base model, shared ones once. "
    "Its time is that of one forward pass over one text of 128 tokens. "
    "DistilBERT has half of BERT's layers; ALBERT stores one layer and runs it twelve times."
)
ROOMS = (
    (links.MODEL_ZOO, "Model zoo", "The ten families: ideas, sizes, history, traps."),
    (links.OBJECTIVES, "Objectives", "What each family hides from its network, on your own sentence."),
    (links.COMPARE, "Compare", "Measure models side by side on this machine."),
    (links.TRANSFER, "Transfer lab", "What a model that has read a lot needs of labels, and where that ends."),
    (links.DISTILL, "Distill", "Shrink a model and see what the student keeps."),
    (links.STUDENTS, "Ten students", "One teacher, ten small families: size, speed, accuracy."),
)

page.header(
    "Distill Lab",
    "What do transfer learning and distillation do to a language model: how big, how fast, how accurate?",
)
with st.container(horizontal=True, vertical_alignment="center"):
    button = st.container(width="content")
    with st.container():
        device_badge.show()

first = specs.CompareSpec(models=tuple(model_picker.ten()), title="Ten families")
with button:
    started = compare_form.measure_button(first, "Measure all ten here", "start_measure")
if started:
    compare_form.remember(started)
    st.switch_page(links.COMPARE.path)

ten = stored_runs.ten_students()
if ten is not None:
    students_view.picture(ten, key="start")
    links.to(links.STUDENTS, "How do ten small families learn from one teacher?")
view.show(stored_runs.first_comparison())

with st.grid(3, min_column_width=150, gap="small") as grid:
    for room, name, sentence in ROOMS:
        with grid.cell(), st.container(border=True, height="stretch", gap="xsmall"):
            links.plain(room, f"**{name}**")
            st.caption(sentence)
page.explanation(SEEN)
