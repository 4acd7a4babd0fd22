"""How much of a text teacher and students read, where that is not the same."""

from __future__ import annotations

from distill_core.results import DistillResult, StudentsResult
from distill_core.runs.run import Run
from distill_core.specs import TrainSpec


def sentence(run: Run) -> str:
    """Where teacher and students cut their texts at different lengths; empty where they do not, and in older runs."""
    result, spec = run.result(), run.spec_as(TrainSpec)
    if not isinstance(result, DistillResult | StudentsResult) or spec is None or result.teacher is None:
        return ""
    length = result.teacher.max_length
    if length is None or length == spec.max_length:
        return ""
    return (
        f"The teacher reads the first {length:,} tokens of a text, as when it was fine-tuned; its students read "
        f"{spec.max_length:,}."
    )
