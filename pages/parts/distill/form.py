"""The controls of Distill: who teaches, how small the student is, and what its loss is made of."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import streamlit as st

from distill_core import units
from distill_core.launch.base import AnySpec
from distill_core.models import shapes
from distill_core.plans import teachers, training_cost
from distill_core.plans.teachers import Teacher
from distill_core.runs.run import Run
from distill_core.specs import DistillSpec
from distill_core.tables import training as tables_training
from pages.parts.shared import stored_runs, training_form

DEFAULT_TEXTS = 4000  # about a minute of training on two cores
ARMS = ("distilled", "init-only", "scratch", "scratch-distilled")
WITH_UNLABELED = ("distilled", "labeled-only", *ARMS[1:])  # where some texts have no label
MAPS = {"spread": "Evenly spread", "first": "The first", "last": "The last", "own": "Choose"}
STARTS = {"teacher-layers": "Teacher's layers", "random": "Random weights"}
SURE = 0.98
_LINK = "teacher"  # the address of a page that links here: ?teacher=run:ID


@dataclass(frozen=True)
class Request:
    """What the form asks for; `values` are there even where the spec is not, so that the formula can be shown."""

    values: dict[str, Any]
    spec: AnySpec | None


def candidates() -> list[Teacher]:
    """Finished fine-tunings, newest first, then public checkpoints."""
    own = [_from_run(str(run.path), run.state().state) for run in stored_runs.own_of("finetune")]
    return [*(teacher for teacher in own if teacher is not None), *teachers.public()]


@st.cache_data(max_entries=2000, show_spinner=False)
def _from_run(path: str, state: str) -> Teacher | None:
    """A finished run never changes, so it is read once; `state` is part of the key for the others."""
    return teachers.from_run(Run(Path(path)))


def show() -> Request:
    """The form."""
    teacher = _teacher()
    values: dict[str, Any] = {"kind": "distill", "teacher": teacher.ref, **_data(teacher)}
    most = teacher.layers or 12
    values["student_layers"] = st.slider(
        "Layers of the student",
        1,
        most,
        max(1, most // 2),
        key="d_layers",
        bind="query-params",
        help=f"The teacher has {most}. {training_form.field(DistillSpec, 'student_layers')}",
    )
    values |= _loss()
    with st.expander("Start, data, comparison", icon=":material/school:"):
        values |= _start(most, values["student_layers"])
        values |= _training(values["dataset"])
    with st.expander("Advanced", icon=":material/tune:"):
        values |= _inner()
        values |= training_form.advanced("d", DistillSpec)
    return Request(values, training_form.parsed(values))


def pick_teacher(key: str) -> Teacher:
    """The question who teaches. A link brings its own teacher: ?teacher=run:ID."""
    by_ref = {teacher.ref: teacher for teacher in candidates()}
    linked = st.query_params.get(_LINK)
    if linked:
        del st.query_params[_LINK]
        if linked in by_ref:
            st.session_state[key] = linked
    ref = st.selectbox(
        "Teacher",
        list(by_ref),
        format_func=lambda ref: by_ref[ref].label,
        key=key,
        bind="query-params",
        help=training_form.field(DistillSpec, "teacher"),
    )
    return by_ref[ref]


def _teacher() -> Teacher:
    teacher = pick_teacher("d_teacher")
    if teacher.accuracy is not None:
        st.caption(
            f"{teacher.layers or 'n/a'} layers, right on {units.percent(teacher.accuracy, 3)} of its test texts."
        )
    return teacher


def _data(teacher: Teacher) -> dict[str, Any]:
    dataset = st.selectbox(
        "Data set",
        teacher.datasets,
        format_func=training_form.dataset_label,
        key="d_dataset",
        bind="query-params",
        help="The teacher's own, or another one with the same classes.",
    )
    return {"dataset": dataset, "text_column": teacher.text_column, "label_column": teacher.label_column}


def _loss() -> dict[str, Any]:
    temperature = st.slider(
        "Temperature τ",
        0.5,
        10.0,
        2.0,
        0.5,
        key="d_tau",
        bind="query-params",
        help=training_form.field(DistillSpec, "temperature"),
    )
    soft = _weight("Weight of soft targets", "soft", 0.5)
    hard = _weight("Weight of labels", "hard", 0.5)
    cosine = _weight("Weight of cosine", "cosine", 0.0)
    return {"temperature": temperature, "soft": soft, "hard": hard, "cosine": cosine}


def _weight(label: str, name: str, default: float) -> float:
    return st.slider(
        label,
        0.0,
        1.0,
        default,
        0.05,
        key=f"d_{name}",
        bind="query-params",
        help=training_form.field(DistillSpec, name),
    )


def _start(teacher_layers: int, student_layers: int) -> dict[str, Any]:
    start = st.segmented_control(
        "The student starts from",
        list(STARTS),
        default="teacher-layers",
        required=True,
        format_func=STARTS.__getitem__,
        key="d_init",
        bind="query-params",
        wrap=True,
    )
    if start == "random":
        return {"init": start}
    chosen = st.segmented_control(
        "Which layers",
        list(MAPS),
        default="spread",
        required=True,
        format_func=MAPS.__getitem__,
        key="d_map",
        bind="query-params",
        wrap=True,
        help=training_form.field(DistillSpec, "layer_map"),
    )
    if chosen == "own":
        layers = st.multiselect(
            "Layers, in order",
            range(teacher_layers),
            key="d_own_layers",
            bind="query-params",
            max_selections=student_layers,
            help=training_form.field(DistillSpec, "layers"),
        )
        return {"init": start, "layers": layers}
    copied = shapes.copied_layers(teacher_layers, student_layers, chosen)
    st.caption(f"Copies the teacher's layers {', '.join(map(str, copied))}, counted from 0.")
    return {"init": start, "layer_map": chosen}


def _training(dataset: str) -> dict[str, Any]:
    sizes = (0, *training_cost.offered_sizes(dataset))
    n = st.select_slider(
        "Texts to learn from",
        sizes,
        DEFAULT_TEXTS if DEFAULT_TEXTS in sizes else 0,
        format_func=_count,
        key="d_texts",
        bind="query-params",
        help=training_form.field(DistillSpec, "train_examples"),
    )
    labeled = st.select_slider(
        "Texts that keep their label",
        sizes,
        0,
        format_func=_count,
        key="d_labeled",
        bind="query-params",
        help=training_form.field(DistillSpec, "labeled_examples"),
    )
    epochs = training_form.epochs("d", DistillSpec, 2)
    ablation = st.toggle(
        "Ablation", key="d_ablation", bind="query-params", help=training_form.field(DistillSpec, "ablation")
    )
    values: dict[str, Any] = {"train_examples": n, "labeled_examples": labeled, "epochs": epochs, "ablation": ablation}
    if not ablation:
        values["arms"] = training_form.arms("d", WITH_UNLABELED if labeled else ARMS, ("distilled", "scratch"))
        if labeled and "labeled-only" not in values["arms"]:
            st.caption("Add **Labeled texts alone** to see what the texts without a label are worth.")
    return values


def _count(n: int) -> str:
    return f"{n:,}" if n else "all"


def _inner() -> dict[str, Any]:
    """Losses on what happens inside the networks."""
    values: dict[str, Any] = {
        name: _weight(label, name, 0.0)
        for name, label in (
            ("hidden", "Weight of hidden states"),
            ("attention", "Weight of attention"),
            ("relations", "Weight of relations"),
        )
    }
    values["standardize"] = st.toggle(
        "Standardize logits",
        key="d_standardize",
        bind="query-params",
        help=training_form.field(DistillSpec, "standardize"),
    )
    return values


# ── the formula ──────────────────────────────────────────────────────────────────────────────────────────────────

_TERMS = {
    "soft": r"\tau^2\,\mathrm{KL}(p_T^\tau \,\|\, p_S^\tau)",
    "hard": r"\mathrm{CE}(y,\, p_S)",
    "cosine": r"(1-\cos(h_T, h_S))",
    "hidden": r"\lVert h_T - W h_S \rVert^2",
    "attention": r"\lVert A_T - A_S \rVert^2",
    "relations": r"\mathrm{KL}(R_T \,\|\, R_S)",
}


def formula(values: dict[str, Any]) -> str:
    """The student's loss as LaTeX, with the weights as they stand; terms of weight 0 are left out."""
    parts = [rf"{values[name]:g}\,{term}" for name, term in _TERMS.items() if values.get(name)]
    return rf"\mathcal{{L}} = {' + '.join(parts) or '0'}"


def temperature_sentence(values: dict[str, Any]) -> str:
    """What the temperature does to one answer: exact, for two classes."""
    tau = values["temperature"]
    softened = units.percent(tables_training.softened(SURE, tau), 3)
    return f"At τ = {tau:g}, a teacher that is {units.percent(SURE)} sure of one of two classes says {softened}."
