"""The expensive button, and beside it the run that has answered the same question before."""

from __future__ import annotations

import time

import streamlit as st

from distill_core import units
from distill_core.results import LIVE
from distill_core.runs import same
from distill_core.runs.run import Run
from distill_core.specs import Spec
from pages.parts.shared import joined, links, run_panel, stored_runs

_FRESH_S = 10.0  # a press that no drawing has answered by then is forgotten: the visitor has gone elsewhere


def show(label: str, cost: str, spec: Spec | None, key: str, *, main: bool = True, repeats: bool = False) -> str | None:
    """A button `label · cost` that runs the spec. Returns the id of the run to show once it is pressed.

    Where the same was asked before, a line says so and a second button shows that run. Where a repeat would be equal to
    the bit, running it again is the lesser choice. What is pressed is noted by a callback: the offer may change between
    the drawing and the press, and then the visitor joins the run that has come meanwhile. `repeats`: the button stands
    beside a recorded run and says itself that it repeats it.
    """
    found = _offered(spec, repeats) if spec is not None else None
    replaces = found is not None and spec is not None and not spec.ALONE and not stored_runs.is_recorded(found)
    if found is not None and spec is not None:
        shown = st.query_params.get(links.of_kind(spec.kind).run) == found.id
        st.caption(_when(found, spec, shown))
        if not shown:
            _button("Show it", key, "show", main=replaces)
    text = " · ".join(filter(None, ("Run it again anyway" if replaces else label, cost)))
    _button(text, key, "anyway" if replaces else "run", main=main and not replaces, disabled=spec is None)
    return _answer(spec, found, key)


def _offered(spec: Spec, repeats: bool) -> Run | None:
    return joined.before(spec) or (None if repeats else same.find_recorded(spec, stored_runs.RECORDED))


def _when(run: Run, spec: Spec, shown: bool) -> str:
    """`Asked before on this server, 3 min ago.`"""
    asked = "Measured" if spec.ALONE else "Asked"
    if stored_runs.is_recorded(run):
        text = f"{asked} before, elsewhere: it is recorded"
    else:
        ago_s = units.seconds_between(run.state().created_at, units.now())
        ago = "" if ago_s is None else f", {units.duration(ago_s)} ago"
        text = f"{'Being measured' if spec.ALONE else 'Asked'} already" if _is_live(run) else f"{asked} before"
        text = f"{text} on this server{ago}"
    return f"{text}; it is shown here." if shown else f"{text}."


def _is_live(run: Run) -> bool:
    return run.state().state in LIVE


def _button(text: str, key: str, what: str, *, main: bool, disabled: bool = False) -> None:
    st.button(
        text,
        type="primary" if main else "secondary",
        icon=":material/visibility:" if what == "show" else ":material/play_arrow:",
        key=key if what == "run" else f"{key}_{what}",
        disabled=disabled,
        width="stretch",
        wrap=True,
        on_click=_note,
        args=(key, what),
    )


def _note(key: str, what: str) -> None:
    st.session_state[f"{key}_pressed"] = (what, time.monotonic())


def _answer(spec: Spec | None, found: Run | None, key: str) -> str | None:
    what, at = st.session_state.pop(f"{key}_pressed", ("", 0.0))
    if not what or spec is None or time.monotonic() - at > _FRESH_S:
        return None
    if what == "show" and found is not None:
        if not stored_runs.is_recorded(found):
            joined.join(found)
        return found.id
    if what == "show":
        return None
    return run_panel.submit(spec, again=True) if what == "anyway" else run_panel.submit(spec)
