"""Links between pages: where each page is, and the names in its address that bring a state along.

    links.to(links.DISTILL, "Distill this model", teacher="run:000012-abcdef", temperature=4.0)

A page reads these names itself: as the key of a widget that is bound to the address, or with `run_panel.chosen`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import streamlit as st

from distill_core.kinds import KINDS
from distill_core.terms import TERMS


@dataclass(frozen=True)
class Page:
    """A script in pages/, the parameter that names the run it shows, and what else a link can bring → its parameter."""

    script: str
    run: str = ""
    takes: Mapping[str, str] = field(default_factory=dict)

    @property
    def path(self) -> str:
        """For Streamlit."""
        return f"pages/{self.script}.py"

    def query(self, state: Mapping[str, Any]) -> dict[str, Any]:
        """What stands in the address for this state. Raises KeyError for what the page does not take."""
        names = {"run": self.run, **self.takes}
        return {names[name]: value for name, value in state.items()}


MODEL_ZOO = Page("model_zoo", takes={"family": "zoo_family"})
OBJECTIVES = Page("objectives", takes={"family": "obj_family"})
COMPARE = Page("compare", "cmp_run", {"models": "cmp_models", "dataset": "cmp_dataset"})
PRETRAIN = Page("pretrain", "pt_run")
FINETUNE = Page("finetune", "ft_run", {"model": "ft_model"})
TRANSFER = Page("transfer", takes={name: f"tl_{name}_run" for name in ("curves", "unfreeze", "domains")})  # a run each
SOFT_LABELS = Page("soft_labels")
DISTILL = Page(
    "distill",
    "d_run",
    {
        "teacher": "teacher",
        "temperature": "d_tau",
        "student_layers": "d_layers",
        **{term.key: f"d_{term.key}" for term in TERMS if not term.is_live},
    },
)
STUDENTS = Page("students", "ts_run")
TAKE_APART = Page(
    "take_apart",
    "ta_run",
    {
        "teacher": "teacher",
        "dataset": "ta_dataset",
        "student_layers": "ta_layers",
        "temperature": "ta_tau",
        "ingredients": "ta_ingredients",
        "depth_soft": "ta_depth_soft",
        "train_examples": "ta_texts",
        "labeled_examples": "ta_labeled",
        "epochs": "ta_epochs",
        "learning_rate": "ta_lr",
        "batch_size": "ta_batch",
        "max_length": "ta_length",
        "seed": "ta_seed",
        **{term.key: f"ta_{term.key}" for term in TERMS},
    },
)
RUNS = Page("runs", "r_run")
CLASSROOM = Page("classroom", takes={"chosen": "class"})
BOARD = Page("board", takes={"chosen": "class"})
_WITH_RUNS = (COMPARE, PRETRAIN, FINETUNE, DISTILL, STUDENTS)


def of_kind(kind: str) -> Page:
    """The page that shows runs of this kind."""
    row = KINDS[kind]
    return next((page for page in _WITH_RUNS if page.script == row.page), Page(row.page, row.parameter))


def to_task(address: str, label: str, controls: Mapping[str, str]) -> None:
    """A link to a page by its address, with controls of its form as the address holds them."""
    script = f"pages/{address.replace('-', '_')}.py"
    st.page_link(script, label=label, icon=":material/arrow_forward:", query_params=dict(controls) or None)


def plain(page: Page, label: str) -> None:
    """A link without an arrow: a place to go, not the next step."""
    st.page_link(page.path, label=label)


def to(page: Page, label: str, **state: Any) -> None:
    """One link to the next page, with the state that it needs."""
    st.page_link(page.path, label=label, icon=":material/arrow_forward:", query_params=page.query(state) or None)
