"""The controls of Take apart: what is asked, whose student is taken apart, and what its recipe is made of."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import streamlit as st

from distill_core.errors import DistillError
from distill_core.plans import training_cost
from distill_core.plans.teachers import Teacher
from distill_core.runs.run import Run
from distill_core.specs import DistillSpec
from distill_core.tables import experiment_plan
from distill_core.tables.ablation import Question
from distill_core.tables.training import TERM_TITLES
from pages.parts.distill import form as distill_form
from pages.parts.distill.form import Request
from pages.parts.shared import training_form
from pages.parts.shared.page import plain, problem
from pages.parts.take_apart import runs

NAMES: dict[Question, str] = {
    "ingredients": "Ingredients",
    "weights": "Temperature and weight",
    "layers": "Depth",
}
QUESTIONS: dict[Question, str] = {
    "ingredients": "What was each ingredient of the distillation worth?",
    "weights": "Which temperature, and how much weight for the soft targets?",
    "layers": "How deep must a student be?",
}
BUTTONS = {"ingredients": "Leave out one at a time", "weights": "Try all settings", "layers": "Try all depths"}
START = "init"  # the ingredient that is no loss: the student begins with the teacher's layers
INGREDIENTS = {
    **{name: title for name, title in TERM_TITLES.items() if name != "loss"},
    START: "Teacher's layers",
}
WEIGHTS = {"soft": 0.5, "hard": 0.5, "cosine": 1.0, "hidden": 1.0, "attention": 1.0, "relations": 1.0}
TEMPERATURES = (1.0, 2.0, 4.0, 8.0, 16.0)
SOFT = (0.0, 0.25, 0.5, 0.75, 0.9, 1.0)
TEXTS = 2000  # enough to see differences, few enough for a lesson


def question(named: Run | None) -> Question:
    """What is asked. A link to a run brings its own question."""
    start = runs.question_of(named) if named is not None else None
    return st.segmented_control(
        "Question",
        list(NAMES),
        default=start or "ingredients",
        required=True,
        format_func=NAMES.__getitem__,
        key="ta_question",
        bind="query-params",
        label_visibility="collapsed",
        wrap=True,
    )


def show(asked: Question) -> Request:
    """The form; without a spec where it cannot be run, and then the reason is on the page."""
    teacher = distill_form.pick_teacher("ta_teacher")
    values: dict[str, Any] = {"kind": "distill", "teacher": teacher.ref, **_data(teacher)}
    most = teacher.layers or 12
    varied: dict[Question, Callable[[], dict[str, Any]]] = {
        "ingredients": _ingredients,
        "weights": _grid,
        "layers": lambda: _depths(most),
    }
    values |= varied[asked]()
    if asked != "layers":
        values["student_layers"] = st.slider(
            "Layers of the student",
            1,
            most,
            max(1, most // 2),
            key="ta_layers",
            bind="query-params",
            help=f"The teacher has {most}. {training_form.field(DistillSpec, 'student_layers')}",
        )
    repeats = ("ta", 3) if asked == "ingredients" else ("ta_sweep", 1)  # a sweep has many students already
    values["seeds"] = training_form.seeds(repeats[0], DistillSpec, repeats[1])
    place = st.container()
    with st.expander("Texts and training", icon=":material/menu_book:"):
        values |= _training(values["dataset"])
    with st.expander("Advanced", icon=":material/tune:"):
        values |= training_form.advanced("ta", DistillSpec, with_seeds=False)
    with place:
        return _checked(values)


def _checked(values: dict[str, Any]) -> Request:
    """The request, with one line on what it is about to do."""
    spec = training_form.parsed(values)
    if not isinstance(spec, DistillSpec):
        return Request(values, None)
    try:
        st.caption(plain(" ".join(experiment_plan.sentences(spec))))
    except DistillError as error:
        problem(error)
        return Request(values, None)
    return Request(values, spec)


def _data(teacher: Teacher) -> dict[str, Any]:
    dataset = st.selectbox(
        "Data set",
        teacher.datasets,
        format_func=training_form.dataset_label,
        key="ta_dataset",
        bind="query-params",
        help="The teacher's own, or another one with the same classes.",
    )
    return {"dataset": dataset, "text_column": teacher.text_column, "label_column": teacher.label_column}


# ── what is varied ───────────────────────────────────────────────────────────────────────────────────────────────


def _ingredients() -> dict[str, Any]:
    """Which terms the full recipe has, and with what weight."""
    chosen = st.pills(
        "Ingredients of the full recipe",
        list(INGREDIENTS),
        selection_mode="multi",
        default=["soft", "hard", "cosine", START],
        format_func=INGREDIENTS.__getitem__,
        key="ta_ingredients",
        bind="query-params",
        wrap=True,
        help="Each is left out once. Hidden states, attention and relations need the teacher at every step: slower.",
    )
    values: dict[str, Any] = dict.fromkeys(WEIGHTS, 0.0)
    with st.grid(2, min_column_width=90, gap="small") as grid:
        for name in (name for name in chosen if name != START):
            with grid.cell():
                values[name] = st.number_input(
                    INGREDIENTS[name],
                    0.05,
                    100.0,
                    WEIGHTS[name],
                    0.25,
                    format="%g",
                    key=f"ta_{name}",
                    bind="query-params",
                    help=training_form.field(DistillSpec, name),
                )
    return {
        **values,
        "ablation": True,
        "temperature": _temperature(),
        "init": "teacher-layers" if START in chosen else "random",
    }


def _temperature() -> float:
    return st.slider(
        "Temperature τ",
        0.5,
        10.0,
        2.0,
        0.5,
        key="ta_tau",
        bind="query-params",
        help=training_form.field(DistillSpec, "temperature"),
    )


def _grid() -> dict[str, Any]:
    temperatures = st.pills(
        "Temperatures τ",
        TEMPERATURES,
        selection_mode="multi",
        default=[1.0, 2.0, 4.0, 8.0],
        key="ta_taus",
        bind="query-params",
        format_func=lambda value: f"{value:g}",
        wrap=True,
        help=training_form.field(DistillSpec, "sweep_temperatures"),
    )
    soft = st.pills(
        "Weights of soft targets",
        SOFT,
        selection_mode="multi",
        default=[0.25, 0.5, 0.75, 1.0],
        key="ta_softs",
        bind="query-params",
        format_func=lambda value: f"{value:g}",
        wrap=True,
        help=training_form.field(DistillSpec, "sweep_soft"),
    )
    return {"sweep_temperatures": sorted(temperatures), "sweep_soft": sorted(soft)}


def _depths(most: int) -> dict[str, Any]:
    offered = list(range(1, most + 1))
    layers = st.pills(
        "Layers of the students",
        offered,
        selection_mode="multi",
        default=list(experiment_plan.depths(most)),
        key="ta_depths",
        bind="query-params",
        wrap=True,
        help=f"The teacher has {most} layers.",
    )
    soft = st.slider(
        "Weight of soft targets",
        0.0,
        1.0,
        0.5,
        0.05,
        key="ta_depth_soft",
        bind="query-params",
        help="The labels get the rest.",
    )
    return {
        "sweep_layers": sorted(layers),
        "sweep_soft": [],
        "soft": soft,
        "hard": 1 - soft,
        "temperature": _temperature(),
    }


# ── texts ────────────────────────────────────────────────────────────────────────────────────────────────────────


def _training(dataset: str) -> dict[str, Any]:
    sizes = training_cost.offered_sizes(dataset)
    start = TEXTS if TEXTS in sizes else 0
    n = st.select_slider(
        "Texts to learn from",
        (*sizes, 0),
        start,
        format_func=count,
        key="ta_texts",
        bind="query-params",
        help=training_form.field(DistillSpec, "train_examples"),
    )
    fewer = [size for size in sizes if not n or size < n]
    labeled = st.select_slider(
        "Texts that keep their label",
        (*fewer, 0),
        0,
        format_func=count,
        key="ta_labeled",
        bind="query-params",
        help=training_form.field(DistillSpec, "labeled_examples"),
    )
    return {"train_examples": n, "labeled_examples": labeled, "epochs": training_form.epochs("ta", DistillSpec, 2)}


def count(n: int) -> str:
    """`2,000`; 0 means all."""
    return f"{n:,}" if n else "all"
