"""Ten students on the page: the picture of size, speed and accuracy, each student arm by arm, the numbers behind."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from distill_core import units
from distill_core.figures import curves, student_gaps, ten_students
from distill_core.results import LIVE
from distill_core.runs.run import Run
from distill_core.tables import students as tables_students
from distill_core.tables.students import Claim
from distill_core.tables.training import arm_title
from pages.parts.shared import downloads, page, provenance, run_panel, stored_runs
from pages.parts.shared.page import Columns

SEEN = (
    "Each mark is a small network of one family: left is faster, high is more accurate, a larger mark has more "
    "parameters. The dashed line is their teacher. Below, each row is one family: the teacher's soft targets on texts "
    "without a label move it from the diamond to the dot; labels for all texts would have moved it to the square."
)
CODE = (
    "soft = kl_div(log_softmax(student / tau), log_softmax(teacher / tau), log_target=True) * tau**2  # all texts\n"
    "hard = cross_entropy(student[has_label], labels[has_label])  # the few labeled ones"
)
_NUMBER = st.column_config.NumberColumn
COLUMNS: Columns = {
    "label": st.column_config.TextColumn("student", pinned=True),
    "arm_title": "way to learn",
    "params": _NUMBER("parameters (exact)", format="localized"),
    "latency_ms_p50": _NUMBER("p50 (ms)", format="%.3g"),
    "latency_ms_p95": _NUMBER("p95 (ms)", format="%.3g"),
    "speedup": _NUMBER("times as fast", format="%.2f ×"),
    "accuracy": _NUMBER("accuracy", format="percent"),
    "ci_low": _NUMBER("95 % from", format="percent"),
    "ci_high": _NUMBER("95 % to", format="percent"),
    "n_eval": _NUMBER("test texts", format="localized"),
    "retained": _NUMBER("of teacher's accuracy", format="percent"),
    "retained_low": _NUMBER("95 % from", format="percent"),
    "retained_high": _NUMBER("95 % to", format="percent"),
    "agreement": _NUMBER("says the same", format="percent"),
    "kl_to_teacher": _NUMBER("KL to teacher (nats)", format="%.3g"),
    "labels": _NUMBER("labels seen", format="localized"),
    "train_texts": _NUMBER("texts seen", format="localized"),
    "epochs": _NUMBER("passes", format="%d"),
    "train_s": _NUMBER("training (s)", format="%.3g"),
    "seed": _NUMBER("seed", format="%d"),
    "source": "source",
}
GAINS: Columns = {
    "label": st.column_config.TextColumn("student", pinned=True),
    "gain": _NUMBER("taught against labels alone", format="percent"),
    "gain_low": _NUMBER("95 % from", format="percent"),
    "gain_high": _NUMBER("95 % to", format="percent"),
    "seeds": _NUMBER("seeds", format="%d"),
    "source": "source",
}


def show(run: Run) -> None:
    """All that is known of the run so far. Called again and again while it is live."""
    frame = tables_students.rows_frame(run)
    means, claim = tables_students.means_frame(frame), tables_students.claim(run)
    if means.empty and run.state().state in LIVE:
        _waiting(run, frame)
        return
    picture(run, means)
    _gaps(run, means, claim)
    _failures(frame)
    _table(run, frame, means, claim)


def picture(run: Run, means: pd.DataFrame | None = None, key: str = "ts") -> None:
    """Ten families side by side in one arm, with the switch of arms and where the numbers come from."""
    means = tables_students.means_frame(tables_students.rows_frame(run)) if means is None else means
    arm = _arm(means, key)
    figure = ten_students.draw(means, tables_students.teacher_of(run), arm, dark=page.is_dark())
    page.chart(figure, f"{key}_fig_picture")
    if run.environment() is not None:
        provenance.caption(provenance.measured(run, stored_runs.is_recorded(run)), "sizes :gray-badge[exact]")


def _arm(means: pd.DataFrame, key: str) -> str:
    """Which arm is shown; a question only where several have a number."""
    there = tables_students.arms(means)
    first = "taught" if "taught" in there else next(iter(there), "taught")
    if len(there) < 2:
        return first
    return st.segmented_control(
        "Way to learn",
        there,
        default=first,
        required=True,
        format_func=arm_title,
        key=f"{key}_arm",
        bind="query-params",
        label_visibility="collapsed",
        wrap=True,
    )


def _waiting(run: Run, frame: pd.DataFrame) -> None:
    """No student is tested yet: the teacher's curve, and who is already measured."""
    points = run_panel.curves(run)
    page.chart(curves.draw(points, curves.View("accuracy", dark=page.is_dark())), "ts_fig_teacher")
    st.caption("First the teacher learns and reads all texts once. Then a mark appears with every student.")
    timed = frame.dropna(subset=["latency_ms_p50"]).drop_duplicates("student")
    if len(timed):
        pairs = zip(timed["label"], timed["latency_ms_p50"].astype(float), strict=True)
        times = [f"{label} {units.milliseconds(value)}" for label, value in pairs]
        st.caption(page.plain(f"Measured already: {', '.join(times)}."))


def _gaps(run: Run, means: pd.DataFrame, claim: Claim | None) -> None:
    teacher = tables_students.teacher_of(run)
    page.chart(student_gaps.draw(means, teacher, claim, dark=page.is_dark()), "ts_fig_gaps")
    if claim is not None:
        st.caption(page.plain(claim_sentence(claim)))
    if teacher is not None and teacher.labels is not None and len(means):
        students_saw = int(means["labels"].min())
        if teacher.labels > students_saw:
            st.caption(
                f"The teacher itself has seen {teacher.labels:,} labels, its students alone {students_saw:,}: "
                "a part of the gain is in these labels."
            )


def claim_sentence(claim: Claim) -> str:
    """The mean gain with its interval, and how many gains are larger than chance explains."""
    points = f"{100 * claim.mean:+.1f} points"
    if claim.interval is not None:
        low, high = (f"{100 * end:+.1f}" for end in claim.interval)
        points += f" (95 % interval over test texts {low} to {high})"
    mean = f"The teacher adds {points} to the accuracy, as a mean of {claim.n} students."
    return mean if claim.interval is None else f"{mean} For {claim.sure} of them the gain's own interval lies above 0."


def _failures(frame: pd.DataFrame) -> None:
    for name, message, hint in tables_students.failures(frame):
        st.warning(f"{page.plain(message)} {page.plain(hint)}", title=f"{page.plain(name)} could not learn")


def _table(run: Run, frame: pd.DataFrame, means: pd.DataFrame, claim: Claim | None) -> None:
    rows = frame.dropna(subset=["accuracy"])
    if rows.empty:
        return
    st.markdown("##### The numbers")
    st.dataframe(
        rows,
        hide_index=True,
        column_order=list(COLUMNS),
        column_config=COLUMNS,
        placeholder=units.MISSING,
        key="ts_table",
        alt="Size, speed and accuracy of every student in every arm",
    )
    teacher, shown = tables_students.teacher_of(run), tables_students.arms(means)
    figures = [lambda arm=arm: ten_students.draw(means, teacher, arm) for arm in shown]
    downloads.show(run, rows, [*figures, lambda: student_gaps.draw(means, teacher, claim)], name="students", key="ts")
    if claim is not None:
        with st.expander("What the teacher adds, student by student", icon=":material/table:"):
            st.dataframe(
                tables_students.gains_frame(run),
                hide_index=True,
                column_order=list(GAINS),
                column_config=GAINS,
                placeholder=units.MISSING,
                key="ts_gains",
                alt="What the teacher adds to the accuracy of each student",
            )
