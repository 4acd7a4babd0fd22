"""Choosing models: the ten families, the pre-trained MiniLM, models from finished runs, and any other reference."""

from __future__ import annotations

import streamlit as st

from distill_core import families, model_ref
from distill_core.runs.run import Run
from distill_core.settings import DATA
from pages.parts.shared import stored_runs

HELP = (
    "BERT … BART: official size and architecture with random weights; size and speed are real, accuracy is not "
    "claimed. MiniLM and the minis are really pre-trained. Type others: `bert@hub`, `bert@sst2`, `hub:org/name`."
)


def ten() -> list[str]:
    """The ten families' own architectures."""
    return [f"{family.key}@structure" for family in families.FAMILIES]


def minis() -> list[str]:
    """The small pre-trained siblings that are here, in the families' order."""
    there = (family.key for family in families.FAMILIES if (DATA / "minis" / family.key / "config.json").is_file())
    return [f"{key}@mini" for key in there]


def options() -> list[str]:
    """Every reference that the list offers."""
    trained = stored_runs.own_of("finetune", "distill", "pretrain")
    return [*ten(), "minilm", *minis(), *(f"run:{run.id}" for run in trained if _has_model(run))]


def _has_model(run: Run) -> bool:
    return run.state().state == "done" and run.model_dir.is_dir()


def label(ref: str) -> str:
    """The short name in lists and in the page's address; a reference without one stands for itself."""
    return model_ref.title(ref)


def without_folder(ref: str | None) -> str:
    """The reference; empty for none, and for a folder of the server: a page does not look what lies there."""
    return "" if ref is None or ref.strip().startswith("path:") else ref


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
