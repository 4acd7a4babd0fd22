"""What the Transfer lab says about each of its experiments: question, explanation, formula; and how to go on."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st

from distill_core.files import source_code
from distill_core.plans import transfer_plan

TABS = {
    "curves": "Learning curves",
    "unfreeze": "Unfreezing",
    "domains": "Domains",
    "moved": "What moved",
    "own": "Own data",
}
OWN, OWN_TITLE = "own file", "Own file"  # the data set that was uploaded on the last tab, and its name in the address


@dataclass(frozen=True)
class Words:
    """`following`: the tab to go on to, and what the link says."""

    question: str
    button: str
    empty: str
    seen: str
    formula: str
    code: str
    following: tuple[str, str]


WORDS = {
    "curves": Words(
        question="How many labels does a model save that has read a lot before?",
        button="Draw the curves here",
        empty="No learning curve yet",
        seen="Each line is one way to learn; its marks are means over seeds, and the band runs from the lowest to the "
        "highest seed. The whiskers say how much hangs on which texts are in the test. Read across: where the blue "
        "line reaches an accuracy with fewer labels than another line, pre-training has replaced labels.",
        formula=r"\text{accuracy} = \frac{\text{right answers}}{n} \qquad "
        r"\frac{p + \frac{z^2}{2n} \pm z\sqrt{\frac{p(1-p)}{n} + \frac{z^2}{4n^2}}}{1 + \frac{z^2}{n}}, \; z = 1.96",
        code=source_code.definitions("measure/bag_of_words:bag_of_words", "maths/intervals:wilson"),
        following=("unfreeze", "How much of the model has to learn?"),
    ),
    "unfreeze": Words(
        question="How much of a pre-trained model has to learn a new task?",
        button="Unfreeze step by step here",
        empty="Nothing is unfrozen yet",
        seen="To the left only the head learns, to the right all layers do; the axis counts the weights that change. "
        "Look from mark to mark, with their whiskers: what did the next weights add? LoRA trains few weights, yet it "
        "reaches into every layer. Head only reads a text as the model's own head does, in BERT and MiniLM the first "
        "token; Frozen, of the learning curves, reads the mean of all tokens: the two do not answer the same question.",
        formula=r"W' = W + \tfrac{\alpha}{r} BA \quad (\text{LoRA}) \qquad "
        r"\eta_{\ell} = \eta \cdot d^{\,(L + 1 - \ell)} \quad (\text{decay } d)",
        code=source_code.definitions(
            "models/students:freeze_below", "models/students:with_lora", "jobs/learners:_lr_scale"
        ),
        following=("domains", "Does it still work in another domain?"),
    ),
    "domains": Words(
        question="What is a model worth on texts of another kind than those it learned from?",
        button="Fill the matrix here",
        empty="No domain is tested yet",
        seen="Each row is one training domain, each column one test domain; bold cells are at home. Away from home the "
        "accuracy falls, and a framed cell with ▼ is worse than always saying the most frequent class: negative "
        "transfer. The second matrix tells what it helps to read unlabeled texts of the other domains first.",
        formula=r"\Delta = \frac{1}{n}\sum_{i=1}^{n} (r_i^{\text{adapted}} - r_i^{\text{fine-tuned}}), \quad "
        r"r_i = 1 \text{ where text } i \text{ is answered rightly, else } 0",
        code=source_code.definitions("jobs/adapt:adapt", "maths/paired:compare"),
        following=("moved", "What did fine-tuning change inside?"),
    ),
    "moved": Words(
        question="Which layers does fine-tuning change, and what becomes of the texts?",
        button="",
        empty="No model has been compared yet",
        seen="A similarity of 1 means that a layer still sees the texts as before; the highest layers usually move "
        "most. In the plane every mark is a test text: before fine-tuning the labels are mixed, afterwards they part. "
        "The two planes have axes of their own, so that only the distances within one can be compared.",
        formula=r"\mathrm{CKA}(X, Y) = \frac{\lVert Y^\top X \rVert_F^2}"
        r"{\lVert X^\top X \rVert_F \, \lVert Y^\top Y \rVert_F}, \quad \text{columns centered}",
        code=source_code.definitions("measure/representation:linear_cka"),
        following=("curves", "Draw the learning curves"),
    ),
}


def go_to(tab: str, label: str, *, with_own_file: bool = False) -> None:
    """The next step within this page: a button, since a link to the page one is on leaves its tabs as they are."""
    st.button(
        label,
        type="tertiary",
        icon=":material/arrow_forward:",
        key=f"tl_go_{tab}",
        on_click=_open,
        args=(tab, with_own_file),
    )


def _open(tab: str, with_own_file: bool) -> None:
    """A callback: bound widgets take their value from the session."""
    st.session_state["tl_tab"] = TABS[tab]
    if with_own_file and tab == "domains":
        st.session_state["tl_domains"] = [*transfer_plan.usual_domains(), OWN]
    elif with_own_file:
        st.session_state["tl_data"] = OWN
        st.query_params["tl_data"] = OWN_TITLE
