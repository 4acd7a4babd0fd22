"""Training runs as frames: values, ratios with their intervals, and DistilBERT's claims from its own tables."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import sample_training as sample

from distill_core.results import ErrorInfo, FinetuneArmResult, FinetuneResult
from distill_core.runs.store import RunStore
from distill_core.specs import DistillSpec, FinetuneSpec
from distill_core.tables import training as tables


@pytest.fixture
def store(tmp_path: Path) -> RunStore:
    return RunStore(tmp_path / "runs")


def test_finetune_frame(store: RunStore) -> None:
    run = sample.finetune_run(store, arms=("pretrained", "frozen", "scratch", "bow"))
    frame = tables.finetune_frame(run)
    assert tuple(frame.columns) == tables.FINETUNE_COLUMNS
    assert list(frame["title"]) == ["Fine-tuned", "Frozen", "From scratch", "Bag of words"]
    assert frame.loc[0, "accuracy"] == pytest.approx(0.842)
    assert frame.loc[1, "params_trained"] == 770
    assert frame.loc[0, "source"] == f"measured 22 Nov 2025 on Test CPU 3000, 2 threads (run {run.id})"
    assert frame["error"].isna().all()


def test_a_failed_arm_is_a_row_with_its_error(store: RunStore) -> None:
    run = store.create(FinetuneSpec())
    error = ErrorInfo(kind="model", message="Out of memory.", hint="Take shorter texts.")
    arm = FinetuneArmResult(arm="scratch", train_examples=100, seed=0, error=error)
    run.set_result(FinetuneResult(model="minilm", dataset="movies", arms=(arm,)))
    frame = tables.finetune_frame(run)
    assert frame.loc[0, "error"] == "Out of memory."
    assert frame["accuracy"].isna().all()


def test_frames_of_a_run_without_a_result_are_empty_and_typed(store: RunStore) -> None:
    run = store.create(DistillSpec(teacher="minilm"))
    assert tuple(tables.students_frame(run).columns) == tables.STUDENT_COLUMNS
    assert tables.students_frame(run).empty
    assert tables.finetune_frame(run).empty
    assert tables.claims_frame(tables.students_frame(run), "Distilled").empty
    assert tables.teacher_accuracy(tables.students_frame(run)) is None


def test_students_frame_begins_with_the_teacher(store: RunStore) -> None:
    run = sample.distill_run(store, "minilm", students=(sample.student(), sample.student("scratch", 0.69)))
    frame = tables.students_frame(run)
    assert list(frame["label"]) == ["Teacher", "Distilled", "From scratch"]
    assert tables.teacher_accuracy(frame) == pytest.approx(0.842)
    teacher, student = frame.iloc[0], frame.iloc[1]
    assert frame["retained"].isna()[0]
    assert student["retained"] == pytest.approx(0.818 / 0.842)
    assert student["retained_low"] < student["retained"] < student["retained_high"]
    assert teacher["params"] == 22_713_986
    assert list(tables.students(frame)["arm"]) == ["distilled", "scratch"]


def test_the_teacher_is_known_before_the_first_student(store: RunStore) -> None:
    run = sample.distill_run(store, "minilm", state="running")
    frame = tables.students_frame(run)
    assert list(frame["arm"]) == ["teacher"]


def test_seeds_and_free_arm_names_stay_apart(store: RunStore) -> None:
    students = (sample.student("no soft", seed=0), sample.student("no soft", seed=1))
    frame = tables.students_frame(sample.distill_run(store, "minilm", students=students))
    assert list(frame["label"]) == ["Teacher", "Without soft targets, seed 0", "Without soft targets, seed 1"]
    assert list(frame["curve"][1:]) == ["no soft-0", "no soft-1"]


def test_claims_come_from_the_papers_own_tables(store: RunStore) -> None:
    frame = tables.students_frame(sample.distill_run(store, "minilm"))
    claims = tables.claims_frame(frame, "Distilled").set_index("key")
    assert claims.loc["size", "published"] == pytest.approx(1 - 66 / 110)
    assert claims.loc["speed", "published"] == pytest.approx(668 / 410)
    assert claims.loc["accuracy", "published"] == pytest.approx(77.0 / 79.5)
    assert claims.loc["size", "measured"] == pytest.approx(1 - 17_390_210 / 22_713_986)
    assert claims.loc["speed", "measured"] == pytest.approx(12.4 / 6.6)
    assert claims.loc["accuracy", "measured"] == pytest.approx(0.818 / 0.842)
    assert claims["published_source"].str.startswith("arXiv:1910.01108").all()
    assert claims["source"].str.startswith("measured").all()


def test_no_claims_for_an_unknown_student_or_the_teacher(store: RunStore) -> None:
    frame = tables.students_frame(sample.distill_run(store, "minilm"))
    assert tables.claims_frame(frame, "Teacher").empty
    assert tables.claims_frame(frame, "").empty


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0, 10.0])
def test_softened_is_the_softmax_of_the_logits(temperature: float) -> None:
    logits = [math.log(0.98) / temperature, math.log(0.02) / temperature]
    expected = math.exp(logits[0]) / sum(map(math.exp, logits))
    assert tables.softened(0.98, temperature) == pytest.approx(expected)


def test_softened_goes_to_a_half_when_the_temperature_grows() -> None:
    assert tables.softened(0.98, 1) == pytest.approx(0.98)
    assert tables.softened(0.98, 1000) == pytest.approx(0.5, abs=0.002)
    assert tables.softened(0.5, 3) == pytest.approx(0.5)


def test_arms_in_words() -> None:
    arms = ("pretrained", "top1", "top4", "lora", "zero-shot", "topic")
    assert [tables.arm_title(arm) for arm in arms] == [
        "Fine-tuned",
        "Top layer",
        "Top 4 layers",
        "LoRA",
        "Zero-shot",
        "Topic",
    ]
