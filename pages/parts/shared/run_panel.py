"""A run on a page: submit it, watch it, steer it. The page draws its own figures in between.

run_id = submit(values)            # None when it could not be queued; the reason is on the page then
live(run_id, draw)                 # progress, buttons, and draw(run) again and again while it is live
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st

from distill_core import kinds, units
from distill_core.errors import DistillError, RunError
from distill_core.launch.launchers import get_launcher
from distill_core.plans import preflight
from distill_core.results import LIVE, State
from distill_core.runs import same
from distill_core.runs.run import Run
from distill_core.runs.tail import Tail
from distill_core.specs import Spec
from pages.parts.classroom import membership
from pages.parts.shared import joined, links, stored_runs, visitor, waiting
from pages.parts.shared.page import plain, problem, problems_shown

REFRESH_S = 2.0  # thirty sessions at this pace leave the page server quick (click p95 0.3 s on two cores)
TICK_S = 1.0
DOUBLE_CLICK_S = 2.0
_PROBLEM = "run_panel_problem"


# ── starting ─────────────────────────────────────────────────────────────────────────────────────────────────────


def submit(request: Spec | dict[str, Any], *, again: bool = False) -> str | None:
    """Check a request and queue it. Returns the run's id, or None with the reason on the page.

    The same request, by whomever, is the same run; with `again` only within a double click.
    """
    with problems_shown():
        spec = kinds.parse_spec(request) if isinstance(request, dict) else request
        preflight.check_from_page(spec, stored_runs.own(), visitor.now().id)
        stored_runs.check_models(spec)
        membership.check_time()
        return _submit_once(spec, again)
    return None


def _submit_once(spec: Spec, again: bool) -> str:
    asked = spec.model_dump_json()
    last = st.session_state.get(f"run_panel_last_{spec.kind}")
    if last and last["asked"] == asked and _still_same(last, again):
        token = last["token"]
    elif again:
        token = secrets.token_hex(12)
    else:
        there = joined.answering(spec)
        if there is not None:
            joined.join(there)
            return there.id
        token = secrets.token_hex(12) if spec.ALONE else same.token(spec, stored_runs.own())
    run = get_launcher().submit(spec, token=token, owner=visitor.now().id)
    joined.made_or_joined(run)
    st.session_state[f"run_panel_last_{spec.kind}"] = {
        "asked": asked,
        "token": token,
        "id": run.id,
        "at": time.monotonic(),
    }
    return run.id


def _still_same(last: dict[str, Any], again: bool) -> bool:
    if time.monotonic() < last["at"] + DOUBLE_CLICK_S:
        return True
    if again:
        return False
    try:
        return stored_runs.own().get(last["id"]).state().state in LIVE
    except RunError:
        return False


# ── watching ─────────────────────────────────────────────────────────────────────────────────────────────────────


def live(run_id: str, draw: Callable[[Run], None] | None = None) -> None:
    """State, progress and buttons of a run, and `draw(run)`; both again every REFRESH_S while the run is live.

    When the run ends, or begins again, the whole page is drawn once. Raises RunError for an unknown run.
    """
    tick()
    run = stored_runs.find(run_id)
    is_live = run.state().state in LIVE
    st.fragment(_watch, run_every=REFRESH_S if is_live else None)(run, draw, is_live)


def _watch(run: Run, draw: Callable[[Run], None] | None, was_live: bool) -> None:
    tick()
    if (run.state().state in LIVE) != was_live:
        st.rerun()
    status(run)
    if draw is not None:
        draw(run)


def tick() -> None:
    """Move the queue on: dead runs end, waiting ones start. Cheap, since all sessions share one clock."""
    if _clock().is_due():
        get_launcher().tick()


class Clock:
    """Lets one of many sessions pass every TICK_S."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last = -TICK_S

    def is_due(self) -> bool:
        with self._lock:
            due = time.monotonic() - self._last >= TICK_S
            if due:
                self._last = time.monotonic()
            return due


@st.cache_resource(max_entries=1, show_spinner=False)
def _clock() -> Clock:
    return Clock()


def curves(run: Run) -> pd.DataFrame:
    """The run's curves so far (tail.COLUMNS), read by one reader for all sessions. Do not change the frame."""
    return _tail(str(run.path)).frame()


def tests(run: Run) -> int:
    """How many points of the curves tell of texts that are not learned from: they come seldom beside those of the
    training itself, so what is made of them alone is drawn again only where this number has changed."""
    return _tail(str(run.path)).tests()


def curve(run: Run, arm: str) -> pd.DataFrame:
    """As `curves`, of one arm alone."""
    return _tail(str(run.path)).curve(arm)


def learning(run: Run) -> str:
    """The arm that learns now, or learned last; empty before the first step."""
    return _tail(str(run.path)).learning()


@st.cache_resource(max_entries=128, show_spinner=False)
def _tail(path: str) -> Tail:
    return Tail(Run(Path(path)))


# ── state and buttons ────────────────────────────────────────────────────────────────────────────────────────────


def status(run: Run) -> None:
    """One line of state, a bar, the buttons; for a run that ended badly: why, what to do, Resume, the log."""
    error = st.session_state.pop(_PROBLEM, None)
    if error is not None:
        problem(error)
    joined.say(run)
    state = run.state()
    if state.state in LIVE:
        _bar(run, state)
        if stored_runs.may_change(run):
            _live_buttons(run, state)
        else:
            st.caption("Another visitor's run: you are watching it.")
    elif not stored_runs.kind(run):
        show_damage(run)
    elif state.state != "done":
        _ended(run, state)
        log(run)


def _bar(run: Run, state: State) -> None:
    if state.state == "queued":
        st.progress(0.0, waiting.words(run))
        return
    parts = [plain(state.message) or "Starting"]
    if run.control()[0] == "stop":
        parts.append("stopping at the next step")
    elif state.state == "paused":
        parts.append("**paused**")
    elif state.eta_s is not None:
        parts.append(f"about {units.duration(state.eta_s)} left")
    st.progress(state.progress, " · ".join(parts))


def _live_buttons(run: Run, state: State) -> None:
    stopping = run.control()[0] == "stop"
    with st.container(horizontal=True):
        if state.state == "running":
            _button(run, "pause", "Pause", "pause", stopping)
        if state.state == "paused":
            _button(run, "unpause", "Go on", "play_arrow", stopping)
            _button(run, "step", "One step", "skip_next", stopping)
        _button(run, "stop", "Stop", "stop", stopping)


def _button(run: Run, action: str, label: str, icon: str, disabled: bool = False) -> None:
    st.button(
        label,
        key=f"{action}_{run.id}",
        icon=f":material/{icon}:",
        disabled=disabled,
        on_click=_steer,
        args=(action, run.id),
    )


def _steer(action: str, run_id: str) -> None:
    """A callback: what goes wrong is kept for the next drawing, because nothing can be drawn here."""
    try:
        stored_runs.check_may_change(run_id)
        getattr(get_launcher(), action)(run_id)
    except DistillError as error:
        st.session_state[_PROBLEM] = error


_ENDS = {
    "failed": (st.error, "The run failed"),
    "lost": (st.warning, "The run was lost"),
    "stopped": (st.warning, "The run was stopped"),
    "damaged": (st.error, "The run is damaged"),
}


def show_damage(run: Run) -> None:
    """A run whose spec cannot be read: nothing but its deletion is left."""
    try:
        run.spec()
    except RunError as error:
        problem(error)


def _ended(run: Run, state: State) -> None:
    show, title = _ENDS[state.state]
    said = [plain(part) for part in (state.message, state.hint) if part]
    show(" ".join(said) or "Nothing more is known.", title=title)
    if state.state != "damaged" and stored_runs.may_change(run):
        _button(run, "resume", "Resume", "restart_alt")


def log(run: Run) -> None:
    """The end of the run's log, folded."""
    text = run.log_tail() if stored_runs.may_change(run) else ""
    if text.strip():
        with st.expander("Log", icon=":material/description:"):
            st.code(text, language=None, height=320)


# ── which run a page shows ───────────────────────────────────────────────────────────────────────────────────────


def choose(parameter: str, run_id: str) -> None:
    """Show this run from now on: its id goes into the page's address."""
    st.query_params[parameter] = st.session_state[f"_{parameter}"] = run_id


def forget(parameter: str) -> None:
    """Show no run of one's own any more."""
    st.session_state.pop(f"_{parameter}", None)
    st.query_params.pop(parameter, None)


def chosen(parameter: str, draws: Callable[[Run], bool] | None = None) -> Run | None:
    """The run that the page's address names, or that this session chose last; None, with the reason on the page, where
    there is no such run, or where it is none of those that the page `draws`. A damaged one passes: its page says so."""
    run_id = st.query_params.get(parameter) or st.session_state.get(f"_{parameter}")
    if not run_id:
        return None
    try:
        run = stored_runs.find(run_id)
    except RunError as error:
        forget(parameter)
        problem(error)
        return None
    if draws is not None and stored_runs.kind(run) and not draws(run):
        forget(parameter)
        say_of_another_kind(run)
        return None
    choose(parameter, run_id)
    return run


def say_of_another_kind(run: Run) -> None:
    """One sentence on a page that was asked for a run which it cannot draw, and the way to the page that can."""
    kind = stored_runs.kind(run)
    st.info(f"The run {plain(run.id)} is of another kind ({kinds.KINDS[kind].title}): it is not drawn here.")
    links.to(links.of_kind(kind), "Open it on its page", run=run.id)
