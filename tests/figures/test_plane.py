"""The plane of accuracy and latency: who stands where, who is beaten, what the title says."""

from __future__ import annotations

import pandas as pd

from distill_core.figures import plane
from distill_core.runs.tail import COLUMNS


def points(*rows: tuple[str, str, str, int, float]) -> pd.DataFrame:
    records = [[arm, split, name, step, 0.0, step * 32, float(step), value] for arm, split, name, step, value in rows]
    return pd.DataFrame(records, columns=list(COLUMNS))


RUN = points(
    ("teacher", "test", "latency_ms_p50", 0, 20.0),
    ("distilled", "test", "latency_ms_p50", 0, 10.0),
    ("scratch", "test", "latency_ms_p50", 0, 10.5),
    ("distilled", "validation", "accuracy", 10, 0.5),
    ("distilled", "validation", "teacher accuracy", 10, 0.9),
    ("distilled", "validation", "accuracy", 20, 0.85),
    ("distilled", "validation", "teacher accuracy", 20, 0.9),
    ("scratch", "validation", "accuracy", 10, 0.6),
    ("distilled", "train", "loss", 10, 1.0),
)


def test_paths_are_read_from_the_curves() -> None:
    found = plane.plane(RUN)
    assert found.teacher == (20.0, 0.9)
    assert [(path.curve, path.latency_ms, path.accuracies) for path in found.paths] == [
        ("distilled", 10.0, (0.5, 0.85)),
        ("scratch", 10.5, (0.6,)),
    ]


def test_the_frontier_leaves_out_who_is_beaten_in_both() -> None:
    assert plane.frontier(plane.plane(RUN)) == [(10.0, 0.85), (20.0, 0.9)]


def test_the_title_is_the_answer() -> None:
    figure = plane.draw(RUN)
    assert figure.layout.title.text == "Distilled: 2.0 × as fast (single measurement), 5.0 points below its teacher"
    assert figure.layout.xaxis.title.text == "latency of one text, p50 (ms)"
    assert figure.layout.yaxis.title.text == "accuracy on validation texts (%)"
    assert figure.layout.xaxis.range[0] == 0


def test_the_ratio_is_that_of_the_turns_and_the_load_is_said() -> None:
    turns = points(
        ("distilled", "test", "speedup", 0, 1.7),
        ("distilled", "test", "speedup_low", 0, 1.6),
        ("distilled", "test", "speedup_high", 0, 1.8),
        ("distilled", "test", "busy_cores", 0, 0.8),
    )
    figure = plane.draw(pd.concat([RUN, turns]))
    assert figure.layout.title.text == "Distilled: 1.7 × as fast, 5.0 points below its teacher"
    assert figure.layout.title.subtitle.text == "measured while other programs used up to 0.8 cores"
    turns.loc[turns["name"] == "speedup_low", "value"] = 0.7
    title = plane.draw(pd.concat([RUN, turns])).layout.title.text
    assert title == "Distilled: no clear difference in speed, 5.0 points below its teacher"


def test_before_the_first_test_there_is_a_titled_empty_figure() -> None:
    for frame in (points(), RUN[RUN["split"] == "test"], RUN[RUN["split"] == "train"]):
        assert plane.draw(frame).layout.title.text == "No student in the plane yet"
