"""The way on from Take apart: to Distill, with what was learned here."""

from __future__ import annotations

from distill_core.runs.run import Run
from distill_core.specs import DistillSpec
from distill_core.tables import recipes
from distill_core.tables.ablation import Question
from distill_core.terms import TERMS
from pages.parts.shared import page, stored_runs

# field of a spec → the control of Distill, and the largest value that it takes
_CONTROLS = {
    "temperature": ("d_tau", 10.0),
    **{term.key: (f"d_{term.key}", 1.0) for term in TERMS if not term.is_live},
    "student_layers": ("d_layers", 100),
}


def link(run: Run, question: Question) -> None:
    """Distill with the recipe that did best; the teacher comes along where it is on this machine."""
    found = recipes.best(run, question)
    query = {
        control: str(found.values[name]) for name, (control, most) in _CONTROLS.items() if found.values[name] <= most
    }
    spec = run.spec_as(DistillSpec)
    if spec is not None and not stored_runs.is_recorded(run):
        query["teacher"] = str(spec.teacher)
    page.next_step("pages/distill.py", f"Distill with {found.words}", query)
