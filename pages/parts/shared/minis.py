"""What a mini is, where one is shown: one text for all pages, computed from the cards of the minis."""

from __future__ import annotations

from collections.abc import Iterable

import streamlit as st

from distill_core import model_ref
from distill_core.errors import SpecError
from distill_core.tables import minis as tables_minis
from pages.parts.shared.page import plain


def caption(refs: Iterable[object], first: str = "") -> None:
    """The text, small, if one of these models is a mini; `first` stands before it."""
    if any(_is_mini(str(ref)) for ref in refs):
        st.caption(plain(f"{first} {tables_minis.about()}".strip()))


def _is_mini(ref: str) -> bool:
    try:
        return model_ref.parse(ref).source == "mini"
    except SpecError:
        return False
