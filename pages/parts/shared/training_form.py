"""What the forms of all trainings share: arms, data set, epochs, weights, the optimizer, the button with its cost."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Unpack

import streamlit as st

from distill_core import data_ref, kinds, units
from distill_core.arms import named
from distill_core.datasets import catalogue, known_splits
from distill_core.errors import DistillError
from distill_core.machine import device_defaults
from distill_core.plans import preflight, training_cost
from distill_core.runs import run_list
from distill_core.runs.run import Run
from distill_core.specs import Spec, TrainSpec
from distill_core.specs.controls import WEIGHT
from distill_core.tables.training import arm_title
from distill_core.terms import Term
from pages.parts.shared import ask_button, stored_runs, widget
from pages.parts.shared.page import plain, problem
from pages.parts.shared.widget import Known

WEIGHT_RANGE: Known = {"least": WEIGHT.least, "most": WEIGHT.most, "step": WEIGHT.step}


def arms(prefix: str, offered: tuple[str, ...], default: tuple[str, ...]) -> list[str]:
    """Which arms to train, side by side."""
    return st.pills(
        "Ways to learn",
        offered,
        selection_mode="multi",
        default=list(default),
        format_func=arm_title,
        key=f"{prefix}_arms",
        bind="query-params",
        help=arm_help(offered),
        wrap=True,
    )


def arm_help(offered: tuple[str, ...], name: Callable[[str], str] = arm_title) -> str:
    """What each of these arms does."""
    rows = [(arm, named(arm)) for arm in offered]
    return "\n\n".join(f"**{name(arm)}**: {row.sentence}" for arm, row in rows if row is not None)


def dataset_label(name: str) -> str:
    """The title of a data set; those that need the Hub say so."""
    if data_ref.parse(name).is_file:
        return "Own file"
    info = catalogue.info(name)
    return f"{info.title} (from the Hub)" if info.needs_hub else info.title


def about_dataset(name: str) -> None:
    """One line on the chosen data set, with what must be known about it."""
    info = catalogue.info(name)
    known = known_splits.of(name)
    parts = [
        f"{info.rows:,} {info.domain}.",
        f"Classes: {', '.join(info.label_names)}.",
        known.left_out if known is not None else "",
        info.caution,
    ]
    st.caption(" ".join(filter(None, parts)))


def left_out(name: str) -> None:
    """A line on what was left out of a data set, where something was; an own file tells of itself where it is read."""
    known = known_splits.of(name)
    if known is not None and known.left_out:
        st.caption(known.left_out)


def optimizer(prefix: str, spec: type[TrainSpec]) -> dict[str, Any]:
    """Learning rate, batch, length and seed: rarely touched. Batch and number format begin as suits this device."""
    device = device_defaults.stored()
    first: Known = {"start": device.batch_size} if device != device_defaults.CPU else {}
    return {
        "learning_rate": widget.stops(spec, "learning_rate", f"{prefix}_lr"),
        "batch_size": widget.stops(spec, "batch_size", f"{prefix}_batch", **first),
        "dtype": device.dtype,
        "max_length": widget.slider(spec, "max_length", f"{prefix}_length"),
        "seed": widget.number(spec, "seed", f"{prefix}_seed"),
    }


def weight(spec: type[TrainSpec], term: Term, key: str, **known: Unpack[Known]) -> float:
    """The weight of one term of the loss."""
    offered: Known = {"label": f"Weight of {term.title.lower()}", **WEIGHT_RANGE, **known}
    return float(widget.slider(spec, term.key, key, **offered))


def parsed(values: dict[str, Any]) -> Spec | None:
    """The request, or None with the reason on the page."""
    try:
        spec = kinds.parse_spec(values)
        preflight.check_no_folders(spec)
        return spec
    except DistillError as error:
        problem(error)
        return None


def run_button(label: str, spec: Spec | None, key: str, *, repeats: bool = False) -> str | None:
    """The expensive button, with its cost. Returns the id of the run that it has started, or that is to be shown."""
    return ask_button.show(label, cost(spec) if isinstance(spec, TrainSpec) else "", spec, key, repeats=repeats)


def cost(spec: TrainSpec) -> str:
    """`about 2 min`, judged by the newest training run on this machine."""
    finished = [run for run in stored_runs.own_of(*kinds.of_spec(TrainSpec))[:10] if run.state().state == "done"]
    return f"about {units.duration(training_cost.seconds(spec, stored_runs.own(), finished))}"


def stale(spec: Spec | None, run: Run) -> None:
    """A line that says so when the controls have moved on since this run."""
    if spec is None:
        return
    changed = run_list.changes(spec, run.spec())
    if changed:
        more = f", and {len(changed) - 4} more" if len(changed) > 4 else ""
        st.caption(f":material/sync_problem: Settings changed since this run: {plain('; '.join(changed[:4]))}{more}.")
