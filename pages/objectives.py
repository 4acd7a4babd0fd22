"""Objectives: what does each family hide from its network, and what must the network say?"""

import streamlit as st

from distill_core.errors import DistillError
from distill_core.figures import signals
from distill_core.tables import objectives as tables_objectives
from pages.parts.objectives import cards, detail, form
from pages.parts.shared import minis, once, page, provenance

page.header("Objectives", "What does each family hide from its network, and what must the network say?")
left, right = st.columns([1, 1.3], gap="large")
with left:
    text, draw = form.text_and_draw()
try:
    scenes = form.scenes(text, draw)
except DistillError as error:
    with left:
        page.problem(error)
    st.stop()

with left:
    cards.legend()
    minis.caption((f"{scene.family}@mini" for scene in scenes if scene.tokenizer.endswith("mini")), cards.LENT)
    page.explanation(cards.SEEN)
with right:
    dark = page.is_dark()

    def counted() -> None:
        page.chart(signals.draw(tables_objectives.signals(scenes), dark=dark), "obj_fig_signals")

    once.same(counted, "objectives.signals", text, draw, dark)
    provenance.caption(cards.COUNTED)
cards.show(scenes)
detail.show()
