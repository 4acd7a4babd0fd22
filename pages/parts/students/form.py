"""The controls of Ten students: who teaches, how many labels there are, who learns and in which arms."""

from __future__ import annotations

from typing import Any

import streamlit as st

from distill_core.arms import STUDENTS
from distill_core.datasets import catalogue
from distill_core.plans import training_cost
from distill_core.plans.teachers import Teacher
from distill_core.specs import Spec, StudentsSpec
from distill_core.specs.controls import WEIGHT
from distill_core.terms import BY_KEY
from pages.parts.distill import form as distill_form
from pages.parts.distill.form import count
from pages.parts.shared import model_picker, training_form, widget

NEW = "new"
LEAST_SOFT = WEIGHT.step  # at 0 a teacher would say nothing
_DEFAULT_ARMS = ("random", "labels", "taught", "all-labels")


def show() -> tuple[dict[str, Any], Spec | None]:
    """The form: its values, and the request, None where it cannot be run."""
    teacher = _teacher()
    values: dict[str, Any] = {"kind": "students", **_data(teacher)}
    if teacher is not None:
        values["teacher"] = teacher.ref
    values["labels"] = _labels(values["dataset"])
    values["arms"] = training_form.arms("ts", tuple(arm.key for arm in STUDENTS), _DEFAULT_ARMS)
    with st.expander("Students and training", icon=":material/tune:"):
        values["students"] = _students()
        values |= _training()
    if not values["students"]:
        st.info(
            "The small models are not in data/minis. Make them with `make minis`, or type models of your own under "
            "Students and training.",
            title="There are no students yet",
        )
        return values, None
    return values, training_form.parsed(values)


def _teacher() -> Teacher | None:
    """A fine-tuned model of this machine; None for one that is made first, in the same run."""
    own = {one.ref: one for one in distill_form.candidates() if one.ref.startswith("run:")}

    def named(ref: str) -> str:
        return own[ref].label if ref in own else "MiniLM, fine-tuned here first"

    chosen = st.selectbox(
        "Teacher",
        [NEW, *own],
        format_func=named,
        key="ts_teacher",
        bind="query-params",
        help=widget.help_of(StudentsSpec, "teacher"),
    )
    return own.get(chosen)


def _data(teacher: Teacher | None) -> dict[str, Any]:
    """The data set: the teacher's own, or one with the same classes."""
    offered = teacher.datasets if teacher is not None else catalogue.names()
    dataset = st.selectbox(
        "Data set", offered, format_func=training_form.dataset_label, key="ts_dataset", bind="query-params"
    )
    training_form.left_out(dataset)
    return {"dataset": dataset}


def _labels(dataset: str) -> int:
    sizes = training_cost.offered_sizes(dataset)
    usual = StudentsSpec.model_fields["labels"].default
    start = usual if usual in sizes else sizes[-1]
    return int(widget.stops(StudentsSpec, "labels", "ts_labels", count, choices=sizes, start=start))


def _students() -> list[str]:
    minis = model_picker.minis()
    return st.multiselect(
        "Students",
        minis,
        default=minis,
        format_func=model_picker.label,
        key="ts_students",
        bind="query-params",
        accept_new_options=True,
        placeholder="Choose students or type a reference",
        help=f"{widget.help_of(StudentsSpec, 'students')} For instance `bert@mini`, `run:ID`, `bert@hub`.",
        wrap=True,
    )


def _training() -> dict[str, Any]:
    epochs = widget.slider(StudentsSpec, "epochs", "ts_epochs")
    temperature = widget.slider(StudentsSpec, "temperature", "ts_tau")
    about = "The labels get the rest: soft + hard = 1."
    soft = training_form.weight(StudentsSpec, BY_KEY["soft"], "ts_soft", least=LEAST_SOFT, help=about)
    seeds = widget.slider(StudentsSpec, "seeds", "ts_seeds")
    return {"epochs": epochs, "temperature": temperature, "soft": soft, "hard": round(1 - soft, 6), "seeds": seeds}
