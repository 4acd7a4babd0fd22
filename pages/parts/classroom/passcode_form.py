"""How a visitor becomes the teacher."""

from __future__ import annotations

import streamlit as st

from distill_core.errors import DistillError
from pages.parts.shared import visitor
from pages.parts.shared.page import problem

_PROBLEM = "class_passcode_problem"


def show() -> None:
    """Folded: the passcode, and a login where the server offers one."""
    error = st.session_state.pop(_PROBLEM, None)
    if error is not None:
        problem(error)
    with st.expander("I am the teacher", icon=":material/key:"), st.form("class_passcode_form", border=False):
        st.text_input("Passcode", type="password", key="class_passcode", max_chars=100)
        st.form_submit_button("Enter", on_click=_enter)


def _enter() -> None:
    typed = str(st.session_state.get("class_passcode", ""))
    st.session_state["class_passcode"] = ""  # it does not stay in the session
    try:
        visitor.become_teacher(typed)
    except DistillError as error:
        st.session_state[_PROBLEM] = error
