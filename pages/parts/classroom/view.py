"""What teacher and students see of the class: the table, the picture with the frontier, the guesses."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from distill_core import units
from distill_core.classroom import board, classes
from distill_core.classroom.board import Board
from distill_core.figures import class_board
from distill_core.settings import settings
from pages.parts.shared import columns, page, stored_runs

EVERY_S = 2.0
PAGES = (
    "compare",
    "pretrain",
    "finetune",
    "transfer",
    "soft-labels",
    "distill",
    "students",
    "take-apart",
    "objectives",
)
_SECOND = 1.0
ROWS_PX = 640  # of a table of students; a longer one scrolls
_STUDENTS = ("student", "since", "doing", "runs", "best_accuracy", "handed_in")
_POINTS = ("student", "label", "accuracy", "latency_ms_p50", "params", "run")


def board_of(code: str) -> Board:
    """The board of a class; made once a second for all who look at it. Raises RunError for no class."""
    return _board(str(settings().runs_dir), code)


@st.cache_resource(ttl=_SECOND, max_entries=32, show_spinner=False)
def _board(root: str, code: str) -> Board:
    return board.of(stored_runs.own(), classes.get(settings().runs_dir, code))


def students_table(students: pd.DataFrame) -> None:
    """Who does what, and since when."""
    shown = students.assign(
        handed_in=students["handed_in"].astype(bool),
        since=[units.duration(seconds) for seconds in students["since_s"]],
        best_accuracy=students["best_accuracy"].astype("Float64"),
    )
    st.dataframe(
        shown,
        hide_index=True,
        column_order=_STUDENTS,
        column_config=columns.of(*_STUDENTS, widths={"student": 110, "since": 70}),
        placeholder="",
        height=min(38 + 35 * max(1, len(shown)), ROWS_PX),
        alt="The students of the class, what each does, and their best accuracy",
    )


def results(found: Board) -> None:
    """The picture of one data set, and its table."""
    points = found.points
    datasets = list(dict.fromkeys(points["dataset"]))
    if len(datasets) > 1:
        most = points["dataset"].value_counts().idxmax()
        chosen = st.selectbox("Data set", datasets, datasets.index(most), key="board_dataset", width=320)
        points = points[points["dataset"] == chosen]
    has_times = points["latency_ms_p50"].notna().any()
    x = "latency_ms_p50" if has_times else "params"
    if has_times and points["params"].notna().any():
        named = {"latency_ms_p50": "Latency", "params": "Parameters"}
        x = st.segmented_control(
            "Horizontal axis", list(named), default=x, required=True, format_func=named.__getitem__, key="board_x"
        )
    page.chart(class_board.draw(points, board.frontier(points, x), x, dark=page.is_dark()), "board_figure")
    if len(points):
        with st.expander("All results", icon=":material/table_rows:"):
            st.dataframe(
                points.sort_values("accuracy", ascending=False),
                hide_index=True,
                column_order=_POINTS,
                column_config=columns.of(
                    "student", ("label", "model"), "accuracy", "latency_ms_p50", "params", ("run", "id")
                ),
                alt="All results of the class, the most accurate first",
            )


def guesses(found: Board, *, may_reveal: bool) -> None:
    """The class's guesses of one number; the teacher uncovers what was measured."""
    if found.guesses.empty:
        return
    st.markdown("##### What the class has guessed")
    labels = dict(zip(found.guesses["question"] + found.guesses["run"], found.guesses["label"], strict=True))
    counts = (found.guesses["question"] + found.guesses["run"]).value_counts()
    key = st.selectbox("Number", list(counts.index), format_func=labels.__getitem__, key="board_question", width=420)
    rows = found.guesses[(found.guesses["question"] + found.guesses["run"]) == key]
    is_shown = may_reveal and st.toggle("Show what was measured", key="board_reveal")
    figure = class_board.draw_guesses(rows, labels[key], is_shown=bool(is_shown), dark=page.is_dark())
    page.chart(figure, "board_guesses")


def figure_html(points: pd.DataFrame) -> str:
    """The picture for the HTML report, with all that it needs; empty without results."""
    if points.empty:
        return ""
    x = "latency_ms_p50" if points["latency_ms_p50"].notna().any() else "params"
    most = points["dataset"].value_counts().idxmax()
    shown = points[points["dataset"] == most]
    figure = class_board.draw(shown, board.frontier(shown, x), x)
    return str(figure.to_html(include_plotlyjs=True, full_html=False, config={"showSendToCloud": False}))
