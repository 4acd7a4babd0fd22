"""The class as a student sees it: join with a code and a nickname, the task, own runs, handing in."""

from __future__ import annotations

import streamlit as st

from distill_core import units
from distill_core.classroom import board, classes, passcode
from distill_core.classroom.classes import Class, Student
from distill_core.errors import DistillError, LaunchError
from distill_core.runs.run import Run
from distill_core.settings import settings
from pages.parts.classroom import membership
from pages.parts.shared import links, stored_runs, visitor
from pages.parts.shared.page import plain, problem

_PROBLEM = "class_problem"


def join() -> None:
    """The form with code and nickname."""
    error = st.session_state.pop(_PROBLEM, None)
    if error is not None:
        problem(error)
    with st.form("class_join", width=420):
        st.text_input("Code of the class", key="class", bind="query-params", max_chars=12, placeholder="ABC 234")
        st.text_input(
            "Nickname",
            key="class_nickname",
            max_chars=40,
            help="Any name, not your real one: the class sees it. It is deleted when the class closes.",
        )
        st.form_submit_button("Join", type="primary", on_click=_join)


def _join() -> None:
    try:
        who = visitor.now()
        if not _tries().allows(who.id):
            raise LaunchError("That were too many codes.", "Wait five minutes, then try again.")
        classes.join(
            settings().runs_dir,
            str(st.session_state.get("class", "")),
            who.id,
            str(st.session_state.get("class_nickname", "")),
        )
    except DistillError as error:
        st.session_state[_PROBLEM] = error


@st.cache_resource(max_entries=1, show_spinner=False)
def _tries() -> passcode.Tries:
    return passcode.Tries(most=12, most_of_all=400)  # a class of forty types the code in one minute


def show(found: Class, student: Student) -> None:
    """What a student does now."""
    error = st.session_state.pop(_PROBLEM, None)
    if error is not None:
        problem(error)
    st.markdown(f"### {plain(found.title or 'Your class')}")
    st.markdown(f"You are **{plain(student.nickname)}**.")
    _task(found)
    _runs(found, student)
    with st.container(horizontal=True):
        links.to(links.BOARD, "See the board of the class")
        with st.popover("Leave the class", icon=":material/logout:"):
            st.markdown("Your nickname, guesses and hand-in are deleted; your runs stay.")
            st.button("Yes, leave", key="class_leave", on_click=_leave, args=(found.code,))


def _task(found: Class) -> None:
    if found.deadline:
        left = units.seconds_between(units.now(), found.deadline)
        st.caption("The time is over." if found.is_over() else f"{units.duration(left)} left.")
    if not found.task.page:
        st.caption("No task is set: try what you like. Your runs appear on the board.")
        return
    st.markdown(f"**Task:** {plain(found.task.title or found.task.page)}")
    links.to_task(found.task.page, "To the task", found.task.controls)


def _runs(found: Class, student: Student) -> None:
    runs = board.runs_of(stored_runs.own(), [student])[student.key]
    st.markdown("##### Your runs in this class")
    if not runs:
        st.caption("None yet.")
    for run in reversed(runs[-10:]):
        _run(found, student, run)


def _run(found: Class, student: Student, run: Run) -> None:
    with st.container(horizontal=True, vertical_alignment="center", border=True):
        state = run.state().state
        st.markdown(f"{plain(run.id)} · {state} · {_said(run)}")
        if stored_runs.kind(run):
            links.to(links.of_kind(stored_runs.kind(run)), "Open", run=run.id)
        if student.handed_in == run.id:
            st.badge("handed in", icon=":material/check:", color="green")
        elif state == "done":
            st.button(
                "Hand in",
                key=f"class_hand_in_{run.id}",
                disabled=found.is_over(),
                on_click=_hand_in,
                args=(found.code, student.key, run.id),
            )


def _said(run: Run) -> str:
    measured = board.points(run)
    if not measured:
        return plain(run.state().message) if run.state().state != "done" else "no accuracy"
    return f"right on {units.percent(max(point['accuracy'] for point in measured), 3)}"


def _hand_in(code: str, key: str, run_id: str) -> None:
    try:
        found = classes.get(settings().runs_dir, code)
        if found.is_over():
            raise LaunchError("The time of your class is over.", "Ask your teacher.")
        own = membership.own()
        if own is None or run_id not in own[1].joined_runs:
            stored_runs.check_may_change(run_id)
        classes.update(settings().runs_dir, code, key, handed_in=run_id, handed_in_at=units.now())
    except DistillError as error:
        st.session_state[_PROBLEM] = error


def _leave(code: str) -> None:
    try:
        classes.leave(settings().runs_dir, code, visitor.now().id)
    except DistillError as error:
        st.session_state[_PROBLEM] = error
