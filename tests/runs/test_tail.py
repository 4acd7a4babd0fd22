"""The shared reader of curves: incremental, thin, and right after a resume."""

from __future__ import annotations

import itertools
import threading
from pathlib import Path

import pandas as pd
import pytest
from sample_training import metrics

from distill_core.results import Metric
from distill_core.runs.run import Run
from distill_core.runs.store import RunStore
from distill_core.runs.tail import COLUMNS, MAX_POINTS, Line, Tail
from distill_core.specs import FinetuneSpec


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return RunStore(tmp_path / "runs").create(FinetuneSpec())


def point(step: int, value: float = 0.5, arm: str = "a", name: str = "loss") -> Metric:
    return Metric(arm=arm, step=step, epoch=step / 10, split="train", name=name, value=value, examples=32 * step)


def test_nothing_yet(run: Run) -> None:
    frame = Tail(run).frame()
    assert frame.empty
    assert tuple(frame.columns) == COLUMNS


def test_new_points_are_added_and_old_ones_not_read_again(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    tail = Tail(run)
    run.add_metrics([point(1), point(2)])
    assert list(tail.frame()["step"]) == [1, 2]
    offsets = []
    original = Run.read_metrics

    def read(self: Run, offset: int = 0) -> tuple[list[Metric], int]:
        offsets.append(offset)
        return original(self, offset)

    monkeypatch.setattr(Run, "read_metrics", read)
    run.add_metrics([point(3)])
    assert list(tail.frame()["step"]) == [1, 2, 3]
    assert offsets[0] > 0


def test_points_of_tests_are_counted_apart(run: Run) -> None:
    tail = Tail(run)
    assert tail.tests() == 0
    run.add_metrics([point(1), point(1).model_copy(update={"split": "validation"}), point(2)])
    tail.frame()
    assert tail.tests() == 1
    run.add_metrics([point(3), point(3).model_copy(update={"split": "test"})])
    tail.frame()
    assert tail.tests() == 2


def test_the_same_frame_while_nothing_is_new(run: Run) -> None:
    tail = Tail(run)
    run.add_metrics([point(1)])
    assert tail.frame() is tail.frame()


def test_long_lines_are_thinned_and_keep_both_ends() -> None:
    line = Line()
    for step in range(1, 5001):
        line.add(point(step))
    steps = [metric.step for metric in line.thinned()]
    assert MAX_POINTS // 2 <= len(steps) <= MAX_POINTS
    assert (steps[0], steps[-1]) == (1, 5000)
    assert steps == sorted(set(steps))
    gaps = {after - before for before, after in itertools.pairwise(steps[:-1])}
    assert len(gaps) == 1  # evenly spread, but for the newest point


def test_a_resumed_run_replaces_the_steps_that_it_repeats(run: Run) -> None:
    tail = Tail(run)
    run.add_metrics([point(step, 1.0) for step in range(1, 11)])
    tail.frame()
    run.add_metrics([point(step, 2.0) for step in range(6, 13)])
    frame = tail.frame()
    assert list(frame["step"]) == list(range(1, 13))
    assert list(frame["value"]) == [1.0] * 5 + [2.0] * 7


def test_curves_are_kept_apart_in_the_order_in_which_they_began(run: Run) -> None:
    run.add_metrics([*metrics("scratch", 0.7), *metrics("pretrained", 0.8)])
    frame = Tail(run).frame()
    assert list(frame["arm"].unique()) == ["scratch", "pretrained"]
    assert frame.groupby(["arm", "split", "name"]).size().max() <= MAX_POINTS


def test_one_curve_is_its_part_of_the_frame(run: Run) -> None:
    tail = Tail(run)
    assert tail.curve("scratch").empty
    assert tail.learning() == ""
    run.add_metrics([*metrics("scratch", 0.7), *metrics("pretrained", 0.8)])
    own = tail.curve("scratch")
    whole = tail.frame()
    pd.testing.assert_frame_equal(own, whole[whole["arm"] == "scratch"].reset_index(drop=True))
    assert set(own["arm"]) == {"scratch"}
    assert tail.learning() == "pretrained"
    run.add_metrics([point(1000, 0.4, "scratch")])
    assert tail.curve("scratch")["step"].max() == 1000


def test_a_test_alone_is_no_learning(run: Run) -> None:
    run.add_metrics([point(1, arm="bow").model_copy(update={"split": "test", "name": "accuracy"})])
    assert Tail(run).learning() == ""


def test_many_readers_at_once_see_each_point_once(run: Run) -> None:
    tail = Tail(run)
    run.add_metrics([point(step) for step in range(1, 101)])
    threads = [threading.Thread(target=tail.frame) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert list(tail.frame()["step"]) == list(range(1, 101))
