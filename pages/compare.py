"""Compare: which model is worth its size and time? Choose models, measure them here, read the trade-off."""

import streamlit as st

from distill_core.errors import DistillError
from distill_core.figures import theme
from distill_core.results import LIVE
from pages.parts import compare_form, compare_results, page, run_panel, stored_runs

NEWEST = "newest"

page.header("Compare", "Which model is worth its size and its time, and how sure can you be?")
controls, main = st.columns([1, 2.7], gap="large")
below = st.container()

with controls:
    spec = compare_form.show()
    started = compare_form.measure_button(spec, "Measure here", "cmp_measure")
    if started:
        st.session_state["cmp_run"] = started

recorded = [run.id for run in stored_runs.recorded_of("compare")]
own = [run.id for run in stored_runs.own_of("compare")]
with main:
    choice = st.selectbox(
        "Result",
        [*recorded, *([NEWEST] if own else []), *own],
        key="cmp_run",
        bind="query-params",
        accept_new_options=True,
        placeholder="No comparison has been measured yet",
        help="Recorded results ship with Distill Lab; the others were measured on this machine.",
    )

if choice is None:
    with main:
        page.chart(
            theme.empty("No comparison yet", "Press Measure here: the first models appear within seconds."), "cmp_none"
        )
    st.stop()

try:
    run = stored_runs.find(own[0] if choice == NEWEST and own else choice)
    asked, state = run.spec(), run.state()
except DistillError as error:
    with main:
        page.problem(error)
    st.stop()

with main:
    if stored_runs.is_recorded(run):
        again = compare_form.measure_button(asked, "Recorded elsewhere: measure the same here", "cmp_again")
        if again:
            st.switch_page("pages/compare.py", query_params={"cmp_run": again})
    elif state.state in LIVE:
        run_panel.live(run.id)
    elif state.state != "done":
        st.error(
            page.plain(state.hint or "The rows below were measured before."),
            title=page.plain(state.message or f"This run is {state.state}."),
        )
    if spec is not None and compare_form.differs(spec, asked):
        st.caption(":material/sync_problem: The settings on the left differ from this result's.")

compare_results.show(run, main, below)
with below:
    page.next_step("pages/model_zoo.py", "Why is one faster than another? Look inside a family")
