"""Which page draws a run: by its kind the page, and the parameter of the page's address that names the run."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from distill_core.runs import run_list
from distill_core.runs.run import Run
from pages.parts.shared import stored_runs
from pages.parts.shared.page import next_step, plain

PAGES = {
    "compare": ("pages/compare.py", "cmp_run"),
    "finetune": ("pages/finetune.py", "ft_run"),
    "distill": ("pages/distill.py", "d_run"),
    "students": ("pages/students.py", "ts_run"),
    "pretrain": ("pages/pretrain.py", "pt_run"),
}


def of_kind(kind: str) -> Callable[[Run], bool]:
    """Whether a run is of this kind, as a function."""
    return lambda run: stored_runs.kind(run) == kind


def link(run: Run, label: str) -> None:
    """A link to the page that draws this run; nothing for a run whose request cannot be read."""
    kind = stored_runs.kind(run)
    if kind in PAGES:
        path, parameter = PAGES[kind]
        next_step(path, label, {parameter: run.id})


def say_of_another_kind(run: Run) -> None:
    """One sentence for a page that was asked for a run which it cannot draw, and the way to the page that can."""
    kind = run_list.KINDS[stored_runs.kind(run)]
    st.info(f"The run {plain(run.id)} is of another kind ({kind}): it is not drawn here.")
    link(run, "Open it on its page")
