"""One family on a card: symbol and color, name, year, size, its idea in one line."""

from __future__ import annotations

from html import escape

import streamlit as st

from distill_core import units
from distill_core.families import Family

_SHAPES = {"encoder": ("●", "○"), "decoder": ("▲", "△"), "encoder-decoder": ("■", "□")}


def mark(family: Family, size: str = "1.15em") -> str:
    """The family's symbol in its color for either theme, as HTML; hollow when distilled."""
    shape = _SHAPES[family.architecture][family.distilled]
    color = f"light-dark({family.color}, {family.color_dark})"
    return f'<span style="color:{color};font-size:{size}" aria-hidden="true">{shape}</span>'


def heading(family: Family, params: int, size: str) -> None:
    """Symbol, name, and below it year, architecture and exact size."""
    kind = f"distilled {family.architecture}" if family.distilled else family.architecture
    st.html(
        f'<div style="font-size:{size};font-weight:600;line-height:1.3">{mark(family)} {escape(family.title)}</div>'
        f'<div style="opacity:.75;font-size:.875rem">{family.year} · {escape(kind.replace("-", "–"))} · '
        f"{units.millions(params)}</div>"
    )


def card(family: Family, params: int, chosen: str) -> None:
    """A card whose button opens the family: it sets the picker of key `chosen`."""
    with st.container(border=True, height="stretch", gap="small"):
        heading(family, params, "1.1rem")
        st.caption(family.facts["one_line_key_idea"])
        st.space("stretch")
        st.button(
            f"Open {family.title}",
            key=f"zoo_open_{family.key}",
            on_click=_open,
            args=(chosen, family.title),
            type="tertiary",
            icon=":material/arrow_forward:",
            icon_position="right",
        )


def _open(chosen: str, title: str) -> None:
    st.session_state[chosen] = title
