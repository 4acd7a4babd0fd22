"""Where soft labels pay: the recorded run whose texts have few labels, named beside any other distillation."""

from __future__ import annotations

import streamlit as st

from distill_core.runs.run import Run
from distill_core.specs import DistillSpec
from distill_core.tables import soft_targets
from pages.parts.shared import links, stored_runs


def show(run: Run) -> None:
    """What soft labels add in the recorded run whose texts have few labels, beside any other distillation."""
    few = next((one for one in stored_runs.recorded_of("distill") if _labeled(one)), None)
    if few is None or _labeled(run):
        return
    labels, added = _labeled(few), soft_targets.sentence(few)
    if added:
        said = f"In the recorded run in which {labels:,} texts have a label and the teacher learned from those too:"
        st.caption(f"{said} {added}")
        links.to(links.DISTILL, f"{labels:,} labels, and many texts without", run=few.id)


def _labeled(run: Run) -> int:
    """How many of a distillation's texts have a label; 0 where all have."""
    spec = run.spec_as(DistillSpec)
    return spec.labeled_examples if spec is not None else 0
