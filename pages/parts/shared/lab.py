"""The skeleton of a page that trains: a form with its button on the left, on the right the run that it shows.

A page makes its `Lab`, draws its form, and hands over what that asks for:

    LAB.start(button, spec)
    LAB.show(LAB.named() or recorded, spec, explain, go_on)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from distill_core.figures import theme
from distill_core.results import LIVE
from distill_core.runs.run import Run
from distill_core.specs import Spec
from pages.parts.shared import links, page, run_panel, stored_runs, training_form


@dataclass(frozen=True)
class Lab:
    """What differs between the pages that train.

    `prefix` begins the keys of the page's widgets. `button` starts a run; `empty` is said while there is none, and
    `soon` what a first one shows. `draw` shows a run and is called again and again while it is live. `again` names a
    button that repeats a recorded run; without it a line says which button does.
    """

    page: links.Page
    prefix: str
    button: str
    empty: str
    soon: str
    draw: Callable[[Run], None]
    again: str = ""

    def start(self, place: DeltaGenerator, spec: Spec | None, label: str = "") -> None:
        """The button with its cost, in its place; a run that it starts is the one that the page shows."""
        with place:
            self._submit(label or self.button, spec, "start")

    def named(self) -> Run | None:
        """The run that the page's address names, if it is of a kind that this page draws."""
        return run_panel.chosen(self.page.run, lambda run: links.of_kind(stored_runs.kind(run)) == self.page)

    def show(
        self, run: Run | None, spec: Spec | None, explain: Callable[[], None], go_on: Callable[[Run], None]
    ) -> None:
        """The run, or what to do where there is none; `go_on` draws the next step of a run that has ended."""
        if run is None:
            empty = theme.empty(self.empty, f"Press {self.button}: {self.soon}")
            page.chart(empty, f"{self.prefix}_none")
            explain()
            return
        with page.problems_shown():
            self._origin(run, spec)
            run_panel.live(run.id, self.draw)
            explain()
            if run.state().state not in LIVE:
                go_on(run)

    def _origin(self, run: Run, spec: Spec | None) -> None:
        """That a run was recorded elsewhere, with the way to one's own; or in what the form differs from it."""
        if not stored_runs.is_recorded(run):
            training_form.stale(spec, run)
        elif not self.again:
            st.caption(f"Recorded elsewhere. Press {self.button} to make it your own.")
        elif self._submit(self.again, run.spec(), "again"):
            st.rerun()

    def _submit(self, label: str, spec: Spec | None, name: str) -> bool:
        started = training_form.run_button(label, spec, f"{self.prefix}_{name}", repeats=name == "again")
        if started:
            run_panel.choose(self.page.run, started)
        return started is not None


def halves() -> list[DeltaGenerator]:
    """The form on the left, the run on the right."""
    return st.columns([1, 2.6], gap="large")


def model_is_here(run: Run) -> bool:
    """Whether the model of a run can be used further: it was saved, and on this machine."""
    return run.model_dir.is_dir() and not stored_runs.is_recorded(run)
