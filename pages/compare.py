"""Compare: which model is worth its size and time? Choose models, measure them here, read the trade-off."""

import streamlit as st

from distill_core.errors import DistillError
from distill_core.figures import theme
from distill_core.specs import CompareSpec, StudentsSpec
from pages.parts.compare import form, results
from pages.parts.shared import links, page, run_panel, stored_runs
from pages.parts.students import view as students_view

NEWEST = "newest"

page.header("Compare", "Which model is worth its size and its time, and how sure can you be?")
pickers = st.container(horizontal=True, vertical_alignment="bottom")
controls, main = st.columns([1, 2.6], gap="large")
below = st.container()

with controls:
    spec = form.show()
    started = form.measure_button(spec, "Measure here", "cmp_measure")
form.show_next(started)

recorded = [run.id for kind in ("students", "compare") for run in stored_runs.recorded_of(kind)]
own = [run.id for run in stored_runs.own_of("compare")]
choice = pickers.selectbox(
    "Result",
    [*recorded, *([NEWEST] if own else []), *own],
    key=links.COMPARE.run,
    bind="query-params",
    accept_new_options=True,
    placeholder="No comparison yet",
    help="Recorded results ship with Distill Lab; the others were measured on this machine.",
)

if not choice:
    with main:
        page.chart(theme.empty("No comparison yet", "Measure: the first models appear within seconds."), "cmp_none")
    st.stop()

try:
    run = stored_runs.find(own[0] if choice == NEWEST and own else choice)
    asked = run.spec()
except DistillError as error:
    with main:
        page.problem(error)
    st.stop()

if isinstance(asked, StudentsSpec):
    with main:
        students_view.picture(run, key="cmp_ten")
        links.to(links.STUDENTS, "How did they learn? All numbers", run=run.id)
    st.stop()

if not isinstance(asked, CompareSpec):
    with main:
        run_panel.say_of_another_kind(run)
    st.stop()

with main:
    results.show(run, results.Places(pickers, main, below))
    if stored_runs.is_recorded(run):
        again = form.measure_button(asked, "Make it your own: measure the same here", "cmp_again", main=False)
        if again:
            form.remember(again)
            st.rerun()
    if spec is not None and form.differs(spec, asked):
        st.caption(":material/sync_problem: The settings on the left differ from those of this result.")
with below:
    links.to(links.MODEL_ZOO, "Why is one faster? Look inside a family")
