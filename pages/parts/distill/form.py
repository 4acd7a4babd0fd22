"""The controls of Distill: who teaches, how small the student is, and what its loss is made of."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import streamlit as st

from distill_core import arms, data_ref, model_ref, units
from distill_core.arms import LABELED_ONLY
from distill_core.datasets import catalogue, known_splits
from distill_core.models import shapes
from distill_core.plans import teachers, training_cost
from distill_core.plans.teachers import Teacher
from distill_core.runs.run import Run
from distill_core.specs import DistillSpec, Spec
from distill_core.tables import training as tables_training
from distill_core.tasks import facts
from distill_core.tasks.facts import TaskFacts
from distill_core.terms import TERMS
from pages.parts.shared import links, minis, stored_runs, training_form, widget

MAPS = {"spread": "Evenly spread", "first": "The first", "last": "The last", "own": "Choose"}
STARTS = {"teacher-layers": "Teacher's layers", "random": "Random weights"}
SURE = 0.98
_LINK = links.DISTILL.takes["teacher"]


@dataclass(frozen=True)
class Request:
    """What the form asks for; `values` are there even where the spec is not, so that the formula can be shown."""

    values: dict[str, Any]
    spec: Spec | None


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
    values["student_layers"] = layers(most, "d_layers")
    values |= _loss()
    with st.expander("Start, data, comparison", icon=":material/school:"):
        values |= _start(most, values["student_layers"])
        values |= _training(values["dataset"])
    with st.expander("Advanced", icon=":material/tune:"):
        values |= _inner()
        values |= training_form.optimizer("d", DistillSpec)
        values["seeds"] = widget.slider(DistillSpec, "seeds", "d_seeds")
    return Request(values, training_form.parsed(values))


def layers(most: int, key: str) -> int:
    """How deep the student is; `most`: the layers of its teacher."""
    about = f"The teacher has {most}. {widget.help_of(DistillSpec, 'student_layers')}"
    start = max(1, most // 2)
    return int(widget.slider(DistillSpec, "student_layers", key, most=most, start=start, help=about))


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
        help=widget.help_of(DistillSpec, "teacher"),
    )
    minis.caption([teachers.origin(model_ref.parse(ref), stored_runs.own())[0]])
    return by_ref[ref]


def no_teacher() -> None:
    """What to do where nothing has been fine-tuned on this machine."""
    st.info("Fine-tune a model first: it becomes the teacher here.", title="You have no teacher of your own yet")
    links.to(links.FINETUNE, "Fine-tune a teacher")


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
    training_form.left_out(dataset)
    return {"dataset": dataset}


def _loss() -> dict[str, Any]:
    return {
        "temperature": widget.slider(DistillSpec, "temperature", "d_tau"),
        **{term.key: training_form.weight(DistillSpec, term, f"d_{term.key}") for term in TERMS if not term.is_live},
    }


def _start(teacher_layers: int, student_layers: int) -> dict[str, Any]:
    start = widget.one_of(DistillSpec, "init", "d_init", STARTS, help=None)
    if start == "random":
        return {"init": start}
    chosen = widget.one_of(DistillSpec, "layer_map", "d_map", MAPS)
    if chosen == "own":
        own = st.multiselect(
            "Layers, in order",
            range(teacher_layers),
            key="d_own_layers",
            bind="query-params",
            max_selections=student_layers,
            help=widget.help_of(DistillSpec, "layers"),
        )
        return {"init": start, "layers": own}
    copied = shapes.copied_layers(teacher_layers, student_layers, chosen)
    st.caption(f"Copies the teacher's layers {', '.join(map(str, copied))}, counted from 0.")
    return {"init": start, "layer_map": chosen}


def _training(dataset: str) -> dict[str, Any]:
    sizes = (0, *training_cost.offered_sizes(dataset))
    usual = DistillSpec.model_fields["train_examples"].default
    start = usual if usual in sizes else 0
    n = widget.stops(DistillSpec, "train_examples", "d_texts", count, choices=sizes, start=start)
    labeled = widget.stops(DistillSpec, "labeled_examples", "d_labeled", count, choices=sizes)
    epochs = widget.slider(DistillSpec, "epochs", "d_epochs")
    ablation = widget.toggle(DistillSpec, "ablation", "d_ablation")
    values = {"train_examples": n, "labeled_examples": labeled, "epochs": epochs, "ablation": ablation}
    if not ablation:
        most = min(n or sys.maxsize, known_splits.train_size(dataset) or sys.maxsize)
        some = 0 < labeled < most  # do not keep their label
        offered = tuple(arm for arm in _task(dataset).arms if some or not arms.distill(arm).reads_labeled_alone)
        values["arms"] = training_form.arms("d", offered, ("distilled", "init-only", "scratch"))
        if some and LABELED_ONLY not in values["arms"]:
            st.caption("Add **Labeled texts alone** to see what the texts without a label are worth.")
    return values


def _task(dataset: str) -> TaskFacts:
    """What is asked about the texts of this data set."""
    named = not data_ref.parse(dataset).is_file
    return facts.of("task", catalogue.info(dataset).task if named else "classification")


def count(n: int) -> str:
    """`2,000`; 0 means all."""
    return f"{n:,}" if n else "all"


def _inner() -> dict[str, Any]:
    """Losses on what happens inside the networks."""
    weights = {term.key: training_form.weight(DistillSpec, term, f"d_{term.key}") for term in TERMS if term.is_live}
    standardize = widget.toggle(DistillSpec, "standardize", "d_standardize", label="Standardize logits")
    return {**weights, "standardize": standardize}


# ── the formula ──────────────────────────────────────────────────────────────────────────────────────────────────


def formula(values: dict[str, Any]) -> str:
    """The student's loss as LaTeX, with the weights as they stand; terms of weight 0 are left out."""
    parts = [rf"{values[term.key]:g}\,{term.latex}" for term in TERMS if values.get(term.key)]
    return rf"\mathcal{{L}} = {' + '.join(parts) or '0'}"


def temperature_sentence(values: dict[str, Any]) -> str:
    """What the temperature does to one answer: exact, for two classes."""
    tau = values["temperature"]
    softened = units.percent(tables_training.softened(SURE, tau), 3)
    return f"At τ = {tau:g}, a teacher that is {units.percent(SURE)} sure of one of two classes says {softened}."
