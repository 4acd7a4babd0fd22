"""Curves, loss terms and sample texts: values, titles, units, direct labels, and the empty case."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import sample_training as sample

from distill_core.figures import curves, lines, loss_terms, samples, theme
from distill_core.figures.curves import View
from distill_core.figures.lines import Arm, arm_of
from distill_core.results import DistillResult, Metric
from distill_core.runs.store import RunStore
from distill_core.runs.tail import COLUMNS, Tail

EMPTY = pd.DataFrame(columns=list(COLUMNS))


@pytest.fixture
def store(tmp_path: Path) -> RunStore:
    return RunStore(tmp_path / "runs")


@pytest.fixture
def points(store: RunStore) -> pd.DataFrame:
    """Two arms of a finished distillation."""
    students = (sample.student(), sample.student("scratch", 0.69))
    return Tail(sample.distill_run(store, "minilm", students=students)).frame()


def frame_of(values: dict[str, list[float]], name: str = "accuracy", split: str = "validation") -> pd.DataFrame:
    """One line an arm: value i after i + 1 steps of 100 texts."""
    rows = [
        Metric(arm=arm, step=i, epoch=i, split=split, name=name, value=value, examples=100 * i, elapsed_s=2.0 * i)
        for arm, line in values.items()
        for i, value in enumerate(line, 1)
    ]
    return pd.DataFrame([[getattr(row, column) for column in COLUMNS] for row in rows], columns=list(COLUMNS))


def notes(figure: Any) -> list[str]:
    return [note.text for note in figure.layout.annotations]


# ── accuracy and loss ────────────────────────────────────────────────────────────────────────────────────────────


def test_accuracy_against_the_teacher() -> None:
    figure = curves.draw(frame_of({"distilled": [0.6, 0.8], "scratch": [0.5, 0.7]}), View(teacher=0.842))
    assert figure.layout.title.text == (
        "Distilled is right on 80 % of the validation texts; its teacher on 84 % of the test texts"
    )
    assert [list(trace.y) for trace in figure.data] == [[60, 80], [50, 70]]
    assert list(figure.data[0].x) == [100, 200]
    assert figure.data[0].hovertext[1] == "Distilled: right on 80 % after 200 texts"
    assert figure.layout.xaxis.title.text == "texts learned from"
    assert figure.layout.yaxis.title.text == "accuracy (%), validation texts"
    line = figure.layout.shapes[0]
    assert (line.y0, line.y1, line.line.dash) == (84.2, 84.2, "dash")
    assert set(notes(figure)) == {"Distilled<br><b>80 %</b>", "From scratch<br><b>70 %</b>", "Teacher<br><b>84.2 %</b>"}
    assert not figure.layout.showlegend


def test_seconds_along_the_axis() -> None:
    figure = curves.draw(frame_of({"distilled": [0.6, 0.8]}), View(x="elapsed_s"))
    assert list(figure.data[0].x) == [2, 4]
    assert figure.layout.xaxis.title.text == "seconds of training"
    assert "after 4 s of training" in figure.data[0].hovertext[1]


def test_without_a_teacher_the_best_arm_meets_the_worst() -> None:
    figure = curves.draw(frame_of({"scratch": [0.5, 0.7], "pretrained": [0.7, 0.81]}), View())
    assert figure.layout.title.text == ("Fine-tuned is right on 81 % of the validation texts, from scratch on 70 %")
    assert not figure.layout.shapes


def test_seeds_are_thin_and_their_mean_is_thick() -> None:
    figure = curves.draw(frame_of({"distilled-0": [0.6, 0.8], "distilled-1": [0.7, 0.9, 0.95]}), View())
    widths = [trace.line.width for trace in figure.data]
    assert widths == [1, 1, 2.5]
    assert list(figure.data[2].y) == pytest.approx([65, 85])  # as far as both have come
    assert notes(figure) == ["Distilled<br><b>85 %</b>"]


def test_loss_from_zero_with_its_unit() -> None:
    figure = curves.draw(frame_of({"pretrained": [0.7, 0.35]}, "loss", "train"), View("loss"))
    assert figure.layout.title.text == "Fine-tuned: the loss went from 0.7 to 0.35"
    assert figure.layout.yaxis.range[0] == 0
    assert figure.layout.yaxis.title.text == "training loss (nats)"


def test_agreement_with_the_teacher() -> None:
    figure = curves.draw(frame_of({"distilled": [0.8, 0.93]}, "agreement"), View("agreement", teacher=0.84))
    assert figure.layout.title.text == "Distilled says what its teacher says on 93 % of the validation texts"
    assert not figure.layout.shapes


@pytest.mark.parametrize("quantity", ["accuracy", "agreement", "loss"])
def test_nothing_yet_is_a_titled_empty_figure(quantity: curves.Quantity) -> None:
    figure = curves.draw(EMPTY, View(quantity))
    assert not figure.data
    assert figure.layout.title.text == f"No {quantity} yet"
    assert "The first point comes" in notes(figure)[0]


def test_one_point_is_a_mark() -> None:
    figure = curves.draw(frame_of({"distilled": [0.6]}), View())
    assert figure.data[0].mode == "lines+markers"


def test_of_many_lines_the_best_and_the_newest_are_named() -> None:
    values = {f"temperature {n}": [0.5, 0.6 + n / 100] for n in (9, *range(1, 8))}
    figure = curves.draw(frame_of(values), View())
    assert len(figure.data) == 8
    assert set(notes(figure)) == {"Temperature 9<br><b>69 %</b>", "Temperature 7<br><b>67 %</b>"}


def test_dark_ink() -> None:
    figure = curves.draw(frame_of({"distilled": [0.6, 0.8]}), View(teacher=0.9, dark=True))
    assert figure.layout.shapes[0].line.color == theme.INK_DARK


# ── names and labels ─────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("name", "arm"),
    [
        ("pretrained", Arm("pretrained")),
        ("pretrained-2000-1", Arm("pretrained", 2000, 1)),
        ("init-only", Arm("init-only")),
        ("scratch-distilled-2", Arm("scratch-distilled", None, 2)),
        ("temperature 2, soft 0.5", Arm("temperature 2, soft 0.5")),
        ("no soft-1", Arm("no soft", None, 1)),
        ("top2-1000-0", Arm("top2", 1000, 0)),
        ("zero-shot-50-2", Arm("zero-shot", 50, 2)),
        ("pretrained-movies-1000-0", Arm("pretrained", 1000, 0, "movies")),
        ("bow-nyt", Arm("bow", dataset="nyt")),
        ("top2-nyt-1000-0", Arm("top2", 1000, 0, "nyt")),
    ],
)
def test_names_of_curves(name: str, arm: Arm) -> None:
    assert arm_of(name) == arm


def test_titles_of_arms() -> None:
    assert Arm("pretrained", 2000, 1).title == "Fine-tuned, 2,000 texts"
    assert Arm("no soft").title == "Without soft targets"
    assert Arm("temperature 2").title == "Temperature 2"
    assert Arm("lora", dataset="tweets").title == "LoRA on tweets"
    assert arm_of("top2-1000-0").title == "Top 2 layers, 1,000 texts"


def test_end_labels_keep_apart_and_inside() -> None:
    found = lines.end_labels([(84.0, "a", "#000"), (83.9, "b", "#000"), (84.1, "c", "#000")], (60.0, 85.0), 270)
    places = [note["y"] for note in found]
    gaps = [after - before for before, after in itertools.pairwise(places)]
    assert min(gaps) >= 36 * 25 / 270 - 1e-9
    assert max(places) <= 85
    assert [note["text"] for note in found] == ["b", "a", "c"]


def test_names_from_outside_are_text() -> None:
    assert lines.end_text("<b>x</b>", "1") == "&lt;b&gt;x&lt;/b&gt;<br><b>1</b>"


# ── loss terms ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_terms_of_the_arm_that_learns_now(points: pd.DataFrame) -> None:
    assert loss_terms.current_arm(points) == "scratch"
    own = points[points["arm"] == "distilled"]
    figure = loss_terms.draw(own, {"soft": 0.5, "hard": 0.25})
    assert figure.layout.title.text.startswith("Distilled: the loss went from 0.71 to 0.2")
    assert len(figure.data) == 3
    labels = " ".join(notes(figure))
    assert "Soft targets<br><b>0.5 × " in labels
    assert "Labels<br><b>0.25 × " in labels
    assert len({trace.line.dash for trace in figure.data}) == 3  # color is never the only sign
    assert figure.layout.yaxis.title.text == "training loss (nats)"


def test_no_terms_yet() -> None:
    figure = loss_terms.draw(EMPTY, {})
    assert figure.layout.title.text == "No loss yet"


# ── sample texts ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_samples_show_teacher_and_student(store: RunStore) -> None:
    run = sample.distill_run(store, "minilm")
    result = run.result()
    assert isinstance(result, DistillResult)
    rows = samples.samples(Tail(run).frame(), result)
    assert [row.label for row in rows] == ["positive", "negative"]
    assert [row.teacher for row in rows] == [0.97, 0.88]
    figure = samples.draw(Tail(run).frame(), result)
    student = figure.data[2]
    assert list(student.x) == pytest.approx([100 * row.student for row in rows if row.student is not None])
    assert "&lt;b&gt;and wit&lt;/b&gt;" in notes(figure)[0]
    gap = (abs(rows[0].teacher - rows[0].student) + abs(rows[1].teacher - rows[1].student)) * 50
    assert figure.layout.title.text == f"Distilled: {gap:.0f} points from its teacher on 2 test texts, on average"


def test_samples_before_the_student_has_spoken(store: RunStore) -> None:
    result = sample.distill_run(store, "minilm").result()
    assert isinstance(result, DistillResult)
    figure = samples.draw(EMPTY, result)
    assert figure.layout.title.text == "What the teacher says about 2 test texts"
    assert list(figure.data[2].x) == []


def test_no_samples() -> None:
    figure = samples.draw(EMPTY, DistillResult(dataset="movies", teacher_ref="minilm"))
    assert figure.layout.title.text == "No texts yet"
