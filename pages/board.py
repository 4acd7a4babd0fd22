"""Board: the class on the projector. Its code, who does what, all results in one picture, and the guesses."""

import streamlit as st

from distill_core.classroom import classes
from distill_core.classroom.classes import Class
from distill_core.settings import settings
from pages.parts.classroom import code, membership, view
from pages.parts.shared import links, page, run_panel, visitor


def found() -> Class | None:
    """The class that the address names, for the teacher; a student's own."""
    if not visitor.now().sees_all:
        own = membership.own()
        return own[0] if own is not None else None
    asked = st.query_params.get("class", "")
    listed = classes.listed(settings().runs_dir)
    return next((one for one in listed if one.code == asked), listed[0] if listed else None)


def draw(code_: str, is_teacher: bool) -> None:
    """All that changes while the class works."""
    run_panel.tick()
    with page.problems_shown():
        shown = view.board_of(code_)
        left, right = st.columns([1.7, 1], gap="large")
        with left:
            view.results(shown)
        with right:
            st.markdown(f"##### {len(shown.students)} in the class")
            view.students_table(shown.students)
            view.guesses(shown, may_reveal=is_teacher)


page.header("Board", "What has the class found out so far?")
with page.problems_shown():
    shown_class = found()
    if shown_class is None:
        st.info("Open one, or join one, on the Class page.", title="No class is open")
        links.to(links.CLASSROOM, "To the Class page")
    else:
        teaches = visitor.now().sees_all
        if teaches:
            code.show(shown_class.code, 180)
        if shown_class.frozen_at:
            st.caption(":material/ac_unit: The board is frozen: later results are not shown.")
        st.fragment(draw, run_every=view.EVERY_S)(shown_class.code, teaches)
