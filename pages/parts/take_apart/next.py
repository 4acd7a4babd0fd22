"""The way on from Take apart: to Distill, with what was learned here."""

from __future__ import annotations

from typing import Any

from distill_core.runs.run import Run
from distill_core.specs import DistillSpec, controls
from distill_core.tables import recipes
from distill_core.tables.ablation import Question
from distill_core.terms import TERMS
from pages.parts.shared import links, stored_runs

# the largest value that each control of Distill takes
_MOST: dict[str, Any] = {
    "temperature": controls.TEMPERATURE.most,
    **{term.key: controls.WEIGHT.most for term in TERMS if not term.is_live},
    "student_layers": controls.setting(DistillSpec, "student_layers").most,
}


def link(run: Run, question: Question) -> None:
    """Distill with the recipe that did best; the teacher comes along where it is on this machine."""
    found = recipes.best(run, question)
    state: dict[str, Any] = {name: found.values[name] for name, most in _MOST.items() if found.values[name] <= most}
    spec = run.spec_as(DistillSpec)
    if spec is not None and not stored_runs.is_recorded(run):
        state["teacher"] = str(spec.teacher)
    links.to(links.DISTILL, f"Distill with {found.words}", **state)
