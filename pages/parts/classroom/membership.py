"""The class that this session's visitor is in: seen at each click, its task's fixed controls kept, its guesses told."""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Iterator
from typing import Any

import streamlit as st

from distill_core import units
from distill_core.classroom import classes
from distill_core.classroom.classes import Class, Guess, Student
from distill_core.errors import DistillError, LaunchError
from distill_core.settings import settings
from pages.parts.shared import visitor
from pages.parts.shared.page import plain

SEEN_EVERY_S = 15.0
_SEEN = "_class_seen_at"
_FIXED = "_class_fixed"
_PARAMETER = re.compile(r"[a-z][a-z0-9_]{0,40}")


def own() -> tuple[Class, Student] | None:
    """This visitor's class, and who they are in it."""
    who = visitor.now()
    return classes.of_visitor(settings().runs_dir, who.id) if who.id else None


@contextlib.contextmanager
def on_page(page: st.Page) -> Iterator[None]:
    """Around a page's script: the board hears who looks at what, and the task's fixed controls stay as they are."""
    found = own()
    if found is None:
        yield
        return
    _be_seen(*found, page.title)
    task = found[0].task
    fixed = [name for name in task.fixed if name in task.controls] if page.url_path == task.page else []
    _put_back(page, fixed, task.controls)
    _say(found[0], fixed)
    try:
        yield
    finally:
        _remember(fixed, task.controls)


def _be_seen(found: Class, student: Student, title: str) -> None:
    last = st.session_state.get(_SEEN)
    moment = time.monotonic()
    if last is not None and last[1] == title and moment - last[0] < SEEN_EVERY_S:
        return
    st.session_state[_SEEN] = (moment, title)
    with contextlib.suppress(DistillError):  # a full disk shall not stop a click
        classes.update(settings().runs_dir, found.code, student.key, seen_at=units.now(), page=title)


# ── fixed controls ───────────────────────────────────────────────────────────────────────────────────────────────


def _put_back(page: st.Page, fixed: list[str], controls: dict[str, str]) -> None:
    """Whatever was moved stands again where the teacher has put it, before the page reads it."""
    known: dict[str, Any] = st.session_state.get(_FIXED, {})
    asked = {name: st.query_params.get_all(name) for name in st.query_params}
    if any(name not in known and asked.get(name) != [controls[name]] for name in fixed):
        # a widget takes its first value from the address that the browser has: give it the right one
        st.switch_page(page, query_params={**asked, **{name: controls[name] for name in fixed}})
    for name in fixed:
        if name in known:
            st.session_state[name] = known[name]


def _remember(fixed: list[str], controls: dict[str, str]) -> None:
    """The value that a widget has made of the address: what it is put back to."""
    known: dict[str, Any] = st.session_state.setdefault(_FIXED, {})
    for name in fixed:
        if name not in known and name in st.session_state and st.query_params.get(name) == controls[name]:
            known[name] = st.session_state[name]


def _say(found: Class, fixed: list[str]) -> None:
    """One line above the page of the task; fixed controls are pale."""
    if found.deadline:
        left = units.seconds_between(units.now(), found.deadline)
        ends = "the time is over" if found.is_over() else f"{units.duration(left)} left"
    else:
        ends = ""
    if not fixed:
        return
    parts = [f"Task of the class: {plain(found.task.title)}" if found.task.title else "Task of the class", ends]
    st.caption(f":material/lock: {' · '.join(filter(None, parts))}. Pale controls are fixed by your teacher.")
    names = [name for name in fixed if _PARAMETER.fullmatch(name)]
    selector = ", ".join(f".st-key-{name}" for name in names)
    if selector:
        st.html(f"<style>{selector} {{ opacity: 0.5; pointer-events: none; }}</style>")


def check_time() -> None:
    """Raises LaunchError where the visitor's class has a deadline that has passed."""
    found = own()
    if found is not None and found[0].is_over():
        raise LaunchError("The time of your class is over.", "Ask your teacher, or leave the class on the Class page.")


def tell_run(run_id: str) -> None:
    """Another's run answers this visitor's question: on the board of their class it counts as theirs."""
    found = own()
    if found is not None and run_id not in found[1].joined_runs:
        with contextlib.suppress(DistillError):
            kept = (*found[1].joined_runs, run_id)[-classes.MOST_JOINED :]
            classes.update(settings().runs_dir, found[0].code, found[1].key, joined_runs=kept)


# ── guesses ──────────────────────────────────────────────────────────────────────────────────────────────────────


def tell_guesses(guesses: list[Guess]) -> None:
    """Bring guesses to the board of the visitor's class; nothing happens without one."""
    found = own()
    if found is not None and guesses:
        with contextlib.suppress(DistillError):
            classes.add_guesses(settings().runs_dir, found[0].code, found[1].key, guesses)
