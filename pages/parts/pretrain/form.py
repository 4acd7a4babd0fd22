"""The controls of Pre-train: which family, by which lesson, on how much of which text."""

from __future__ import annotations

from typing import Any

import streamlit as st

from distill_core import families, units
from distill_core.corpus import sources
from distill_core.plans import pretrain_scale
from distill_core.results import PretrainResult
from distill_core.runs.run import Run
from distill_core.specs import PretrainSpec, Spec
from pages.parts.shared import minis, page, stored_runs, training_form, widget

BUDGET = 1_000_000  # half of what the command line reads: a lesson can wait for it
LESSONS = {"objective": "Own objective", "embeddings": "From MiniLM"}


def show() -> tuple[str, Spec | None]:
    """The form: the chosen family, and the request, None where it cannot be run; the reason is on the page then."""
    titles = {family.title: family.key for family in families.FAMILIES}
    title = st.selectbox("Family", list(titles), key="pt_family", bind="query-params")
    family = titles[title]
    lesson = widget.one_of(PretrainSpec, "lesson", "pt_lesson", LESSONS)
    if lesson == "embeddings":
        minis.caption([f"{family}@mini"])
    tokens = widget.stops(PretrainSpec, "tokens", "pt_tokens", _millions, start=BUDGET)
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
        help=widget.help_of(PretrainSpec, "teacher"),
    )


def _can_teach(run: Run) -> bool:
    result = run.result_as(PretrainResult)
    done = run.state().state == "done" and run.model_dir.is_dir()
    return done and result is not None and (result.family, result.lesson) == ("bert", "objective")


def _named(run: Run) -> str:
    result = run.result_as(PretrainResult)
    read = result.tokens if result is not None else None
    return f"BERT, {units.significant((read or 0) / 1e6)} M tokens, run {run.id}"


def _corpora() -> list[str]:
    titles = {name: source.title for name, source in sources.table().items()}
    return st.multiselect(
        "Texts",
        list(titles),
        format_func=titles.__getitem__,
        key="pt_corpus",
        bind="query-params",
        placeholder="All twelve",
        help=widget.help_of(PretrainSpec, "corpus"),
        wrap=True,
    )


def _millions(tokens: int) -> str:
    return f"{units.significant(tokens / 1e6)} M"


def _training() -> dict[str, Any]:
    return {
        "learning_rate": widget.stops(PretrainSpec, "learning_rate", "pt_lr"),
        "batch_size": widget.stops(PretrainSpec, "batch_size", "pt_batch"),
        "seed": widget.number(PretrainSpec, "seed", "pt_seed"),
    }


def button_label(spec: Spec | None) -> str:
    """The expensive button with its cost, judged by earlier runs on this machine."""
    if not isinstance(spec, PretrainSpec):
        return "Pre-train here"
    finished = [run for run in stored_runs.own_of("pretrain")[:10] if run.state().state == "done"]
    return f"Pre-train here · about {units.duration(pretrain_scale.seconds(spec, finished))}"
