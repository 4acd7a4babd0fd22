"""Fine-tune: what is pre-training worth? The same labeled texts, learned in four ways, side by side."""

from functools import partial

import streamlit as st

from distill_core.runs.run import Run
from pages.parts.finetune import form, view
from pages.parts.shared import lab, links, page, stored_runs

LAB = lab.Lab(
    links.FINETUNE,
    "ft",
    button="Fine-tune here",
    empty="Nothing is fine-tuned yet",
    soon="the first curve begins within seconds.",
    draw=view.show,
    again="Recorded elsewhere: run the same here",
)


def go_on(run: Run) -> None:
    """The fine-tuned model can teach."""
    if lab.model_is_here(run):
        links.to(links.DISTILL, "Distill this model into a smaller one", teacher=f"run:{run.id}")


page.header("Fine-tune", "How much does a network that has read a lot before learn from a few labeled texts?")
controls, main = lab.halves()

with controls:
    button = st.container()
    spec = form.show()
    LAB.start(button, spec)

with main:
    run = LAB.named() or next(iter(stored_runs.recorded_side_by_side()), None)
    LAB.show(run, spec, partial(page.explanation, view.SEEN, view.FORMULA, view.CODE), go_on)
