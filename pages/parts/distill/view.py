"""A distillation on the page: curves while the student learns, then what it kept, beside DistilBERT's claims."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import pandas as pd
import streamlit as st

from distill_core import units
from distill_core.datasets import catalogue, csv_files
from distill_core.figures import claims, curves, errors, loss_terms, plane, samples, students
from distill_core.figures.lines import XAxis
from distill_core.files import source_code
from distill_core.results import LIVE, DistillResult
from distill_core.runs.run import Run
from distill_core.specs import DistillSpec
from distill_core.tables import reading as tables_reading
from distill_core.tables import soft_targets as tables_soft_targets
from distill_core.tables import training as tables_training
from distill_core.tables import unlabeled as tables_unlabeled
from pages.parts.distill import few_labels
from pages.parts.finetune.view import say_one_answer, x_axis
from pages.parts.shared import columns, links, once, page, provenance, run_panel, stored_runs

SEEN = (
    "The bars are measured in this run; the hollow diamonds are the claims of DistilBERT's paper, for its own task and "
    "machine. Inherited errors are the teacher's own. A student from scratch lacks the teacher's layers as well as its "
    "soft targets; one of copied layers that sees the labels alone lacks the soft targets alone."
)
CODE = source_code.definitions("training/losses:soft_target_loss")
COLUMNS = columns.of(
    ("label", "model"),
    "params",
    "params_saved",
    "accuracy",
    "retained",
    ("speedup", "over_teacher"),
    "agreement",
    "ci_low",
    "ci_high",
    "n_eval",
    "majority",
    "balanced_accuracy",
    "recalls",
    "answered",
    "retained_low",
    "retained_high",
    "batch_size",
    "seq_len",
    "latency_ms_p50",
    "latency_ms_p95",
    "teacher_ms",
    "speedup_low",
    "speedup_high",
    "busy_cores",
    "n_iterations",
    "kl_to_teacher",
    "layers",
    "train_texts",
    "labels",
    "train_s",
    "source",
)
QUANTITIES: dict[curves.Quantity, str] = {"accuracy": "Accuracy", "agreement": "Agreement with the teacher"}


_frame = once.per_result(tables_training.students_frame)


@once.per_result
def _students(run: Run) -> pd.DataFrame:
    return tables_training.students(_frame(run))


@once.per_result
def _teacher(run: Run) -> float | None:
    return tables_training.teacher_accuracy(_frame(run))


def show(run: Run) -> None:
    """All that is known of the run so far. Called again and again while it is live."""
    if run.state().state in LIVE:
        _learning(run)
        _so_far(run, page.is_dark())
        return
    curve = _card(run)
    folded = st.expander("How it learned", icon=":material/show_chart:", key="d_learned", bind="query-params")
    if folded.open:
        with folded:
            _learning(run, curve)


@once.per_result
def _so_far(run: Run, dark: bool) -> None:
    """The students that are tested while others learn."""
    frame = _frame(run)
    if len(frame) > 1:
        page.chart(students.draw(frame, dark=dark), "d_fig_students")
    if run.environment() is not None:
        provenance.caption(provenance.measured(run))
    _failures(run)


def _failures(run: Run) -> None:
    """What went wrong in which arm, and what to do."""
    result = run.result_as(DistillResult)
    for one in result.failed if result is not None else ():
        title = page.plain(tables_training.arm_title(one.arm))
        st.warning(page.plain(f"{one.error.message} {one.error.hint}"), title=f"{title}, seed {one.seed}, failed")


def _learning(run: Run, curve: str = "") -> None:
    """Curves with the teacher dashed; the terms of the loss and some texts as both see them, for one curve or the
    newest."""
    learning = run_panel.learning(run)
    x, quantity = _pickers() if learning else ("examples", "accuracy")
    view = curves.View(quantity, x, _teacher(run), page.is_dark())
    shown, tests = curve or learning, run_panel.tests(run)
    _curves(run, view, tests)
    _terms(run, shown, x, view.dark)
    _samples(run, shown, tests, view.dark)


@once.per_result
def _curves(run: Run, view: curves.View, tests: int) -> None:
    """Drawn again with every test: `tests` counts them."""
    points = run_panel.curves(run)
    page.chart(curves.draw(points, view), "d_fig_curves")
    page.chart(plane.draw(points, dark=view.dark), "d_fig_plane")


@once.per_point
def _terms(run: Run, curve: str, x: XAxis, dark: bool) -> None:
    page.chart(loss_terms.draw(run_panel.curve(run, curve), _weights(run), x=x, dark=dark), "d_fig_terms")


@once.per_result
def _samples(run: Run, curve: str, tests: int, dark: bool) -> None:
    """As `_curves`."""
    result = run.result_as(DistillResult)
    if result is not None and result.sample_texts:
        page.chart(samples.draw(run_panel.curve(run, curve), result, dark=dark), "d_fig_samples")


def _pickers() -> tuple[XAxis, curves.Quantity]:
    """What runs along the axis, and which curve is drawn."""
    with st.container(horizontal=True):
        x = x_axis("d_x")
        quantity = st.segmented_control(
            "Curve",
            list(QUANTITIES),
            default="accuracy",
            required=True,
            format_func=QUANTITIES.__getitem__,
            key="d_curve",
            bind="query-params",
            label_visibility="collapsed",
        )
    return x, quantity


def _weights(run: Run) -> Mapping[str, float]:
    spec = run.spec_as(DistillSpec)
    if spec is None:
        return {}
    return spec.weights.by_term


def _card(run: Run) -> str:
    """Size, speed and accuracy beside the published claims; agreement and errors; the numbers. Returns the curve of
    the student that was chosen."""
    found = _students(run)
    chosen = _choose(list(found["label"]))
    _figures(run, chosen, page.is_dark())
    if found.empty:
        return ""
    few_labels.show(run)
    _table(run)
    return str(found.loc[found["label"] == chosen, "curve"].iloc[0])


@once.per_result
def _figures(run: Run, chosen: str, dark: bool) -> None:
    """One student beside the claims; all of them, and their errors."""
    frame, found = _frame(run), _students(run)
    arm = next(iter(found.loc[found["label"] == chosen, "arm"]), "distilled")
    page.chart(claims.draw(tables_training.claims_frame(frame, chosen), arm=arm, dark=dark), "d_fig_claims")
    provenance.caption(provenance.measured(run, stored_runs.is_recorded(run)), provenance.PUBLISHED + ": ◇")
    _failures(run)
    if found.empty:
        return
    _metrics(found[found["label"] == chosen].iloc[0])
    grid = st.grid(2, min_column_width=340, gap="medium")
    for key, draw in (("d_fig_students", students.draw), ("d_fig_errors", errors.draw)):
        with grid.cell():
            page.chart(draw(frame, dark=dark), key)
    say_one_answer(frame)
    worth = tables_soft_targets.sentence(run)
    if worth:
        st.caption(worth)
    gain = tables_unlabeled.gain(run)
    if gain is not None:
        st.caption(gain.sentence)
    lengths = tables_reading.sentence(run)
    if lengths:
        st.caption(lengths)


def _choose(labels: list[str]) -> str:
    """Which student the claims speak of; a question only where there are several."""
    if len(labels) < 2:
        return labels[0] if labels else ""
    return st.segmented_control(
        "Student",
        labels,
        default=labels[0],
        required=True,
        key="d_student",
        bind="query-params",
        wrap=True,
        label_visibility="collapsed",
    )


def _metrics(student: pd.Series) -> None:
    load = units.others_load(student["busy_cores"])
    tokens = "" if units.is_missing(student["seq_len"]) else f" of {int(student['seq_len'])} tokens"
    cards = (
        (
            "Agreement",
            units.percent(student["agreement"], 3),
            "Share of the test texts on which student and teacher choose the same class, right or wrong.",
        ),
        ("Parameters", units.millions(student["params"]), "Exact: counted in the student that was trained."),
        (
            "Time a text",
            units.milliseconds(student["latency_ms_p50"]),
            f"Median (p50) of one text{tokens} at a time, teacher and student measured in turns."
            f"{f' It was {load}.' if load else ''}",
        ),
    )
    with st.grid(3, min_column_width=150, gap="small"):
        for label, value, sentence in cards:
            st.metric(label, value, help=sentence, border=True)


def _table(run: Run) -> None:
    _numbers(run)
    st.download_button(
        "CSV",
        partial(csv_files.safe_csv, _frame(run)),
        f"distill-{run.id}.csv",
        "text/csv",
        icon=":material/download:",
        on_click="ignore",
        key="d_csv",
    )


@once.per_result
def _numbers(run: Run) -> None:
    st.markdown("##### The numbers")
    st.dataframe(
        _frame(run),
        hide_index=True,
        column_order=columns.known(_frame(run), COLUMNS),
        column_config=COLUMNS,
        placeholder="n/a",
        key="d_table",
        alt="Size, speed, accuracy and agreement of the teacher and of each student",
    )


def compare_link(run: Run) -> None:
    """Teacher and student side by side, under any batch size and length."""
    spec = run.spec_as(DistillSpec)
    if spec is None or stored_runs.is_recorded(run) or not run.model_dir.is_dir():
        return
    state: dict[str, object] = {"models": [str(spec.teacher), f"run:{run.id}"]}
    if str(spec.dataset) in catalogue.names():
        state["dataset"] = str(spec.dataset)
    links.to(links.COMPARE, "Compare both at other lengths and batch sizes", **state)
