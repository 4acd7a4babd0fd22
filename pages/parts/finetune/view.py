"""A fine-tuning on the page: curves while it learns, then what pre-training was worth, and the numbers behind it."""

from __future__ import annotations

from functools import partial

import pandas as pd
import streamlit as st

from distill_core.datasets import csv_files
from distill_core.figures import arms, curves
from distill_core.figures.lines import X_TITLES, XAxis
from distill_core.files import source_code
from distill_core.results import LIVE
from distill_core.runs.run import Run
from distill_core.tables import balance, one_answer
from distill_core.tables import training as tables_training
from pages.parts.shared import columns, once, page, provenance, run_panel, stored_runs

SEEN = (
    "Each bar is one way to learn the task from the same labeled texts. The gap between fine-tuned and from scratch is "
    "what pre-training was worth with so many labels. Transfer lab draws it for other numbers of labels."
)
FORMULA = r"\mathcal{L} = \mathrm{CE}(y, p) = -\log p_y"
CODE = source_code.definitions("training/losses:hard_label_loss")
COLUMNS = columns.of(
    ("title", "way_to_learn"),
    "accuracy",
    "ci_low",
    "ci_high",
    "majority",
    "balanced_accuracy",
    "recalls",
    "answered",
    "params_trained",
    "train_s",
    "train_examples",
    "seed",
    "n_eval",
    "params",
    "source",
)


_frame = once.per_result(tables_training.finetune_frame)


def show(run: Run) -> None:
    """All that is known of the run so far. Called again and again while it is live."""
    live = run.state().state in LIVE
    if live:
        _curves(run)
    _arms(run, live, page.is_dark())
    if not live:
        _table(run)
        folded = st.expander("How it learned", icon=":material/show_chart:", key="ft_learned", bind="query-params")
        if folded.open:
            with folded:
                _curves(run)


@once.per_result
def _arms(run: Run, live: bool, dark: bool) -> None:
    """The ways to learn side by side, where the numbers come from, and what went wrong."""
    frame = _frame(run)
    if not live or not frame.empty:
        page.chart(arms.draw(frame, dark=dark), "ft_fig_arms")
    if run.environment() is not None:
        provenance.caption(provenance.measured(run, stored_runs.is_recorded(run)))
    warn_of_failures(frame)
    say_one_answer(frame)


def _curves(run: Run) -> None:
    x = x_axis("ft_x") if len(run_panel.curves(run)) else "examples"
    _accuracy(run, curves.View("accuracy", x, dark=page.is_dark()), run_panel.tests(run))
    _loss(run, curves.View("loss", x, dark=page.is_dark()))


@once.per_result
def _accuracy(run: Run, view: curves.View, tests: int) -> None:
    """Drawn again with every test: `tests` counts them."""
    page.chart(curves.draw(run_panel.curves(run), view), "ft_fig_accuracy")


@once.per_point
def _loss(run: Run, view: curves.View) -> None:
    page.chart(curves.draw(run_panel.curves(run), view), "ft_fig_loss")
    st.caption("Frozen and bag of words are solved at once, so they have no curve.")


def x_axis(key: str) -> XAxis:
    """Texts learned from, or seconds."""
    return st.segmented_control(
        "Along the axis",
        list(X_TITLES),
        default="examples",
        required=True,
        format_func=X_TITLES.__getitem__,
        key=key,
        bind="query-params",
        label_visibility="collapsed",
    )


def warn_of_failures(frame: pd.DataFrame) -> None:
    """What went wrong in which arm, and what to do. `frame`: `tables.training.finetune_frame`."""
    failed = frame.dropna(subset=["error"])
    for title, error, hint in zip(failed["title"], failed["error"], failed["error_hint"], strict=True):
        st.warning(page.plain(f"{error!s} {hint or ''}"), title=f"{page.plain(title)} failed")


def say_one_answer(frame: pd.DataFrame) -> None:
    """What one answer to all test texts is worth, and which models give one. `frame`: of `tables.training`."""
    for sentence in filter(None, (balance.sentence(frame), *one_answer.sentences(frame))):
        st.caption(page.plain(sentence))


def _table(run: Run) -> None:
    frame = _frame(run)
    if frame.empty:
        return
    _numbers(run)
    st.download_button(
        "CSV",
        partial(csv_files.safe_csv, frame),
        f"finetune-{run.id}.csv",
        "text/csv",
        icon=":material/download:",
        on_click="ignore",
        key="ft_csv",
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
        key="ft_table",
        alt="Accuracy, trained parameters and seconds of each way to learn",
    )
