"""The controls of Compare: what to measure, and what that will cost here."""

from __future__ import annotations

import streamlit as st

from distill_core import kinds, units
from distill_core.datasets.catalogue import TABLE
from distill_core.errors import DistillError
from distill_core.plans import compare_cost, preflight
from distill_core.specs import CompareSpec
from pages.parts.shared import ask_button, links, minis, model_picker, stored_runs, widget
from pages.parts.shared.page import problem


def show() -> CompareSpec | None:
    """The form. Returns what it asks for, or None where that cannot be run; the reason is on the page then."""
    models = model_picker.several("cmp_models", model_picker.ten())
    minis.caption(models)
    dataset = st.selectbox(
        "Data set for accuracy",
        ("none", *TABLE),
        key="cmp_dataset",
        bind="query-params",
        help="Accuracy needs a model that has learned the data set's classes: a finished run, or `bert@sst2`.",
    )
    batch_sizes = widget.several(CompareSpec, "batch_sizes", "cmp_batch", help=None)
    seq_lens = widget.several(CompareSpec, "seq_lens", "cmp_len", help=None)
    device = widget.named(CompareSpec, "device", "cmp_device", help="auto takes the fastest device that is here.")
    try:
        spec = kinds.parse_spec(
            {
                "kind": "compare",
                "models": models,
                "dataset": dataset,
                "batch_sizes": batch_sizes,
                "seq_lens": seq_lens,
                "device": device,
            }
        )
        preflight.check_no_folders(spec)
    except DistillError as error:
        problem(error)
        return None
    return spec if isinstance(spec, CompareSpec) else None


def differs(spec: CompareSpec, other: CompareSpec) -> bool:
    """Whether the two ask for other measurements; titles and baselines do not count."""
    asked = {"models", "dataset", "batch_sizes", "seq_lens", "device", "dtype"}
    return spec.model_dump(include=asked) != other.model_dump(include=asked)


def cost(spec: CompareSpec) -> str:
    """`about 40 s`."""
    return f"about {units.duration(compare_cost.compare_seconds(spec, stored_runs.finished_comparison()))}"


def measure_button(spec: CompareSpec | None, label: str, key: str, *, main: bool = True) -> str | None:
    """The expensive button, with its cost. Returns the id of the run that it has started."""
    return ask_button.show(label, cost(spec) if spec else "", spec, key, main=main, repeats=not main)


_NEXT = "cmp_next_run"


def remember(run_id: str) -> None:
    """Let Compare show this run when it is drawn next. A bound address parameter cannot be set from outside."""
    st.session_state[_NEXT] = run_id


def show_next(started: str | None) -> None:
    """Point the picker of results at the run just started or remembered. To be called before the picker is drawn."""
    run_id = started or st.session_state.pop(_NEXT, None)
    if run_id:
        st.session_state[links.COMPARE.run] = run_id
