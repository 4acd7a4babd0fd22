"""One run in full: state and buttons, what was asked, the machine, the result, the log; export and delete."""

from __future__ import annotations

import json

import streamlit as st

from distill_core import units
from distill_core.errors import DistillError, RunError
from distill_core.kinds import KINDS
from distill_core.results import LIVE
from distill_core.runs import run_list
from distill_core.runs.run import Run
from distill_core.tables import export
from distill_core.tables import sources as tables_sources
from pages.parts.shared import links, provenance, run_panel, stored_runs
from pages.parts.shared.page import plain, problem

ICONS = {
    "queued": "hourglass_empty",
    "running": "play_circle",
    "paused": "pause_circle",
    "done": "check_circle",
    "failed": "error",
    "stopped": "stop_circle",
    "lost": "help",
    "damaged": "broken_image",
}


def show(run: Run) -> None:
    """The opened run."""
    with st.container(border=True):
        _head(run)
        run_panel.live(run.id)
        _actions(run)
        _tabs(run)


def _head(run: Run) -> None:
    state = "damaged" if not stored_runs.kind(run) else run.state().state
    st.markdown(f"### {plain(_title(run))}")
    took = units.duration(run_list.duration_s(run))
    parts = [f":material/{ICONS[state]}: {state}", f"run {plain(run.id)}"]
    if took != units.MISSING:
        parts.append(f"took {took}" if state not in LIVE else f"at work for {took}")
    if run.environment() is not None:
        parts.append(provenance.measured(run, stored_runs.is_recorded(run)))
    provenance.caption(*parts)


def _title(run: Run) -> str:
    try:
        spec = run.spec()
    except RunError:
        return "Damaged run"
    return f"{KINDS[spec.kind].title}: {spec.heading}"


def _actions(run: Run) -> None:
    """Open on its page, export, delete."""
    with st.container(horizontal=True, vertical_alignment="center"):
        kind = stored_runs.kind(run)
        if kind:
            links.to(links.of_kind(kind), "Open on its page", run=run.id)
        if kind and stored_runs.may_read_texts(run):
            st.download_button(
                "Export as JSON",
                lambda: export.json_text(run).encode(),
                f"run-{run.id}.json",
                "application/json",
                icon=":material/download:",
                on_click="ignore",
                key="r_export",
            )
        if stored_runs.may_change(run) and run.state().state not in LIVE:
            with st.popover("Delete", icon=":material/delete:"):
                st.markdown(f"Delete the run {plain(run.id)} with its model and results? This cannot be undone.")
                st.button("Yes, delete it", type="primary", key="r_delete", on_click=_delete, args=(run.id,))
    error = st.session_state.pop("r_problem", None)
    if error is not None:
        problem(error)


def _delete(run_id: str) -> None:
    try:
        stored_runs.check_may_change(run_id)
        stored_runs.own().remove(run_id)
    except DistillError as error:
        st.session_state["r_problem"] = error
        return
    run_panel.forget(links.RUNS.run)
    st.toast(f"Run {run_id} is deleted.")


def _tabs(run: Run) -> None:
    asked, machine, result, log = st.tabs(["Asked", "Machine", "Result", "Log"], key="r_tabs", bind="query-params")
    for tab, draw in ((asked, _asked), (machine, _machine), (result, _result), (log, _log)):
        if tab.open:
            with tab:
                draw(run)


def _asked(run: Run) -> None:
    if not stored_runs.kind(run):
        st.caption("The request cannot be read.")
        return
    if not stored_runs.may_read_texts(run):
        st.caption("The run reads another visitor's file: what was asked is for them, and for the teacher.")
        return
    spec = run.spec()
    asked = {"kind": spec.kind, **spec.model_dump(mode="json", exclude_defaults=True)}
    st.code(json.dumps(asked, indent=1, ensure_ascii=False), language="json")
    st.caption("Settings that are not listed keep their defaults. `python -m distill_core run SPEC.json` repeats it.")


def _machine(run: Run) -> None:
    environment = run.environment()
    if environment is None:
        st.caption("The run has not told its machine yet.")
        return
    st.text(tables_sources.machine_text(environment))
    st.code(environment.model_dump_json(indent=1), language="json")


def _result(run: Run) -> None:
    result = run.result()
    if result is None:
        st.caption("No result yet.")
        return
    rows = len(result.measured)
    st.caption(f"{rows} result{'s' if rows != 1 else ''} so far. Its page draws them.")
    st.code(json.dumps(result.model_dump(), indent=1, ensure_ascii=False), language="json", height=360)


def _log(run: Run) -> None:
    if not stored_runs.is_recorded(run) and not stored_runs.may_change(run):
        st.caption("The log is for whoever started the run, and for the teacher.")
        return
    text = run.log_tail()
    if text.strip():
        st.code(text, language=None, height=360)
    else:
        st.caption("The log is empty.")
