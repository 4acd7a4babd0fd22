"""The same question from several visitors: the run that answers it already, and what is said where it is shown."""

from __future__ import annotations

import streamlit as st

from distill_core.results import LIVE
from distill_core.runs import same
from distill_core.runs.run import Run
from distill_core.specs import Spec
from pages.parts.classroom import membership
from pages.parts.shared import stored_runs, visitor

_MINE, _JOINED = "joined_mine", "joined_others"


def before(spec: Spec) -> Run | None:
    """The run of this installation that was asked the same: done, queued or at work."""
    return same.find(spec, stored_runs.own())


def answering(spec: Spec) -> Run | None:
    """The run that a visitor joins instead of making a second one. A measurement of times does not repeat: only one
    that is not done yet is joined."""
    run = before(spec)
    return None if run is not None and spec.ALONE and run.state().state not in LIVE else run


def made_or_joined(run: Run) -> None:
    """A run that was asked for: made for this visitor, or made by another in the same moment."""
    if run.owner == visitor.now().id:
        st.session_state.setdefault(_MINE, set()).add(run.id)
    else:
        join(run)


def join(run: Run) -> None:
    """This visitor watches a run that was there; it answers them as one of their own would, on a class's board too."""
    who = visitor.now()
    is_own = run.id in st.session_state.get(_MINE, ()) or bool(who.id and who.id == run.owner)
    if not is_own:
        st.session_state.setdefault(_JOINED, set()).add(run.id)
        membership.tell_run(run.id)


def say(run: Run) -> None:
    """One line at a run that this session has joined."""
    if run.id not in st.session_state.get(_JOINED, ()):
        return
    who = "Another visitor asked for the same" if run.owner else "The same was asked already"
    st.caption(f"{who}; you are watching that run.")
