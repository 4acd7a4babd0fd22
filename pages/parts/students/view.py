"""Ten students on the page: the picture of size, speed and accuracy, each student arm by arm, the numbers behind."""

from __future__ import annotations

from functools import partial

import pandas as pd
import streamlit as st

from distill_core import units
from distill_core.figures import curves, student_gaps, ten_students
from distill_core.files import source_code
from distill_core.results import LIVE
from distill_core.runs.run import Run
from distill_core.tables import minis as tables_minis
from distill_core.tables import one_answer, student_gains
from distill_core.tables import reading as tables_reading
from distill_core.tables import students as tables_students
from distill_core.tables.student_gains import Claim
from distill_core.tables.training import arm_title
from pages.parts.finetune.view import say_one_answer
from pages.parts.shared import columns, downloads, minis, once, page, provenance, run_panel, stored_runs

SEEN = (
    "Each mark is a small network, of one family each: left is faster, high is more accurate, a larger mark has more "
    "parameters. The dashed line is their teacher. Below, each row is one family: the teacher's soft targets on texts "
    "without a label move it from the diamond to the dot; labels for all texts would have moved it to the square."
)
CODE = source_code.definitions(
    "training/losses:soft_target_loss",
    "training/term_functions:labels",
    "training/losses:hard_label_loss",
)
COLUMNS = columns.of(
    ("label", "student"),
    ("arm_title", "way_to_learn"),
    "params",
    "batch_size",
    "seq_len",
    "latency_ms_p50",
    "latency_ms_p95",
    ("speedup", "over_teacher"),
    "speedup_low",
    "speedup_high",
    "teacher_ms",
    "busy_cores",
    "n_iterations",
    "accuracy",
    "ci_low",
    "ci_high",
    "n_eval",
    "majority",
    "balanced_accuracy",
    "recalls",
    "answered",
    "retained",
    "retained_low",
    "retained_high",
    "agreement",
    "kl_to_teacher",
    "labels",
    "train_texts",
    "epochs",
    "train_s",
    "seed",
    "source",
)
GAINS = columns.of(("label", "student"), "gain", "gain_low", "gain_high", "seeds", "source")


_rows = once.per_result(tables_students.rows_frame)
_claim = once.per_result(student_gains.claim)
_teacher = once.per_result(tables_students.teacher_of)
_gains = once.per_result(student_gains.gains_frame)


@once.per_result
def _means(run: Run) -> pd.DataFrame:
    return tables_students.with_distance(tables_students.means_frame(_rows(run)), run)


def show(run: Run) -> None:
    """All that is known of the run so far. Called again and again while it is live."""
    if _means(run).empty and run.state().state in LIVE:
        _waiting(run, page.is_dark())
        return
    picture(run)
    _gaps(run, page.is_dark())
    _table(run)


def picture(run: Run, key: str = "ts") -> None:
    """Ten families side by side in one arm, with the switch of arms and where the numbers come from."""
    _picture(run, _arm(_means(run), key), key, page.is_dark())


@once.per_result
def _picture(run: Run, arm: str, key: str, dark: bool) -> None:
    page.chart(ten_students.draw(_means(run), _teacher(run), arm, dark=dark), f"{key}_fig_picture")
    if run.environment() is not None:
        provenance.caption(provenance.measured(run, stored_runs.is_recorded(run)), "sizes :gray-badge[exact]")
    students = _means(run)
    minis.caption(students["student"])
    older = tables_minis.older(zip(students["student"], students["params"], strict=True))
    if older:
        st.caption(older)
    _pick(run, arm)


def _pick(run: Run, arm: str) -> None:
    """How the student of the title is chosen, and what chance alone keeps."""
    teacher, own = _teacher(run), _means(run)
    shown = own[own["arm"] == arm].dropna(subset=["latency_ms_p50", "accuracy"])
    words = []
    if len(shown) > 1:
        how = "on the same test texts" if shown["behind_high"].notna().all() else "by unpaired intervals"
        words.append(f"The title names the fastest whose distance from the most accurate may be chance ({how}, 95 %).")
    kept = one_answer.kept_sentence(run, teacher.accuracy if teacher is not None else None)
    if len(shown) or kept:
        st.caption(" ".join(filter(None, [*words, kept])))


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


@once.per_point
def _waiting(run: Run, dark: bool) -> None:
    """No student is tested yet: the teacher's curve, and who is already measured."""
    page.chart(curves.draw(run_panel.curves(run), curves.View("accuracy", dark=dark)), "ts_fig_teacher")
    st.caption("First the teacher learns and reads all texts once. Then a mark appears with every student.")
    timed = _rows(run).dropna(subset=["latency_ms_p50"]).drop_duplicates("student")
    if len(timed):
        pairs = zip(timed["label"], timed["latency_ms_p50"].astype(float), strict=True)
        times = [f"{label} {units.milliseconds(value)}" for label, value in pairs]
        size = f"1 × {int(timed['seq_len'].iloc[0])} tokens"
        st.caption(page.plain(f"Measured already, {size}: {', '.join(times)}."))


@once.per_result
def _gaps(run: Run, dark: bool) -> None:
    """What the teacher adds, family by family and as a mean; and who could not learn."""
    means, teacher, claim = _means(run), _teacher(run), _claim(run)
    page.chart(student_gaps.draw(means, teacher, claim, dark=dark), "ts_fig_gaps")
    if claim is not None:
        st.caption(page.plain(claim_sentence(claim)))
    if teacher is not None and teacher.labels is not None and len(means):
        students_saw = int(means["labels"].min())
        if teacher.labels > students_saw:
            st.caption(
                f"The teacher itself has seen {teacher.labels:,} labels, its students alone {students_saw:,}: "
                "a part of the gain is in these labels."
            )
    say_one_answer(tables_students.as_arms(_tested(run)))
    lengths = tables_reading.sentence(run)
    if lengths:
        st.caption(lengths)
    for name, message, hint in tables_students.failures(_rows(run)):
        st.warning(f"{page.plain(message)} {page.plain(hint)}", title=f"{page.plain(name)} could not learn")


def claim_sentence(claim: Claim) -> str:
    """The mean gain with its interval, and how "beyond chance" is counted."""
    points = f"{_signed(claim.mean)} points"
    if claim.interval is not None:
        low, high = (_signed(end) for end in claim.interval)
        points += f" (95 % interval over seeds and test texts {low} to {high})"
    mean = f"The teacher adds {points} to the accuracy, as a mean of {claim.n} students."
    if claim.better is None or claim.n == 1:
        return mean
    return (
        f"{mean} {claim.better} of {claim.n} gain beyond chance: with so many students tried at once, each must be "
        "surer than one alone would have to be (Holm's method)."
    )


def _signed(share: float) -> str:
    return f"{100 * share:+.1f}".replace("-", "−")


@once.per_result
def _tested(run: Run) -> pd.DataFrame:
    return _rows(run).dropna(subset=["accuracy"])


def _table(run: Run) -> None:
    if _tested(run).empty:
        return
    _numbers(run)
    means, teacher, claim = _means(run), _teacher(run), _claim(run)
    figures = [partial(ten_students.draw, means, teacher, arm) for arm in tables_students.arms(means)]
    last = partial(student_gaps.draw, means, teacher, claim)
    downloads.show(run, _tested(run), [*figures, last], name="students", key="ts")
    if claim is not None:
        _added(run)


@once.per_result
def _numbers(run: Run) -> None:
    st.markdown("##### The numbers")
    st.dataframe(
        _tested(run),
        hide_index=True,
        column_order=columns.known(_tested(run), COLUMNS),
        column_config=COLUMNS,
        placeholder=units.MISSING,
        key="ts_table",
        alt="Size, speed and accuracy of every student in every arm",
    )


@once.per_result
def _added(run: Run) -> None:
    with st.expander("What the teacher adds, student by student", icon=":material/table:"):
        st.dataframe(
            _gains(run),
            hide_index=True,
            column_order=list(GAINS),
            column_config=GAINS,
            placeholder=units.MISSING,
            key="ts_gains",
            alt="What the teacher adds to the accuracy of each student",
        )
