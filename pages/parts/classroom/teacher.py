"""The class as the teacher sees it: open, set a task, freeze, export, close; students and where they are."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pandas as pd
import streamlit as st

from distill_core import units
from distill_core.classroom import board, classes, export
from distill_core.classroom.classes import Class, Task
from distill_core.errors import DistillError, SpecError
from distill_core.settings import settings
from pages.parts.classroom import code, view
from pages.parts.shared import links, stored_runs, visitor
from pages.parts.shared.page import plain, problem

_PROBLEM = "class_problem"
NAMED = 6  # of those who may need help
PRIVATE = ("tl_seen_", "tl_guess_")  # parameters that are one visitor's own
NO_TASK = "No task: everyone tries what they like"
OWN_TASK = "A page as I have set it: its address"
# what the task is called → page, controls; all of a task's controls may be fixed
TASKS: dict[str, tuple[str, dict[str, str]]] = {
    "Six layers into three: what does a student keep?": ("distill", {"d_layers": "3"}),
    "How few labels are enough? Learning curves": ("transfer", {"tl_tab": "Learning curves"}),
    "How much of the model has to learn? Unfreezing": ("transfer", {"tl_tab": "Unfreezing"}),
    "Fine-tune a pre-trained model": ("finetune", {}),
    "Compare families": ("compare", {}),
}


def _shown(action: Callable[..., object], *args: Any, **named: Any) -> None:
    """A callback that keeps what goes wrong for the next drawing."""
    try:
        action(*args, **named)
    except DistillError as error:
        st.session_state[_PROBLEM] = error


def show(found: Class | None) -> None:
    """All open classes of this server, one of them in full; or the form for a new one."""
    error = st.session_state.pop(_PROBLEM, None)
    if error is not None:
        problem(error)
    if found is None:
        _open()
        return
    st.markdown(f"### {plain(found.title or 'Class')}")
    code.show(found.code)
    with st.container(horizontal=True):
        links.to(links.BOARD, "The board, for the projector", chosen=found.code)
    _settings(found)
    st.markdown("##### Students")
    st.fragment(_students, run_every=view.EVERY_S)(found.code)
    _end(found)


def _open() -> None:
    with st.form("class_open", width=520):
        st.text_input("Name of the class", key="class_title", max_chars=80, placeholder="Natural language, group 2")
        st.form_submit_button("Open a class", type="primary", on_click=_shown, args=(_open_class,))
    st.caption("Students join with a code and a nickname. Closing the class deletes what they told.")


def _open_class() -> None:
    made = classes.open_class(settings().runs_dir, str(st.session_state.get("class_title", "")))
    st.query_params["class"] = made.code


# ── what the class does, and how it is shown ─────────────────────────────────────────────────────────────────────


def _settings(found: Class) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        st.toggle(
            "Hide names on the board", found.is_anonymous, key="class_anonymous", on_change=_hide, args=(found.code,)
        )
        st.toggle(
            "Freeze the board",
            bool(found.frozen_at),
            key="class_frozen",
            help="Results that come later are not shown until it is live again.",
            on_change=_freeze,
            args=(found.code,),
        )
    with st.expander(
        "Task and time", icon=":material/assignment:", expanded=not found.task.title and not found.deadline
    ):
        _task(found)
        _time(found)


def _hide(code_: str) -> None:
    _shown(classes.change, settings().runs_dir, code_, is_anonymous=bool(st.session_state["class_anonymous"]))


def _freeze(code_: str) -> None:
    moment = units.now() if st.session_state["class_frozen"] else ""
    _shown(classes.change, settings().runs_dir, code_, frozen_at=moment)


def _task(found: Class) -> None:
    if found.task.page:
        held = ", ".join(found.task.fixed) or "none"
        st.markdown(f"Now: **{plain(found.task.title)}** on the page {plain(found.task.page)}. Fixed: {plain(held)}.")
    chosen = st.selectbox("Task", [*TASKS, OWN_TASK, NO_TASK], key="class_task")
    controls: dict[str, str] = {}
    if chosen == OWN_TASK:
        st.text_input("Title of the task", key="class_task_title", max_chars=100)
        st.text_input(
            "Address of the page",
            key="class_task_address",
            max_chars=2000,
            help="Set a page's controls as the class shall find them, and copy its address from the browser.",
        )
        controls = read_address(str(st.session_state.get("class_task_address", "")))[1]
    elif chosen in TASKS:
        controls = TASKS[chosen][1]
    fixed: list[str] = []
    if controls:
        names = list(controls)
        fixed = st.pills("Fixed controls", names, selection_mode="multi", key="class_task_fixed", wrap=True)
    st.button("Set the task", key="class_task_set", on_click=_shown, args=(_set_task, found.code, chosen, fixed))


def read_address(address: str) -> tuple[str, dict[str, str]]:
    """Page and controls of an address of this dashboard; a run that it shows is no control."""
    parts = urlsplit(address.strip())
    page = parts.path.strip("/").rpartition("/")[2]
    pairs = dict(parse_qsl(parts.query, keep_blank_values=False, max_num_fields=100))
    return page, {
        name: value
        for name, value in pairs.items()
        if name.isidentifier() and not name.startswith(PRIVATE) and not name.endswith(("_run", "_file"))
    }


def _set_task(code_: str, chosen: str, fixed: list[str]) -> None:
    title, page = chosen, ""
    controls: dict[str, str] = {}
    if chosen == OWN_TASK:
        page, controls = read_address(str(st.session_state.get("class_task_address", "")))
        title = str(st.session_state.get("class_task_title", "")).strip() or page
        if page not in view.PAGES:
            raise SpecError(
                f"{page[:60]!r} is no page of this dashboard.", "Copy the address of a page from the browser."
            )
    elif chosen in TASKS:
        page, controls = TASKS[chosen]
    else:
        title = ""
    task = Task(
        title=title[:120], page=page, controls=controls, fixed=tuple(name for name in fixed if name in controls)
    )
    classes.change(settings().runs_dir, code_, task=task)


def _time(found: Class) -> None:
    left = units.seconds_between(units.now(), found.deadline) if found.deadline and not found.is_over() else None
    if found.deadline:
        st.markdown("The time is over." if left is None else f"**{units.duration(left)}** left.")
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.number_input("Minutes from now", 1, 600, 45, key="class_minutes", width=160)
        st.button("Set the time", key="class_time_set", on_click=_shown, args=(_set_time, found.code))
        if found.deadline:
            st.button("No limit", key="class_time_none", on_click=_shown, args=(_no_limit, found.code))


def _set_time(code_: str) -> None:
    ends = datetime.datetime.now(datetime.UTC) + datetime.timedelta(minutes=int(st.session_state["class_minutes"]))
    classes.change(settings().runs_dir, code_, deadline=ends.isoformat(timespec="milliseconds"))


def _no_limit(code_: str) -> None:
    classes.change(settings().runs_dir, code_, deadline="")


# ── students ─────────────────────────────────────────────────────────────────────────────────────────────────────


def _students(code_: str) -> None:
    shown = view.board_of(code_).students
    if shown.empty:
        st.caption("Nobody has joined yet.")
        return
    view.students_table(shown.sort_values(["is_stuck", "since_s"], ascending=False, kind="stable"))
    stuck = shown[shown["is_stuck"].astype(bool)].sort_values("since_s", ascending=False)
    if len(stuck):
        more = f" and {len(stuck) - NAMED} more" if len(stuck) > NAMED else ""
        st.caption(f":material/front_hand: May need help: {plain(', '.join(stuck['student'][:NAMED]))}{more}.")
    names = dict(zip(shown["key"], shown["student"], strict=True))
    with st.container(horizontal=True, vertical_alignment="bottom"):
        key = st.selectbox("Student", list(names), format_func=names.__getitem__, key="class_kick_whom", width=260)
        st.button(
            "Take off the class",
            key="class_kick",
            on_click=_shown,
            args=(classes.kick, settings().runs_dir, code_, key),
        )


# ── the end ──────────────────────────────────────────────────────────────────────────────────────────────────────


def _end(found: Class) -> None:
    with st.container(horizontal=True):
        st.download_button(
            "Results as CSV",
            lambda: export.csv_text(_whole(found)).encode(),
            f"class-{found.code}.csv",
            "text/csv",
            icon=":material/download:",
            on_click="ignore",
            key="class_csv",
        )
        st.download_button(
            "Report as HTML",
            lambda: export.html_text(found, _whole(found), view.figure_html(_whole(found).points)).encode(),
            f"class-{found.code}.html",
            "text/html",
            icon=":material/download:",
            on_click="ignore",
            key="class_html",
        )
        with st.popover("Close the class", icon=":material/close:"):
            st.markdown(
                "Nicknames, guesses and hand-ins are deleted. The runs stay, without names. This cannot be undone."
            )
            st.button("Yes, close it", type="primary", key="class_close", on_click=_shown, args=(_close, found.code))


def _whole(found: Class) -> board.Board:
    return board.of(stored_runs.own(), found)


def _close(code_: str) -> None:
    if visitor.now().sees_all:
        classes.close(settings().runs_dir, code_)
        st.query_params.pop("class", None)


def listed(found: list[Class]) -> Class | None:
    """Which of the open classes the page shows; None for a new one."""
    if not found:
        return None
    by_code = {one.code: one for one in found}
    asked = str(st.query_params.get("class", ""))
    options = [*by_code, ""]
    chosen = st.selectbox(
        "Class",
        options,
        options.index(asked) if asked in by_code else 0,
        format_func=lambda one: f"{by_code[one].title or 'Class'} · {one}" if one else "A new class",
        key="class_shown",
        width=420,
    )
    return by_code.get(chosen)


def as_frame(found: list[Class]) -> pd.DataFrame:
    """Open classes as a table, for the command line and tests."""
    return pd.DataFrame([one.model_dump() for one in found])
