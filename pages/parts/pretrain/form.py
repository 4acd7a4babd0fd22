"""The controls of Pre-train: which family, by which lesson, on how much of which text."""

from __future__ import annotations

from typing import Any

import streamlit as st

from distill_core import families, units
from distill_core.corpus import library
from distill_core.launch.base import AnySpec
from distill_core.plans import pretrain_scale
from distill_core.results import PretrainResult
from distill_core.runs.run import Run
from distill_core.specs import PretrainSpec
from pages.parts.shared import page, stored_runs, training_form

BUDGETS = (200_000, 500_000, 1_000_000, 2_000_000, 5_000_000, 10_000_000, 40_000_000)
DEFAULT_BUDGET = 1_000_000
LESSONS = {"objective": "Own objective", "embeddings": "From MiniLM"}
RATES = (3e-4, 5e-4, 1e-3, 1.5e-3, 2e-3, 3e-3)
BATCH_SIZES = (16, 32, 64, 128)


def show() -> tuple[str, AnySpec | None]:
    """The form: the chosen family, and the request, None where it cannot be run; the reason is on the page then."""
    titles = {family.title: family.key for family in families.FAMILIES}
    title = st.selectbox("Family", list(titles), key="pt_family", bind="query-params")
    family = titles[title]
    lesson = st.segmented_control(
        "Lesson",
        list(LESSONS),
        default="objective",
        required=True,
        format_func=LESSONS.__getitem__,
        key="pt_lesson",
        bind="query-params",
        help=training_form.field(PretrainSpec, "lesson"),
        wrap=True,
    )
    tokens = st.select_slider(
        "Tokens to read",
        BUDGETS,
        DEFAULT_BUDGET,
        format_func=lambda n: f"{units.significant(n / 1e6)} M",
        key="pt_tokens",
        bind="query-params",
        help=training_form.field(PretrainSpec, "tokens"),
    )
    st.caption(page.plain(pretrain_scale.beside_paper(families.get(family), tokens)))
    values: dict[str, Any] = {"kind": "pretrain", "family": family, "lesson": lesson, "tokens": tokens}
    if family == "distilbert" and lesson == "objective":
        teacher = _teacher()
        if teacher is None:
            return family, None
        values["teacher"] = teacher
    with st.expander("Texts and training", icon=":material/tune:"):
        values |= {"corpus": _corpora(), **_training()}
    return family, training_form.parsed(values)


def _teacher() -> str | None:
    """A BERT of one's own; None, with the next step on the page, where there is none."""
    own = {f"run:{run.id}": run for run in stored_runs.own_of("pretrain") if _can_teach(run)}
    if not own:
        st.info(
            "DistilBERT learns from a BERT with the same vocabulary. Choose BERT above and pre-train it first.",
            title="There is no teacher yet",
        )
        return None
    return st.selectbox(
        "Teacher",
        list(own),
        format_func=lambda ref: _named(own[ref]),
        key="pt_teacher",
        bind="query-params",
        help=training_form.field(PretrainSpec, "teacher"),
    )


def _can_teach(run: Run) -> bool:
    result = run.result()
    done = run.state().state == "done" and run.model_dir.is_dir()
    return done and isinstance(result, PretrainResult) and (result.family, result.lesson) == ("bert", "objective")


def _named(run: Run) -> str:
    result = run.result()
    read = result.tokens if isinstance(result, PretrainResult) else None
    return f"BERT, {units.significant((read or 0) / 1e6)} M tokens, run {run.id}"


def _corpora() -> list[str]:
    sources = {row.name: row.title for row in library.status()}
    return st.multiselect(
        "Texts",
        list(sources),
        format_func=lambda name: sources[name],
        key="pt_corpus",
        bind="query-params",
        placeholder="All twelve",
        help=training_form.field(PretrainSpec, "corpus"),
        wrap=True,
    )


def _training() -> dict[str, Any]:
    defaults = PretrainSpec.model_fields
    rate = st.select_slider(
        "Learning rate",
        RATES,
        defaults["learning_rate"].default,
        format_func=lambda value: f"{value:g}",
        key="pt_lr",
        bind="query-params",
        help=training_form.field(PretrainSpec, "learning_rate"),
    )
    batch_size = st.select_slider(
        "Texts a step",
        BATCH_SIZES,
        defaults["batch_size"].default,
        key="pt_batch",
        bind="query-params",
        help=training_form.field(PretrainSpec, "batch_size"),
    )
    seed = st.number_input(
        "Seed", 0, 2**31 - 1, 0, key="pt_seed", bind="query-params", help=training_form.field(PretrainSpec, "seed")
    )
    return {"learning_rate": rate, "batch_size": batch_size, "seed": seed}


def button_label(spec: AnySpec | None) -> str:
    """The expensive button with its cost, judged by earlier runs on this machine."""
    if not isinstance(spec, PretrainSpec):
        return "Pre-train here"
    finished = [run for run in stored_runs.own_of("pretrain")[:10] if run.state().state == "done"]
    return f"Pre-train here · about {units.duration(pretrain_scale.seconds(spec, finished))}"
