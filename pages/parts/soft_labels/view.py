"""What the page Soft labels shows of one scene: figures, formula, numbers, and the way on to Distill."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial, wraps
from typing import Any

import streamlit as st
from streamlit.elements.lib.column_types import ColumnConfig

from distill_core.datasets import csv_files
from distill_core.figures import gradient_scale, logit_pulls, loss_weights, soft_labels
from distill_core.files import source_code
from distill_core.specs import controls
from distill_core.tables import soft_labels as tables_soft_labels
from distill_core.tables.soft_label_sources import Source
from distill_core.tables.soft_labels import Scene
from pages.parts.shared import columns, links, once, page

SEEN = (
    "The hard label knows one class. The teacher's smaller shares tell which classes are alike: a higher τ makes them "
    "visible, and entropy counts how many bits are left open. The soft targets hand this to the student, so that they "
    "may raise a class that the label alone would push down."
)
_TERMS = ("softmax", "soft_loss", "hard_loss", "soft_gradient", "hard_gradient")
CODE = source_code.definitions(*(f"maths/distributions:{name}" for name in _TERMS))


_MOST_TAU: Any = controls.TEMPERATURE.most  # where the slider of Distill ends


def _once(draw: Callable[[Scene, bool], None]) -> Callable[[Scene], None]:
    """A part of the page, drawn once for all visitors who see the same scene in the same theme."""

    @wraps(draw)
    def drawn(scene: Scene) -> None:
        logits = scene.teacher.tolist(), scene.student.tolist()
        numbers = scene.label, scene.temperature, scene.soft, scene.hard
        dark = page.is_dark()
        part = f"pages.soft_labels.{draw.__name__}"
        once.same(partial(draw, scene, dark), part, scene.label_names, *logits, *numbers, dark)

    return drawn


@_once
def distributions(scene: Scene, dark: bool) -> None:
    """The main figure."""
    frame = tables_soft_labels.distributions(scene)
    page.chart(soft_labels.draw(frame, scene.temperature, dark=dark), "sl_fig_labels")


@_once
def loss(scene: Scene, dark: bool) -> None:
    """The terms of the loss under their weights."""
    page.chart(loss_weights.draw(tables_soft_labels.terms(scene), dark=dark), "sl_fig_loss")


@_once
def pulls(scene: Scene, dark: bool) -> None:
    """What each term does to each logit, and what τ² is for."""
    left, right = st.columns([1.5, 1], gap="large")
    with left:
        page.chart(logit_pulls.draw(tables_soft_labels.gradients(scene), dark=dark), "sl_fig_pulls")
    with right:
        frame = tables_soft_labels.scale(scene)
        page.chart(gradient_scale.draw(frame, scene.temperature, dark=dark), "sl_fig_scale")


def numbers(scene: Scene) -> None:
    """All numbers of the page, folded, to take away."""
    with st.expander("The numbers", icon=":material/table:"):
        _table(scene)
        st.download_button(
            "CSV",
            lambda: csv_files.safe_csv(tables_soft_labels.numbers(scene)),
            "soft-labels.csv",
            "text/csv",
            icon=":material/download:",
            on_click="ignore",
            key="sl_csv",
        )


@_once
def _table(scene: Scene, _: bool) -> None:
    st.caption(soft_labels.entropy_sentence(tables_soft_labels.distributions(scene), scene.temperature))
    st.dataframe(
        tables_soft_labels.numbers(scene),
        hide_index=True,
        key="sl_table",
        placeholder="n/a",
        column_config=_columns(scene),
        alt="Shares, logits and gradients of each class",
    )


def _columns(scene: Scene) -> dict[str, ColumnConfig]:
    """Headings in words; the file keeps the names with their units."""
    return {
        **columns.of(
            "class",
            "hard_label",
            "teacher_logit",
            "teacher_share_tau_1",
            "student_logit",
            "student_share_tau_1",
            "gradient_soft_nats_per_logit",
            "gradient_hard_nats_per_logit",
            "gradient_sum_nats_per_logit",
        ),
        **columns.teacher_share(scene.temperature),
    }


def formula(scene: Scene) -> str:
    """The loss and its gradient on the student's logits z, as LaTeX, with the weights and the temperature as set."""
    soft, hard, tau = f"{scene.soft:g}", f"{scene.hard:g}", f"{scene.temperature:g}"
    return (
        r"\begin{aligned}"
        rf"\mathcal{{L}} &= {soft}\cdot {tau}^2\,\mathrm{{KL}}(p \,\|\, q) + {hard}\,\mathrm{{CE}}(y, q_1) \\"
        rf"\tfrac{{\partial\mathcal{{L}}}}{{\partial z}} &= {soft}\cdot {tau}\,(q - p) + {hard}\,(q_1 - y) \\"
        rf"p &= \mathrm{{softmax}}(z_T / {tau}) \\"
        rf"q &= \mathrm{{softmax}}(z / {tau}) \\"
        r"q_1 &= \mathrm{softmax}(z)"
        r"\end{aligned}"
    )


def next_step(scene: Scene, source: Source | None) -> None:
    """On to Distill, with teacher, temperature and weights."""
    tau = min(scene.temperature, _MOST_TAU)
    state: dict[str, object] = {"temperature": tau, "soft": scene.soft, "hard": scene.hard}
    if source is not None:
        state["teacher"] = source.teacher_ref or f"run:{source.run.id}"
    limit = "" if tau == scene.temperature else f" (τ = {tau:g} at most)"
    links.to(links.DISTILL, f"Distill with these settings{limit}", **state)
