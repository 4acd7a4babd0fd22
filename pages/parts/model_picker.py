"""Choosing models: the ten families, the pre-trained MiniLM, models from finished runs, and any other reference."""

from __future__ import annotations

import streamlit as st

from distill_core import families
from distill_core.runs import Run
from pages.parts import stored_runs

MINILM = "MiniLM"
HELP = (
    "BERT … BART: official size and architecture with random weights; size and speed are real, accuracy is not "
    "claimed. MiniLM is really pre-trained. Type others: `bert@hub`, `bert@sst2`, `hub:org/name`."
)


def ten() -> list[str]:
    """The ten families' own architectures."""
    return [f"{family.key}@structure" for family in families.FAMILIES]


def options() -> list[str]:
    """Every reference that the list offers."""
    trained = stored_runs.own_of("finetune", "distill")
    return [*ten(), "minilm", *(f"run:{run.id}" for run in trained if _has_model(run))]


def _has_model(run: Run) -> bool:
    return run.state().state == "done" and run.model_dir.is_dir()


def label(ref: str) -> str:
    """The short name in lists and in the page's address; a reference without one stands for itself."""
    if ref == "minilm":
        return MINILM
    name, _, source = ref.partition("@")
    return families.BY_KEY[name].title if source == "structure" and name in families.BY_KEY else ref


def several(key: str, default: list[str]) -> list[str]:
    """A list of references; what was typed is checked by the spec."""
    return st.multiselect(
        "Models",
        options(),
        default=default,
        format_func=label,
        key=key,
        bind="query-params",
        accept_new_options=True,
        placeholder="Choose models or type a reference",
        help=HELP,
        wrap=True,
    )
