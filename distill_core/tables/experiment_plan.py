"""What an ablation or a sweep is about to do, in sentences: how many students, from what, with how many labels."""

from __future__ import annotations

from distill_core import units
from distill_core.errors import SpecError
from distill_core.models import shapes
from distill_core.plans import arms
from distill_core.specs import DistillSpec
from distill_core.tables.ablation import question

_NOUNS = {"ingredients": "recipe", "weights": "setting", "layers": "depth"}


def sentences(spec: DistillSpec) -> list[str]:
    """Students, teacher, labels. Raises SpecError where nothing would be compared."""
    planned = arms.plan(spec)
    settings = len(planned) // spec.seeds
    if settings < 2:
        raise SpecError("There is nothing to compare: this makes one student.", _hint(spec))
    noun = _NOUNS[question(spec) or "weights"]
    seeds = f" × {spec.seeds} seeds" if spec.seeds > 1 else ""
    found = [f"{len(planned)} students: {settings} {noun}s{seeds}."]
    if spec.weights.needs_live_teacher:
        found.append("Losses on inner states run the teacher beside the student.")
    else:
        found.append("All learn from one pass of the teacher.")
    if spec.labeled_examples:
        found.append(_labels(spec))
    return found


def _labels(spec: DistillSpec) -> str:
    kept, texts = spec.labeled_examples, spec.train_examples
    if not texts:
        return f"{kept:,} texts keep their label; the others teach through the teacher alone."
    alone = max(0.0, 1 - kept / texts)
    return f"{kept:,} of {texts:,} texts keep their label; {units.percent(alone)} teach through the teacher alone."


def depths(teacher_layers: int) -> tuple[int, ...]:
    """The student depths that a form proposes: every one up to six, else six evenly spread ones."""
    return tuple(layer + 1 for layer in shapes.spread_layers(teacher_layers, min(6, teacher_layers)))


def _hint(spec: DistillSpec) -> str:
    if question(spec) == "ingredients":
        return "Choose at least two ingredients: one at a time is left out."
    return "Choose at least two values."
