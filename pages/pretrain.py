"""Pre-train: what does a network learn from raw text alone, and how much of it does it take?"""

import streamlit as st

from distill_core.runs.run import Run
from pages.parts.pretrain import form, view
from pages.parts.shared import lab, links, page, stored_runs

LAB = lab.Lab(
    links.PRETRAIN,
    "pt",
    button="Pre-train here",
    empty="Nothing is pre-trained yet",
    soon="the loss appears within a minute.",
    draw=view.show,
)


def go_on(run: Run) -> None:
    """The pre-trained model can be fine-tuned."""
    if lab.model_is_here(run):
        links.to(links.FINETUNE, "Fine-tune this model", model=f"run:{run.id}")


page.header("Pre-train", "What does a small network learn from raw text, without a single label?")
controls, main = lab.halves()

with controls:
    button = st.container()
    family, spec = form.show()
    LAB.start(button, spec, form.button_label(spec))

with main:
    run = LAB.named() or stored_runs.recorded_pretraining(family)
    LAB.show(run, spec, lambda: view.explanation((run and view.family_of(run)) or family), go_on)
