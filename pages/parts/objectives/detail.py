"""One objective in depth: its equation, its paper, and the code that the lab runs."""

from __future__ import annotations

import streamlit as st

from distill_core import objective_facts
from distill_core.objective_facts import ObjectiveFacts
from pages.parts.shared import links, page

KEY = links.OBJECTIVES.takes["family"]
SYMBOLS = (
    "$x$ the text of $n$ tokens · $\\tilde{x}$ the text as the network sees it · $M$ the hidden places · "
    "$p$ what the network says"
)


def show() -> None:
    """A row of families, and the chosen one's equation, paper and code."""
    titles = {row.family.title: row for row in objective_facts.OBJECTIVES}
    st.markdown("##### One objective in depth")
    title = st.pills(
        "Family",
        list(titles),
        default="ELECTRA",
        key=KEY,
        bind="query-params",
        label_visibility="collapsed",
        required=True,
        wrap=True,
    )
    row = titles.get(title or "ELECTRA", objective_facts.BY_KEY["electra"])
    _depth(row)
    links.to(links.MODEL_ZOO, f"Open {row.family.title} in the model zoo", family=row.family.title)


def _depth(row: ObjectiveFacts) -> None:
    st.latex(row.equation)
    st.caption(SYMBOLS)
    st.caption(page.plain(row.paper))
    with st.expander(f"The code: {row.code[1]}", icon=":material/code:"):
        st.code(row.source(), language="python")
