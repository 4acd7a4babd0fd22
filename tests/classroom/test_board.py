"""The board: who does what, what came out, the frontier, and what leaves as a file."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pandas as pd
import pytest
import sample_training as sample

from distill_core.classroom import board, classes, export
from distill_core.classroom.classes import Class, Guess
from distill_core.figures import class_board
from distill_core.runs.run import Run
from distill_core.runs.store import RunStore

A, B = "a" * 32, "b" * 32


@pytest.fixture
def store(tmp_path: Path) -> RunStore:
    return RunStore(tmp_path / "runs")


@pytest.fixture
def found(store: RunStore) -> Class:
    return classes.open_class(store.root, "Group 2")


def owned(run: Run, owner: str, **state: object) -> Run:
    run.set_launch_info({"owner": owner})
    run.set_state(**{"created_at": "2999-01-01T00:00:00.000+00:00", **state})
    return run


def test_results_come_from_the_runs_of_the_class_alone(store: RunStore, found: Class) -> None:
    classes.join(store.root, found.code, A, "Fox")
    mine = owned(sample.distill_run(store, "minilm"), A)
    owned(sample.finetune_run(store), A, created_at="2000-01-01T00:00:00.000+00:00")  # before the class
    owned(sample.finetune_run(store), B)  # not in the class
    sample.finetune_run(store)  # the machine's own
    points = board.of(store, found).points
    assert set(points["run"]) == {mine.id}
    result = mine.result()
    assert result is not None
    students = {row.arm: row for row in result.measured}
    shown = points.set_index("label")
    assert shown.loc["Distilled", "accuracy"] == pytest.approx(students["distilled"].accuracy)
    assert shown.loc["Distilled", "params"] == students["distilled"].params
    assert shown.loc["Teacher network", "accuracy"] == pytest.approx(result.teacher.accuracy)


def test_an_unfinished_run_shows_nothing_yet_and_its_student_is_at_work(store: RunStore, found: Class) -> None:
    classes.join(store.root, found.code, A, "Fox")
    owned(sample.finetune_run(store, state="running"), A, progress=0.4)
    shown = board.of(store, found)
    assert shown.points.empty
    assert shown.students["doing"].tolist() == ["a run is at 40 %"]
    assert not shown.students["is_stuck"].any()


@pytest.mark.parametrize(("after_s", "doing", "stuck"), [(10, "has not begun", False), (400, "has not begun", True)])
def test_who_has_not_begun_and_for_how_long(
    store: RunStore, found: Class, after_s: int, doing: str, stuck: bool
) -> None:
    student = classes.join(store.root, found.code, A, "Fox")
    moment = (pd.Timestamp(student.joined_at) + pd.Timedelta(seconds=after_s)).isoformat(timespec="milliseconds")
    row = board.of(store, found, moment).students.iloc[0]
    assert row["doing"] == "has not begun"
    assert row["since_s"] == pytest.approx(after_s, abs=0.01)
    assert bool(row["is_stuck"]) is stuck


def test_whose_run_failed_may_need_help_until_something_is_handed_in(store: RunStore, found: Class) -> None:
    student = classes.join(store.root, found.code, A, "Fox")
    run = owned(sample.finetune_run(store, state="failed"), A, ended_at="2999-01-01T00:00:00.000+00:00")
    moment = "2999-01-01T00:01:30.000+00:00"
    row = board.of(store, found, moment).students.iloc[0]
    assert (row["doing"], row["since_s"], bool(row["is_stuck"])) == ("a run has failed", 90.0, True)
    classes.update(store.root, found.code, student.key, handed_in=run.id)
    assert not board.of(store, found, moment).students["is_stuck"].any()


def test_names_can_be_hidden_and_later_results_kept_back(store: RunStore, found: Class) -> None:
    classes.join(store.root, found.code, A, "Fox")
    owned(sample.finetune_run(store), A, ended_at="2999-01-01T00:05:00.000+00:00")
    hidden = classes.change(store.root, found.code, is_anonymous=True)
    assert set(board.of(store, hidden).points["student"]) == {"Student 1"}
    for frozen, count in (("2999-01-01T00:04:00.000+00:00", 0), ("2999-01-01T00:06:00.000+00:00", 1)):
        kept = classes.change(store.root, found.code, frozen_at=frozen)
        assert len(board.of(store, kept).points) == count


def test_the_frontier_is_what_no_other_model_beats() -> None:
    points = pd.DataFrame(
        {"params": [10, 20, 20, 30, 5, None], "accuracy": [0.7, 0.8, 0.75, 0.8, 0.6, 0.99]}, dtype="float64"
    )
    on = board.frontier(points, "params")
    beaten = [
        any((points["params"] <= x) & (points["accuracy"] >= y) & ((points["params"] < x) | (points["accuracy"] > y)))
        for x, y in zip(points["params"], points["accuracy"], strict=True)
    ]
    wanted = {i for i, is_beaten in enumerate(beaten) if not is_beaten and pd.notna(points["params"][i])}
    assert set(on.index) == wanted == {0, 1, 4}
    assert board.frontier(points.iloc[:0], "params").empty


def test_files_to_take_home_hold_no_formula_and_no_markup(store: RunStore, found: Class) -> None:
    evil = "=1+1<img src=x>"
    key = classes.join(store.root, found.code, A, evil).key
    owned(sample.distill_run(store, "minilm"), A)
    guess = Guess(run="r", question="q", label="<script>x</script>", value=0.25, measured=0.5)
    classes.add_guesses(store.root, found.code, key, [guess])
    shown = board.of(store, found)
    rows = list(csv.DictReader(io.StringIO(export.csv_text(shown))))
    assert {row["student"] for row in rows} == {f"'{evil}"}
    assert float(rows[0]["accuracy"]) == pytest.approx(shown.points["accuracy"].iloc[0])
    page = export.html_text(found, shown)
    assert "<img" not in page
    assert "<script" not in page
    assert "&lt;script&gt;x&lt;/script&gt;" in page
    assert "<td class=number>25</td><td class=number>50</td>" in page


def test_the_picture_says_what_it_shows() -> None:
    points = pd.DataFrame(
        {
            "student": ["Fox", "Fox", "Owl"],
            "label": ["a", "b", "<b>c</b>"],
            "accuracy": [0.7, 0.8, 0.75],
            "latency_ms_p50": [3.0, 5.0, 9.0],
            "params": [1e6, 2e6, 3e6],
            "is_teacher": [False] * 3,
        }
    )
    figure = class_board.draw(points, board.frontier(points, "params"), "params")
    assert figure.layout.title.text == "3 models of 2 students; the most accurate is right on 80 %"
    assert sum(len(trace.x) for trace in figure.data if trace.mode != "lines") == 3
    assert "<b>c</b>" not in str(figure.data)
    empty = class_board.draw(points.iloc[:0], points.iloc[:0], "params")
    assert not empty.data
    assert empty.layout.title.text == "No result yet"


def test_the_histogram_counts_every_guess_and_keeps_the_answer_until_it_is_shown() -> None:
    guesses = pd.DataFrame({"guess": [0.0, 0.5, 0.52, 1.0], "measured": [None, 0.61, 0.61, None]})
    for is_shown in (False, True):
        figure = class_board.draw_guesses(guesses, "Fine-tuned", is_shown=is_shown)
        assert sum(figure.data[0].y) == 4
        assert bool(figure.layout.shapes) is is_shown
        assert ("61 %" in str(figure.layout.title.subtitle.text)) is is_shown
        assert all(0 <= x <= 1 for x in figure.data[0].x)
