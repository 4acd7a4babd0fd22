"""What the forms of Fine-tune and Distill share: numbers from the spec's own limits, the button with its cost."""

from __future__ import annotations

from typing import Any

import streamlit as st

from distill_core import data_ref, specs, units
from distill_core.datasets import catalogue
from distill_core.errors import DistillError
from distill_core.launch.base import AnySpec
from distill_core.plans import training_cost
from distill_core.plans.training_cost import TrainingSpec
from distill_core.runs import run_list
from distill_core.runs.run import Run
from distill_core.specs import PretrainSpec
from distill_core.tables.training import arm_sentence, arm_title
from pages.parts.shared import run_panel, stored_runs
from pages.parts.shared.page import plain, problem

BATCH_SIZES = (8, 16, 32, 64)
LEARNING_RATES = (1e-5, 2e-5, 3e-5, 5e-5, 1e-4, 2e-4, 3e-4, 5e-4, 1e-3)


def field(spec: type[TrainingSpec | PretrainSpec], name: str) -> str:
    """The help of a setting: its description, and what is typical."""
    info = spec.model_fields[name]
    extra = info.json_schema_extra if isinstance(info.json_schema_extra, dict) else {}
    typical = f" Typical: {extra['typical']}." if extra.get("typical") else ""
    return f"{info.description}{typical}"


def arms(prefix: str, offered: tuple[str, ...], default: tuple[str, ...]) -> list[str]:
    """Which arms to train, side by side."""
    sentences = [f"**{arm_title(arm)}**: {arm_sentence(arm)}" for arm in offered]
    return st.pills(
        "Ways to learn",
        offered,
        selection_mode="multi",
        default=list(default),
        format_func=arm_title,
        key=f"{prefix}_arms",
        bind="query-params",
        help="\n\n".join(sentences),
        wrap=True,
    )


def dataset_label(name: str) -> str:
    """The title of a data set; those that need the Hub say so."""
    if data_ref.parse(name).is_file:
        return "Own file"
    info = catalogue.info(name)
    return f"{info.title} (from the Hub)" if info.needs_hub else info.title


def about_dataset(name: str) -> None:
    """One line on the chosen data set, with what must be known about it."""
    info = catalogue.info(name)
    st.caption(f"{info.rows:,} {info.domain}. Classes: {', '.join(info.label_names)}. {info.caution}")


def epochs(prefix: str, spec: type[TrainingSpec], default: int) -> int:
    return st.slider("Epochs", 1, 10, default, key=f"{prefix}_epochs", bind="query-params", help=field(spec, "epochs"))


def advanced(prefix: str, spec: type[TrainingSpec], *, with_seeds: bool = True) -> dict[str, Any]:
    """Optimizer, lengths and seeds: rarely touched. A form that asks for the number of seeds itself leaves it out."""
    rate = st.select_slider(
        "Learning rate",
        LEARNING_RATES,
        1e-4,
        format_func=lambda value: f"{value:g}",
        key=f"{prefix}_lr",
        bind="query-params",
        help=field(spec, "learning_rate"),
    )
    batch_size = st.select_slider(
        "Texts a step", BATCH_SIZES, 32, key=f"{prefix}_batch", bind="query-params", help=field(spec, "batch_size")
    )
    max_length = st.slider(
        "Tokens a text, at most",
        16,
        512,
        64,
        16,
        key=f"{prefix}_length",
        bind="query-params",
        help=field(spec, "max_length"),
    )
    seed = st.number_input("Seed", 0, 2**31 - 1, 0, key=f"{prefix}_seed", bind="query-params", help=field(spec, "seed"))
    values = {"learning_rate": rate, "batch_size": batch_size, "max_length": max_length, "seed": seed}
    return {**values, "seeds": seeds(prefix, spec)} if with_seeds else values


def seeds(prefix: str, spec: type[TrainingSpec], default: int = 1) -> int:
    """How often everything is repeated."""
    return st.slider(
        "Repeat with so many seeds",
        1,
        5,
        default,
        key=f"{prefix}_seeds",
        bind="query-params",
        help=field(spec, "seeds"),
    )


def parsed(values: dict[str, Any]) -> AnySpec | None:
    """The request, or None with the reason on the page."""
    try:
        return specs.parse(values)
    except DistillError as error:
        problem(error)
        return None


def run_button(label: str, spec: AnySpec | None, key: str) -> str | None:
    """The expensive button, with its cost. Returns the id of the run that it has started."""
    text = f"{label} · {cost(spec)}" if isinstance(spec, TrainingSpec) else label
    pressed = st.button(
        text, type="primary", icon=":material/play_arrow:", key=key, disabled=spec is None, width="stretch", wrap=True
    )
    return run_panel.submit(spec) if pressed and spec is not None else None


def cost(spec: TrainingSpec) -> str:
    """`about 2 min`, judged by the newest training run on this machine."""
    finished = [
        run for run in stored_runs.own_of("finetune", "distill", "students")[:10] if run.state().state == "done"
    ]
    return f"about {units.duration(training_cost.seconds(spec, stored_runs.own(), finished))}"


def stale(spec: AnySpec | None, run: Run) -> None:
    """A line that says so when the controls have moved on since this run."""
    if spec is None:
        return
    changed = run_list.changes(spec, run.spec())
    if changed:
        more = f", and {len(changed) - 4} more" if len(changed) > 4 else ""
        st.caption(f":material/sync_problem: Settings changed since this run: {plain('; '.join(changed[:4]))}{more}.")
