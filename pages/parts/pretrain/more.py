"""More families with the budget of a run: queued with one click, so that they stand side by side when they are done."""

from __future__ import annotations

from collections.abc import Collection

import streamlit as st

from distill_core import families, units
from distill_core.plans import pretrain_scale
from distill_core.results import PretrainResult
from distill_core.runs.run import Run
from distill_core.specs import PretrainSpec
from pages.parts.shared import run_panel, stored_runs


def show(run: Run, runs: list[Run], there: Collection[str]) -> None:
    """Pills for the families that are not among `there`, and a button with the cost of those that were chosen.

    `runs` are those that are compared; a BERT of one's own among them can teach DistilBERT.
    """
    spec = run.spec_as(PretrainSpec)
    if spec is None:
        return
    teacher = next((f"run:{one.id}" for one in runs if _can_teach(one)), None)
    missing = [key for key in families.BY_KEY if key not in there and (key != "distilbert" or teacher is not None)]
    if not missing:
        return
    chosen = st.pills(
        "Add families with the same budget",
        missing,
        selection_mode="multi",
        key="pt_more",
        bind="query-params",
        wrap=True,
        format_func=lambda key: families.get(key).title,
        help="DistilBERT can be added when a BERT with the same budget is here: it learns from it.",
    )
    if not chosen:
        return
    wanted = [_request(spec, key, teacher) for key in chosen]
    finished = [one for one in stored_runs.own_of("pretrain")[:10] if one.state().state == "done"]
    cost = sum(pretrain_scale.seconds(PretrainSpec.model_validate(values), finished) for values in wanted)
    if st.button(
        f"Pre-train them too · about {units.duration(cost)}", icon=":material/play_arrow:", key="pt_more_start"
    ):
        queued = [run_panel.submit(values) for values in wanted]
        st.caption(f"Queued: {len([one for one in queued if one])}. Each appears here when it is done.")


def _request(spec: PretrainSpec, family: str, teacher: str | None) -> dict[str, object]:
    """The run's own request for another family."""
    return {
        **spec.model_dump(mode="json"),
        "family": family,
        "lesson": "objective",
        "title": "",
        "teacher": teacher if family == "distilbert" else None,
    }


def _can_teach(run: Run) -> bool:
    result = run.result_as(PretrainResult)
    is_bert = result is not None and (result.family, result.lesson) == ("bert", "objective")
    return is_bert and run.model_dir.is_dir() and not stored_runs.is_recorded(run)
