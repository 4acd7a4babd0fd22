"""The controls of Fine-tune: which model learns from what, and what it is compared with."""

from __future__ import annotations

from typing import Any

import streamlit as st

from distill_core import arms, families
from distill_core.datasets import catalogue
from distill_core.plans import training_cost
from distill_core.specs import FinetuneSpec, Spec
from pages.parts.shared import minis, model_picker, own_file, training_form, widget

OWN = "own file"
USUAL_TEXTS = 2000
MODEL_HELP = (
    "MiniLM is a real pre-trained model that needs no Hub. `bert@hub` and the others are the official checkpoints. "
    "A run is a model of your own. Type `hub:org/name` for any other checkpoint of the ten families."
)


def show() -> Spec | None:
    """The form. Returns what it asks for, or None where that cannot be run; the reason is on the page then."""
    model = st.selectbox(
        "Model",
        _models(),
        format_func=model_picker.label,
        key="ft_model",
        bind="query-params",
        accept_new_options=True,
        help=MODEL_HELP,
    )
    minis.caption([model])
    data = _data()
    if data is None:
        st.caption("Upload a file to go on, or choose another data set.")
        return None
    train_examples = _sizes(training_cost.offered_sizes(data["dataset"], data.pop("train_size", None)))
    offered = arms.offered("fine-tune")
    chosen = training_form.arms("ft", offered, offered)
    epochs = widget.slider(FinetuneSpec, "epochs", "ft_epochs")
    with st.expander("Advanced", icon=":material/tune:"):
        more = training_form.optimizer("ft", FinetuneSpec)
        seeds = widget.slider(FinetuneSpec, "seeds", "ft_seeds")
    return training_form.parsed(
        {
            "kind": "finetune",
            "model": model or "",
            **data,
            "train_examples": sorted(train_examples),
            "arms": chosen,
            "epochs": epochs,
            "seeds": seeds,
            **more,
        }
    )


def _sizes(offered: tuple[int, ...]) -> list[int]:
    """Numbers of labeled texts. A choice that another data set cannot give goes back to the usual one."""
    chosen = st.session_state.get("ft_texts")
    if not set(chosen or ()) <= set(offered) or (chosen is None and "ft_texts" not in st.query_params):
        st.session_state["ft_texts"] = [size for size in offered if size <= USUAL_TEXTS][-1:]
    return st.pills(
        "Labeled texts",
        offered,
        selection_mode="multi",
        format_func=lambda size: f"{size:,}",
        key="ft_texts",
        bind="query-params",
        wrap=True,
        help="How many labeled texts to learn from. Several numbers give a learning curve.",
    )


def _models() -> list[str]:
    """MiniLM, the minis, the official checkpoints, models of own runs."""
    hub = [f"{family.key}@hub" for family in families.FAMILIES]
    own = [ref for ref in model_picker.options() if ref.startswith("run:")]
    return ["minilm", *model_picker.minis(), *hub, *own]


def _data() -> dict[str, Any] | None:
    """The data set and, for an own file, the number of texts to learn from."""
    name = st.selectbox(
        "Data set",
        (*catalogue.names(), OWN),
        format_func=lambda key: "Own file" if key == OWN else _title(key),
        key="ft_dataset",
        bind="query-params",
    )
    if name != OWN:
        training_form.about_dataset(name)
        return {"dataset": name}
    chosen = own_file.choose("ft")
    if chosen is None:
        return None
    return {"dataset": str(chosen.dataset), "train_size": chosen.train_size}


def _title(name: str) -> str:
    return training_form.dataset_label(name)
