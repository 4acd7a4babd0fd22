"""Which errors a student has from its teacher, which are new, which are repaired: counts, and the texts themselves."""

from __future__ import annotations

import streamlit as st

from distill_core.errors import DistillError
from distill_core.figures import errors
from distill_core.runs.run import Run
from distill_core.tables import errors as tables_errors
from distill_core.tables import training as tables_training
from pages.parts.shared import columns, once, page, stored_runs

_TITLES = {"new": "New", "inherited": "Inherited", "repaired": "Repaired"}
COLUMNS = columns.of(
    "text",
    ("label", "true_label"),
    "student_says",
    "student_share",
    "teacher_says",
    "teacher_share",
    pinned=0,
    widths={"text": 260},
)


_keys = once.per_result(tables_errors.student_keys)
_slices = once.per_result(tables_errors.error_slices)


@once.per_result
def _counts(run: Run, key: str) -> dict[str, int]:
    return tables_errors.counts(_slices(run, key))


def show(run: Run) -> None:
    """The student is chosen here; without predictions the reason stands in its place."""
    st.markdown("##### Where does a student err, and is it the teacher's fault?")
    try:
        students = _keys(run)
        if not students:
            st.caption("No student is tested yet.")
            return
        if st.session_state.get("ta_arm") not in students:
            st.session_state.pop("ta_arm", None)  # chosen for another run, whose students have other names
        key = st.selectbox(
            "Student", list(students), format_func=students.__getitem__, key="ta_arm", bind="query-params"
        )
        counts = _counts(run, key)
    except DistillError as error:
        st.caption(f"{page.plain(error.message)} {page.plain(error.hint)}")
        return
    _figure(run, key, page.is_dark())
    group = st.segmented_control(
        "Errors",
        list(_TITLES),
        default="new",
        required=True,
        key="ta_group",
        bind="query-params",
        wrap=True,
        format_func=lambda name: f"{_TITLES[name]} · {counts[name]:,}",
        label_visibility="collapsed",
    )
    if not stored_runs.may_read_texts(run):
        st.caption(stored_runs.NOT_YOUR_TEXTS)
        return
    _texts(run, key, group)
    if not tables_errors.texts_are_here(run):
        st.caption("The texts may not be passed on. Fetch them with `python -m distill_core assets`.")


@once.per_result
def _figure(run: Run, key: str, dark: bool) -> None:
    own = tables_errors.row_of(tables_training.students_frame(run), run, key)
    page.chart(errors.draw(own, dark=dark), "ta_fig_errors")


@once.per_result
def _texts(run: Run, key: str, group: str) -> None:
    slices = _slices(run, key)
    st.caption(f"{_TITLES[group]}: {tables_errors.GROUPS[group]}. The student's surest answers stand first.")
    st.dataframe(  # rows of more than 64 px wrap their text
        slices[slices["group"] == group],
        hide_index=True,
        column_order=list(COLUMNS),
        column_config=COLUMNS,
        height=460,
        row_height=84,
        placeholder="n/a",
        key="ta_texts_table",
        alt="Test texts with their label and both answers",
    )
