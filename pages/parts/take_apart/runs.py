"""Which run Take apart shows: ablations and sweeps, recorded ones and those of this machine, by their question."""

from __future__ import annotations

import streamlit as st

from distill_core.errors import RunError
from distill_core.runs.run import Run
from distill_core.specs import DistillSpec, dataset_name
from distill_core.tables import ablation as tables_ablation
from distill_core.tables.ablation import Question
from pages.parts.shared import links, run_panel, stored_runs

_PICKER = "ta_result"


def question_of(run: Run) -> Question | None:
    """What a run takes apart; None for others and for damaged ones."""
    try:
        return tables_ablation.question(run.spec())
    except RunError:
        return None


def named() -> Run | None:
    """The run that the page's address names, if it takes something apart."""
    return run_panel.chosen(links.TAKE_APART.run, lambda run: question_of(run) is not None)


def recorded_distillation() -> Run | None:
    """The newest recorded distillation that takes nothing apart: what Distill shows before there is an own one."""
    runs = [run for run in stored_runs.recorded_of("distill") if question_of(run) is None]
    return runs[-1] if runs else None


def answering(question: Question) -> list[Run]:
    """The runs that answer this question: recorded ones first, then own ones, the newest first."""
    runs = [*stored_runs.recorded_of("distill"), *stored_runs.own_of("distill")]
    return [run for run in runs if question_of(run) == question]


def pick(question: Question, named: Run | None) -> Run | None:
    """The run that the address names if it answers the question, else the first of `answering`; a picker for others."""
    found = {run.id: run for run in answering(question)}
    if named is not None and question_of(named) == question:
        found.setdefault(named.id, named)
        current = named.id
    else:
        current = next(iter(found), "")
    if len(found) > 1:
        st.session_state[_PICKER] = current
        st.selectbox(
            "Result",
            list(found),
            format_func=lambda key: _label(found[key]),
            key=_PICKER,
            on_change=_picked,
            label_visibility="collapsed",
        )
    return found.get(current)


def _picked() -> None:
    run_panel.choose(links.TAKE_APART.run, st.session_state[_PICKER])


def _label(run: Run) -> str:
    """`000012, running: 3 layers on movies, 3 seeds`."""
    spec, state = run.spec_as(DistillSpec), run.state().state
    if spec is None:
        return run.id
    dataset = dataset_name(spec.dataset)
    seeds = f", {spec.seeds} seeds" if spec.seeds > 1 else ""
    depth = "all depths" if spec.sweep_layers else f"{spec.student_layers} layers"
    what = spec.title or f"{depth} on {dataset}{seeds}"
    if stored_runs.is_recorded(run):
        return f"Recorded: {what}"
    return f"{run.id.partition('-')[0]}{'' if state == 'done' else f', {state}'}: {what}"
