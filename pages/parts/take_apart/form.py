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
from distill_core.terms import BY_KEY, TERMS
from pages.parts.distill import form as distill_form
from pages.parts.distill.form import Request, count
from pages.parts.shared import training_form, widget
from pages.parts.shared.page import plain, problem
from pages.parts.shared.widget import Known
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
    **{term.key: term.title for term in TERMS},
    START: "Teacher's layers",
}
WEIGHTS = {term.key: term.proposed for term in TERMS}
WEIGHT_RANGE: Known = {"least": 0.05, "most": 100.0, "step": 0.25}  # an ingredient that is chosen has a weight
TEMPERATURES = (1.0, 2.0, 4.0, 8.0)
SOFT = (0.25, 0.5, 0.75, 1.0)
SEEDS = 3  # an ablation tells small differences apart; a sweep has many students already
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
        values["student_layers"] = distill_form.layers(most, "ta_layers")
    values["seeds"] = _seeds(asked)
    place = st.container()
    with st.expander("Texts and training", icon=":material/menu_book:"):
        values |= _training(values["dataset"])
    with st.expander("Advanced", icon=":material/tune:"):
        values |= training_form.optimizer("ta", DistillSpec)
    with place:
        return _checked(values)


def _seeds(asked: Question) -> int:
    if asked == "ingredients":
        return int(widget.slider(DistillSpec, "seeds", "ta_seeds", start=SEEDS))
    return int(widget.slider(DistillSpec, "seeds", "ta_sweep_seeds"))


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
    return {"dataset": dataset}


# ── what is varied ───────────────────────────────────────────────────────────────────────────────────────────────


def _ingredients() -> dict[str, Any]:
    """Which terms the full recipe has, and with what weight."""
    chosen = st.pills(
        "Ingredients of the full recipe",
        list(INGREDIENTS),
        selection_mode="multi",
        default=[*(term.key for term in TERMS if not term.is_live), START],
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
                shown: Known = {**WEIGHT_RANGE, "label": INGREDIENTS[name], "start": WEIGHTS[name]}
                values[name] = widget.number(DistillSpec, name, f"ta_{name}", **shown)
    return {
        **values,
        "ablation": True,
        "temperature": widget.slider(DistillSpec, "temperature", "ta_tau"),
        "init": "teacher-layers" if START in chosen else "random",
    }


def _grid() -> dict[str, Any]:
    temperatures = widget.several(DistillSpec, "sweep_temperatures", "ta_taus", start=TEMPERATURES)
    soft = widget.several(DistillSpec, "sweep_soft", "ta_softs", start=SOFT)
    return {"sweep_temperatures": sorted(temperatures), "sweep_soft": sorted(soft)}


def _depths(most: int) -> dict[str, Any]:
    layers = widget.several(
        DistillSpec,
        "sweep_layers",
        "ta_depths",
        choices=range(1, most + 1),
        start=experiment_plan.depths(most),
        help=f"The teacher has {most} layers.",
    )
    soft = training_form.weight(DistillSpec, BY_KEY["soft"], "ta_depth_soft", help="The labels get the rest.")
    return {
        "sweep_layers": sorted(layers),
        "sweep_soft": [],
        "soft": soft,
        "hard": 1 - soft,
        "temperature": widget.slider(DistillSpec, "temperature", "ta_tau"),
    }


# ── texts ────────────────────────────────────────────────────────────────────────────────────────────────────────


def _training(dataset: str) -> dict[str, Any]:
    sizes = training_cost.offered_sizes(dataset)
    start = TEXTS if TEXTS in sizes else 0
    n = widget.stops(DistillSpec, "train_examples", "ta_texts", count, choices=(*sizes, 0), start=start)
    fewer = [size for size in sizes if not n or size < n]
    labeled = widget.stops(DistillSpec, "labeled_examples", "ta_labeled", count, choices=(*fewer, 0))
    epochs = widget.slider(DistillSpec, "epochs", "ta_epochs")
    return {"train_examples": n, "labeled_examples": labeled, "epochs": epochs}
