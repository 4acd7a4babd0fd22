"""Claims, students, errors and arms: values, titles, units, and the empty case."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import sample_training as sample

from distill_core.figures import arms, claims, errors, students, theme
from distill_core.results import FinetuneResult
from distill_core.runs.store import RunStore
from distill_core.specs import DistillSpec, FinetuneSpec
from distill_core.tables import training as tables

SEVERAL = (sample.student(), sample.student("init-only", 0.8), sample.student("scratch", 0.69))


@pytest.fixture
def store(tmp_path: Path) -> RunStore:
    return RunStore(tmp_path / "runs")


@pytest.fixture
def frame(store: RunStore) -> pd.DataFrame:
    return tables.students_frame(sample.distill_run(store, "minilm", students=SEVERAL))


@pytest.fixture
def empty(store: RunStore) -> pd.DataFrame:
    return tables.students_frame(store.create(DistillSpec(teacher="minilm")))


# ── claims ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_claims_tell_measured_from_published(frame: pd.DataFrame) -> None:
    figure = claims.draw(tables.claims_frame(frame, "Distilled"))
    assert figure.layout.title.text == "23 % fewer parameters, 1.9 × as fast as the teacher, 97 % of the accuracy kept"
    bars = [trace for trace in figure.data if trace.type == "bar"]
    marks = [trace for trace in figure.data if trace.type == "scatter"]
    assert [bar.x[0] for bar in bars] == pytest.approx([1 - 17_390_210 / 22_713_986, 12.4 / 6.6, 0.818 / 0.842])
    assert [mark.x[0] for mark in marks] == pytest.approx([0.4, 668 / 410, 77.0 / 79.5])
    assert {mark.marker.symbol for mark in marks} == {"diamond-open"}
    assert all("measured 22 Nov 2025" in bar.hovertext[0] for bar in bars)
    assert all("published, arXiv:1910.01108" in mark.hovertext[0] for mark in marks)
    assert [bar.error_x.visible for bar in bars] == [False, True, True]  # counts have no interval
    assert "(95 % interval 1.8 × to 1.9 ×)<br>timed in turns at 1 × 128 tokens" in bars[1].hovertext[0]
    assert [axis.range[0] for axis in (figure.layout.xaxis, figure.layout.xaxis2, figure.layout.xaxis3)] == [0, 0, 0]
    assert "◇ DistilBERT 1.6 ×" in figure.layout.annotations[1].text


def test_a_missing_speed_is_left_out(store: RunStore) -> None:
    run = sample.distill_run(store, "minilm", students=(sample.student(speedup=None),))
    figure = claims.draw(tables.claims_frame(tables.students_frame(run), "Distilled"))
    assert figure.layout.title.text == "23 % fewer parameters, 97 % of the accuracy kept"
    assert "speed n/a" in figure.layout.annotations[1].text


@pytest.mark.parametrize(
    ("speedup", "words"),
    [(0.8, "1.2 × as slow as the teacher"), (1.0, ", about as fast as the teacher"), (0.98, ", about as fast as the")],
)
def test_a_student_that_is_no_faster_is_said_to_be_so(store: RunStore, speedup: float, words: str) -> None:
    run = sample.distill_run(store, "minilm", students=(sample.student(speedup=speedup),))
    figure = claims.draw(tables.claims_frame(tables.students_frame(run), "Distilled"))
    assert words in figure.layout.title.text


def test_a_speed_of_an_older_run_is_a_single_measurement(store: RunStore) -> None:
    old = {"speedup_low": None, "speedup_high": None, "baseline_ms": None, "busy_cores": None, "seq_len": None}
    run = sample.distill_run(store, "minilm", students=(sample.student(**old),))
    figure = claims.draw(tables.claims_frame(tables.students_frame(run), "Distilled"))
    assert ", 1.9 × as fast as the teacher (single measurement), " in figure.layout.title.text
    assert not figure.data[2].error_x.visible


def test_a_disturbed_timing_is_seen_below_the_title(store: RunStore) -> None:
    run = sample.distill_run(store, "minilm", students=(sample.student(busy_cores=0.71),))
    frame = tables.students_frame(run)
    figure = claims.draw(tables.claims_frame(frame, "Distilled"))
    assert figure.layout.title.subtitle.text == "measured while other programs used 0.71 cores"
    assert "128 tokens, measured while other programs used 0.71 cores" in figure.data[2].hovertext[0]
    assert list(frame["busy_cores"]) == [0.02, 0.71]
    assert list(frame["teacher_ms"].dropna()) == [12.4]


def test_a_larger_student_has_a_bar_to_the_left(store: RunStore) -> None:
    run = sample.distill_run(store, "minilm", students=(sample.student(params_saved=-0.5),))
    figure = claims.draw(tables.claims_frame(tables.students_frame(run), "Distilled"))
    assert figure.data[0].x[0] == -0.5
    assert figure.layout.xaxis.range[0] < -0.5


def test_no_claims_yet(empty: pd.DataFrame) -> None:
    figure = claims.draw(tables.claims_frame(empty, ""))
    assert figure.layout.title.text == "No student yet"
    assert not figure.data


# ── students and errors ──────────────────────────────────────────────────────────────────────────────────────────


def test_students_against_the_teacher(frame: pd.DataFrame) -> None:
    figure = students.draw(frame)
    words = "Distilled keeps 97 % of its teacher's accuracy, from scratch 82 %, always the most frequent class 62 %"
    assert figure.layout.title.text == words
    assert list(figure.data[0].x) == pytest.approx([81.8, 80.0, 69.0])
    assert list(figure.data[0].error_x.array) == pytest.approx([2.3, 2.3, 2.3])
    assert figure.layout.shapes[0].x0 == pytest.approx(84.2)
    assert figure.layout.annotations[0].text == "teacher 84.2 %"
    assert figure.layout.xaxis.title.text == "accuracy (%), whiskers: 95 % interval"
    assert figure.layout.xaxis.range[0] == 0
    assert "95 % interval 79.3 % to 84.1 %" in figure.data[0].hovertext[0]


def test_the_title_takes_means_and_no_seed(store: RunStore) -> None:
    """The first distilled seed is its best, one seed from scratch is far the worst: neither is picked."""
    found = [sample.student("distilled", seed=seed, retained=kept) for seed, kept in enumerate((0.99, 0.95, 0.94))]
    found += [sample.student("scratch", seed=seed, retained=kept) for seed, kept in enumerate((0.9, 0.6, 0.9))]
    frame = tables.students_frame(sample.distill_run(store, "minilm", students=tuple(found), seeds=3))
    title = students.title(tables.students(frame))
    assert title.startswith("Distilled keeps 96 % of its teacher's accuracy, from scratch 80 %, always")
    assert title.endswith("(means of 3 seeds)")


def test_an_unknown_share_of_the_most_frequent_class_is_not_said(frame: pd.DataFrame) -> None:
    rows = tables.students(frame).assign(majority_retained=pd.NA)
    assert students.title(rows) == "Distilled keeps 97 % of its teacher's accuracy, from scratch 82 %"
    heading = claims.draw(tables.claims_frame(frame, "Distilled")).layout.annotations[2].text
    assert heading.endswith("· most frequent class alone 62 %")
    unknown = claims.draw(tables.claims_frame(frame.assign(majority_retained=pd.NA), "Distilled"))
    assert "most frequent" not in unknown.layout.annotations[2].text


def test_a_student_better_than_its_teacher_keeps_more_than_all(store: RunStore) -> None:
    found = (sample.student("distilled", retained=1.04), sample.student("scratch", retained=0.9))
    frame = tables.students_frame(sample.distill_run(store, "minilm", students=found))
    assert students.title(tables.students(frame)).startswith("Distilled keeps 104 % of its teacher's accuracy")


def test_several_seeds_have_names_of_their_own(store: RunStore) -> None:
    found = (sample.student(seed=0), sample.student(seed=1))
    figure = students.draw(tables.students_frame(sample.distill_run(store, "minilm", students=found)))
    assert list(figure.data[0].y) == ["Distilled, seed 0", "Distilled, seed 1"]


def test_errors_of_each_student(frame: pd.DataFrame) -> None:
    figure = errors.draw(frame)
    assert figure.layout.title.text == (
        "Distilled has 121 errors in common with its teacher, makes 62 new ones and repairs 38"
    )
    assert [trace.name for trace in figure.data] == ["inherited", "new", "repaired"]
    assert figure.data[0].x[0] == pytest.approx(100 * 121 / 1004)
    assert figure.data[2].text[0] == "38"
    assert "right where the teacher is wrong on 38 of 1,004 texts" in figure.data[2].hovertext[0]
    assert figure.layout.xaxis.title.text == "share of the test texts (%)"


@pytest.mark.parametrize("draw", [students.draw, errors.draw])
def test_no_students_yet(empty: pd.DataFrame, draw: type) -> None:
    figure = draw(empty)
    assert figure.layout.title.text == "No student yet"
    assert not figure.data


# ── arms ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_arms_of_one_size(store: RunStore) -> None:
    run = sample.finetune_run(store, arms=("pretrained", "frozen", "scratch", "bow"))
    figure = arms.draw(tables.finetune_frame(run))
    assert figure.layout.title.text == "Fine-tuned is right on 84.2 % of 1,004 test texts, from scratch on 68.4 %"
    assert list(figure.data[0].y) == ["Fine-tuned", "Frozen", "From scratch", "Bag of words"]
    assert list(figure.data[0].x) == pytest.approx([84.2, 78.0, 68.4, 74.1])
    assert "after 2,000 labeled texts" in figure.data[0].hovertext[0]


def test_overlapping_intervals_are_said(store: RunStore) -> None:
    run = sample.finetune_run(store, arms=("pretrained", "frozen"))
    results = (sample.arm_result("pretrained"), sample.arm_result("frozen", accuracy=0.83))
    run.set_result(FinetuneResult(model="minilm", dataset="movies", arms=results))
    figure = arms.draw(tables.finetune_frame(run))
    assert figure.layout.title.text.endswith("frozen on 83 % (which is better may be chance)")


@pytest.mark.parametrize(("more", "is_said"), [(0, True), (6, False)])
def test_the_same_texts_decide_whether_a_lead_may_be_chance(store: RunStore, more: int, is_said: bool) -> None:
    """Six texts of 200 that the first alone has right: 3 points, beyond chance in pairs and not in separate texts."""
    run, labels = sample.finetune_run(store, arms=("pretrained", "frozen")), np.arange(200) % 2
    columns: dict[str, object] = {"text": [str(i) for i in range(200)], "label": labels}
    for arm, right in (("pretrained", 150 + more), ("frozen", 150)):
        size = np.where((np.arange(200) < right) == (labels == 1), 1.0, -1.0)
        columns |= {f"{arm}: logit 0": -size, f"{arm}: logit 1": size}
    pd.DataFrame(columns).to_parquet(run.predictions_file, index=False)
    rights = {"pretrained": 0.75 + more / 200, "frozen": 0.75}
    results = tuple(sample.arm_result(arm, accuracy=share) for arm, share in rights.items())
    run.set_result(FinetuneResult(model="minilm", dataset="movies", arms=results))
    title = arms.draw(tables.finetune_frame(run)).layout.title.text
    assert title.endswith("(which is better may be chance)") == is_said


def test_several_sizes_are_learning_curves_of_means(store: RunStore) -> None:
    run = store.create(FinetuneSpec(train_examples="200,2000", seeds=2))
    results = [
        sample.arm_result(arm, n, seed, accuracy=base + (0.1 if n == 2000 else 0) + 0.02 * seed)
        for arm, base in (("pretrained", 0.7), ("scratch", 0.55))
        for n in (200, 2000)
        for seed in (0, 1)
    ]
    run.set_result(FinetuneResult(model="minilm", dataset="movies", arms=tuple(results)))
    figure = arms.draw(tables.finetune_frame(run))
    assert figure.layout.title.text == (
        "Fine-tuned is right on 81 % of 1,004 test texts, from scratch on 66 % (means of 2 seeds)"
    )
    means = [trace for trace in figure.data if trace.mode == "lines"]
    assert list(means[0].x) == [200, 2000]
    assert list(means[0].y) == pytest.approx([71, 81])
    assert figure.layout.xaxis.title.text == "labeled texts"
    assert list(figure.layout.xaxis.ticktext) == ["200", "2,000"]


def test_no_arms_yet(store: RunStore) -> None:
    figure = arms.draw(tables.finetune_frame(store.create(FinetuneSpec())))
    assert figure.layout.title.text == "No arm is tested yet"


def test_dark_figures_use_light_ink(frame: pd.DataFrame) -> None:
    assert students.draw(frame, dark=True).layout.font.color == theme.INK_DARK
    assert claims.draw(tables.claims_frame(frame, "Distilled"), dark=True).data[1].marker.color == theme.INK_DARK
