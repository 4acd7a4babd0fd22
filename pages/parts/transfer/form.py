"""The controls of the Transfer lab: one form for each experiment, with the same model, data and training settings."""

from __future__ import annotations

from typing import Any

import streamlit as st

from distill_core import arms, families
from distill_core.arms import SAVED
from distill_core.datasets import catalogue
from distill_core.plans import transfer_plan
from distill_core.specs import FinetuneSpec, Spec, dataset_name
from distill_core.tables.training import arm_title
from distill_core.tables.transfer import depth_title
from pages.parts.shared import minis, model_picker, stored_runs, training_form, widget
from pages.parts.transfer import data as own_data
from pages.parts.transfer.words import OWN, OWN_TITLE, TABS

DEPTHS = "How much learns"
_EPOCHS, _SEEDS = 3, 2  # few texts are read more often, and chance shows between two draws
_MODEL_HELP = (
    "MiniLM is a real pre-trained model that needs no Hub. `bert@hub` and the others are the official checkpoints. "
    "Type `hub:org/name` for any other checkpoint of the ten families."
)


def show(experiment: str) -> Spec | None:
    """The form of one experiment. Returns what it asks for, or None with the reason on the page."""
    model = st.selectbox(
        "Model",
        ["minilm", *(f"{family.key}@hub" for family in families.FAMILIES)],
        format_func=model_picker.label,
        key="tl_model",
        bind="query-params",
        accept_new_options=True,
        help=_MODEL_HELP,
    )
    minis.caption([model])
    asked = _domains() if experiment == "domains" else _one_dataset(experiment, model_picker.without_folder(model))
    if asked is None:
        return None
    epochs = widget.slider(FinetuneSpec, "epochs", "tl_epochs", start=_EPOCHS)
    seeds = widget.slider(FinetuneSpec, "seeds", "tl_seeds", start=_SEEDS)
    with st.expander("Advanced", icon=":material/tune:"):
        more = training_form.optimizer("tl", FinetuneSpec)
        if experiment == "unfreeze":
            asked["layer_lr_decay"] = widget.stops(FinetuneSpec, "layer_lr_decay", "tl_decay")
    where = "all domains" if experiment == "domains" else dataset_name(asked["dataset"])
    title = f"{TABS[experiment]}: {model_picker.label(model or '')} on {where}"[:120]
    return training_form.parsed(
        {"kind": "finetune", "title": title, "model": model or "", "epochs": epochs, "seeds": seeds, **asked, **more}
    )


# ── one data set: learning curves and unfreezing ─────────────────────────────────────────────────────────────────


def _one_dataset(experiment: str, model: str) -> dict[str, Any] | None:
    name = st.selectbox(
        "Data set",
        (*catalogue.names(), OWN),
        format_func=lambda key: OWN_TITLE if key == OWN else training_form.dataset_label(key),
        key="tl_data",
        bind="query-params",
    )
    data: dict[str, Any] = {"dataset": name}
    if name == OWN:
        own = own_data.choose()
        if own is None:
            st.caption("Upload a file to go on, or choose another data set.")
            return None
        data = {"dataset": str(own.dataset), "train_size": own.train_size}
    else:
        training_form.about_dataset(name)
    offered = transfer_plan.sizes(data["dataset"], data.pop("train_size", None))
    if experiment == "unfreeze":
        depths = transfer_plan.depth_arms(model, stored_runs.own())
        return {**data, "train_examples": _size(offered), "arms": _arms(DEPTHS, depths, "tl_depths")}
    sizes = sorted(_sizes(offered))
    return {**data, "train_examples": sizes, "arms": _arms("Ways to learn", arms.offered("curves", model), "tl_arms")}


def _sizes(offered: tuple[int, ...]) -> list[int]:
    """Points of the curve. A choice that another data set cannot give goes back to the usual one."""
    chosen = st.session_state.get("tl_texts")
    if not set(chosen or ()) <= set(offered) or (chosen is None and "tl_texts" not in st.query_params):
        st.session_state["tl_texts"] = transfer_plan.usual_sizes(offered)
    return st.pills(
        "Labeled texts",
        offered,
        selection_mode="multi",
        format_func=lambda size: _count(size, offered),
        key="tl_texts",
        bind="query-params",
        wrap=True,
        help="Each number is one point of the curves.",
    )


def _size(offered: tuple[int, ...]) -> int:
    """One number of texts, for every depth the same."""
    if st.session_state.get("tl_size", offered[0]) not in offered:
        st.session_state["tl_size"] = transfer_plan.usual_size(offered)
    usual = offered.index(transfer_plan.usual_size(offered))
    return st.selectbox(
        "Labeled texts",
        offered,
        usual,
        format_func=lambda size: _count(size, offered),
        key="tl_size",
        bind="query-params",
        help="For every depth the same texts.",
    )


def _count(size: int, offered: tuple[int, ...]) -> str:
    return f"{size:,} (all)" if size == offered[-1] and size not in transfer_plan.SIZES else f"{size:,}"


# ── domains ──────────────────────────────────────────────────────────────────────────────────────────────────────


def _domains() -> dict[str, Any] | None:
    own = own_data.own_domain()
    offered = (*transfer_plan.domain_names(), *([OWN] if own else []))
    chosen = st.pills(
        "Domains",
        offered,
        selection_mode="multi",
        default=transfer_plan.usual_domains(),
        format_func=lambda name: OWN_TITLE if name == OWN else training_form.dataset_label(name),
        key="tl_domains",
        bind="query-params",
        wrap=True,
        help="Each is trained on once and tested on all. An own file can join when its classes are negative and "
        "positive: upload it on the last tab.",
    )
    if len(chosen) < 2:
        st.caption("Choose at least two domains.")
        return None
    size = _size((200, 500, 1000, 2000))
    learning = _arms("Ways to learn", arms.offered("domains"), "tl_domain_arms", (SAVED, "bow"))
    names = [str(own.dataset) if own and name == OWN else name for name in chosen]
    return {"domains": names, "dataset": names[0], "train_examples": size, "arms": learning}


def _arms(label: str, offered: tuple[str, ...], key: str, default: tuple[str, ...] | None = None) -> list[str]:
    name = depth_title if label == DEPTHS else arm_title
    return st.pills(
        label,
        offered,
        selection_mode="multi",
        default=list(default or offered),
        format_func=name,
        key=key,
        bind="query-params",
        help=training_form.arm_help(offered, name),
        wrap=True,
    )
