"""What the page Soft labels shows of one scene: figures, formula, numbers, and the way on to Distill."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import streamlit as st

from distill_core import csv_files, tables_soft_labels
from distill_core.figures import gradient_scale, logit_pulls, loss_weights, soft_labels
from distill_core.soft_label_sources import Source
from distill_core.tables_soft_labels import Scene
from pages.parts import page

SEEN = (
    "The hard label knows one class. The teacher's smaller shares tell which classes are alike: a higher τ makes them "
    "visible, and entropy counts how many bits are left open. The soft targets hand this to the student, so that they "
    "may raise a class that the label alone would push down."
)
CODE = (
    "p, q = softmax(teacher / tau), softmax(student / tau)\n"
    "soft_loss = tau**2 * sum(p * (log(p) - log(q)))\n"
    "hard_loss = -log(softmax(student)[label])\n"
    "soft_gradient = tau * (q - p)                  # on the student's logits\n"
    "hard_gradient = softmax(student) - one_hot(label)"
)


def distributions(scene: Scene) -> None:
    """The main figure."""
    frame = tables_soft_labels.distributions(scene)
    page.chart(soft_labels.draw(frame, scene.temperature, dark=page.is_dark()), "sl_fig_labels")


def loss(scene: Scene) -> None:
    """The terms of the loss under their weights."""
    page.chart(loss_weights.draw(tables_soft_labels.terms(scene), dark=page.is_dark()), "sl_fig_loss")


def pulls(scene: Scene) -> None:
    """What each term does to each logit, and what τ² is for."""
    dark = page.is_dark()
    left, right = st.columns([1.5, 1], gap="large")
    with left:
        page.chart(logit_pulls.draw(tables_soft_labels.gradients(scene), dark=dark), "sl_fig_pulls")
    with right:
        frame = tables_soft_labels.scale(scene)
        page.chart(gradient_scale.draw(frame, scene.temperature, dark=dark), "sl_fig_scale")


def numbers(scene: Scene) -> None:
    """All numbers of the page, folded, to take away."""
    frame = tables_soft_labels.numbers(scene)
    with st.expander("The numbers", icon=":material/table:"):
        st.dataframe(
            frame, hide_index=True, key="sl_table", placeholder="n/a",
            alt="Shares, logits and gradients of each class",
        )  # fmt: skip
        st.download_button(
            "CSV", partial(csv_files.safe_csv, frame), "soft-labels.csv", "text/csv", icon=":material/download:",
            on_click="ignore", key="sl_csv",
        )  # fmt: skip


def formula(scene: Scene) -> str:
    """The loss and its gradient as LaTeX, with the weights and the temperature as they stand."""
    soft, hard, tau = f"{scene.soft:g}", f"{scene.hard:g}", f"{scene.temperature:g}"
    return (
        r"\begin{aligned}"
        rf"\mathcal{{L}} &= {soft}\cdot {tau}^2\,\mathrm{{KL}}(p \,\|\, q) + {hard}\cdot(-\log q^{{(1)}}_y) \\"
        rf"\frac{{\partial\mathcal{{L}}}}{{\partial z_c}} &= {soft}\cdot {tau}\,(q_c - p_c) + "
        rf"{hard}\cdot(q^{{(1)}}_c - y_c) \\"
        rf"p &= \mathrm{{softmax}}(z^{{T}}/{tau}) \qquad q = \mathrm{{softmax}}(z^{{S}}/{tau}) \qquad "
        r"q^{(1)} = \mathrm{softmax}(z^{S})"
        r"\end{aligned}"
    )


def next_step(scene: Scene, source: Source | None) -> None:
    """On to Distill, with teacher, temperature and weights."""
    if not (Path(__file__).parent.parent / "distil.py").exists():
        return
    query = {"d_tau": str(scene.temperature), "d_soft": str(scene.soft), "d_hard": str(scene.hard)}
    if source is not None:
        query["teacher"] = source.teacher_ref or f"run:{source.run.id}"
    page.next_step("pages/distil.py", "Distill with these settings", query)
