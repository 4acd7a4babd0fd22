"""Predictions as a frame: columns, damage, missing texts, and which texts are worth a look."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import sample_predictions as sample
import sample_training

from distill_core.assets import shelf
from distill_core.datasets import catalogue
from distill_core.datasets.dataset import Dataset
from distill_core.errors import RunError
from distill_core.maths import distributions
from distill_core.runs.run import Run
from distill_core.runs.store import RunStore
from distill_core.tables import predictions as tables_predictions
from distill_core.tables import soft_label_sources


@pytest.fixture
def store(tmp_path: Path) -> RunStore:
    return RunStore(tmp_path / "runs")


def test_logits_come_back_as_they_were_kept(store: RunStore) -> None:
    frame = tables_predictions.logits_of(sample.topics_teacher(store))
    assert list(frame.columns[:3]) == ["text", "label", "text_is_here"]
    assert frame["text_is_here"].all()
    assert tables_predictions.arms(frame) == ("pretrained",)
    np.testing.assert_allclose(tables_predictions.logits(frame, "pretrained"), sample.logits(), atol=1e-6)
    assert tables_predictions.find(frame, sample.TEXTS[7]) == 7
    assert tables_predictions.find(frame, "never seen") is None


def test_more_than_ten_classes_stay_in_order(store: RunStore) -> None:
    run = sample_training.finetune_run(store)
    values = np.tile(np.arange(12.0), (sample.N, 1))
    sample.keep(run, {"pretrained": values})
    np.testing.assert_allclose(tables_predictions.logits(tables_predictions.logits_of(run), "pretrained"), values)


def test_a_run_without_predictions_says_so(store: RunStore) -> None:
    run = sample_training.finetune_run(store)
    with pytest.raises(RunError, match="kept no predictions"):
        tables_predictions.logits_of(run)


@pytest.mark.parametrize("content", [b"", b"PAR1 half a file", b"\0" * 100])
def test_a_damaged_file_is_a_run_error(store: RunStore, content: bytes) -> None:
    run = sample_training.finetune_run(store)
    run.predictions_file.write_bytes(content)
    with pytest.raises(RunError, match="damaged"):
        tables_predictions.logits_of(run)
    assert soft_label_sources.source_of(run) is not None  # its model can still read typed texts


def test_a_file_of_another_kind_is_a_run_error(store: RunStore) -> None:
    run = sample_training.finetune_run(store)
    pd.DataFrame({"text": ["a"], "score": [1.0]}).to_parquet(run.predictions_file)
    with pytest.raises(RunError, match="no logits"):
        tables_predictions.logits_of(run)


def test_a_label_without_a_class_is_a_run_error(store: RunStore) -> None:
    run = sample_training.finetune_run(store)
    frame = sample.keep(run, {"pretrained": sample.logits()})
    frame.assign(label=7).to_parquet(run.predictions_file)
    with pytest.raises(RunError, match="label without a class"):
        tables_predictions.logits_of(run)


def test_predictions_of_other_classes_than_the_results_are_left_out(store: RunStore) -> None:
    run = sample_training.finetune_run(store)  # two classes by its result
    sample.keep(run, {"pretrained": sample.logits()})
    source = soft_label_sources.source_of(run)
    assert source is not None
    assert not source.has_examples


def test_an_unknown_arm_is_refused(store: RunStore) -> None:
    frame = tables_predictions.logits_of(sample.topics_teacher(store))
    with pytest.raises(RunError, match="Known: pretrained"):
        tables_predictions.logits(frame, "distilled")


def test_a_file_written_anew_is_read_anew(store: RunStore) -> None:
    run = sample.topics_teacher(store)
    assert len(tables_predictions.arms(tables_predictions.logits_of(run))) == 1
    sample.keep(run, {"pretrained": sample.logits(), "scratch": sample.logits(3)})
    assert tables_predictions.arms(tables_predictions.logits_of(run)) == ("pretrained", "scratch")


# ── texts that may not be passed on ──────────────────────────────────────────────────────────────────────────────


def test_missing_texts_have_a_number(store: RunStore) -> None:
    frame = tables_predictions.logits_of(sample.topics_teacher(store, texts=False))
    assert frame["text"].iloc[0] == "Test text 1"
    assert not frame["text_is_here"].any()


@pytest.mark.parametrize("labels_fit", [True, False])
def test_missing_texts_come_from_the_fetched_data_set(
    store: RunStore, monkeypatch: pytest.MonkeyPatch, labels_fit: bool
) -> None:
    labels = list(sample.LABELS) if labels_fit else list(sample.LABELS)[::-1]
    rows = {"id": [str(row) for row in range(sample.N)], "text": sample.TEXTS, "label": labels, "split": "test"}
    topics = Dataset("topics", "News topics", pd.DataFrame(rows), sample.TOPICS, "", "")
    monkeypatch.setattr(catalogue, "load", lambda name, **_: topics)
    present = [row.__class__(**{**vars(row), "present": True}) for row in shelf.status()]
    monkeypatch.setattr(shelf, "status", lambda: present)
    frame = tables_predictions.logits_of(sample.topics_teacher(store, texts=False))
    assert bool(frame["text_is_here"].all()) is labels_fit
    assert (frame["text"].iloc[3] == sample.TEXTS[3]) is labels_fit


# ── texts worth a look ───────────────────────────────────────────────────────────────────────────────────────────


def test_examples_are_ordered_by_what_they_show(store: RunStore) -> None:
    frame = tables_predictions.logits_of(sample.topics_teacher(store))
    said = tables_predictions.logits(frame, "pretrained")
    doubt = distributions.entropy(distributions.softmax(said))
    right = said.argmax(-1) == np.array(sample.LABELS)
    sure = tables_predictions.examples(frame, "pretrained", "sure")
    undecided = tables_predictions.examples(frame, "pretrained", "undecided")
    wrong = tables_predictions.examples(frame, "pretrained", "wrong")
    assert sorted(sure) == np.flatnonzero(right).tolist()
    assert sorted(wrong) == np.flatnonzero(~right).tolist()
    assert len(undecided) == sample.N
    assert undecided[0] == max((row for row in undecided if sample.LABELS[row] == 0), key=lambda row: doubt[row])
    assert sure[0] == min((row for row in sure if sample.LABELS[row] == 0), key=lambda row: doubt[row])
    assert [sample.LABELS[row] for row in sure[:5]] == [0, 1, 2, 3, 4]  # the classes in turn
    assert len(tables_predictions.examples(frame, "pretrained", "undecided", limit=7)) == 7


def test_a_teacher_without_errors_has_no_wrong_examples(store: RunStore) -> None:
    run = sample_training.finetune_run(store)
    sample.keep(run, {"pretrained": np.eye(5)[list(sample.LABELS)]})
    assert tables_predictions.examples(tables_predictions.logits_of(run), "pretrained", "wrong") == []


# ── which runs can teach ─────────────────────────────────────────────────────────────────────────────────────────


def test_teachers_and_their_students(store: RunStore) -> None:
    teacher = sample.topics_teacher(store)
    students = sample.topics_students(store, teacher)
    found = soft_label_sources.teachers(store.list())
    assert [source.run.id for source in found] == [teacher.id]
    assert found[0].label == f"minilm on topics · {teacher.id}"
    assert found[0].arm == "pretrained"
    assert found[0].can_read
    pupils = soft_label_sources.students(found[0], store.list())
    assert [(one.arm, one.can_read) for one in pupils] == [("distilled", True), ("scratch", False)]
    assert pupils[0].label == f"Distilled · {students.id}"


def test_a_distillation_stands_for_a_teacher_that_is_gone(store: RunStore) -> None:
    teacher = sample.topics_teacher(store)
    first, second = sample.topics_students(store, teacher), sample.topics_students(store, teacher)
    store.remove(teacher.id)
    (source,) = soft_label_sources.teachers([second, first])
    assert source.label == f"Teacher of {second.id} on topics"
    assert source.arm == "teacher"
    assert not source.can_read
    assert len(soft_label_sources.students(source, store.list())) == 4


def test_runs_that_cannot_show_anything_are_left_out(store: RunStore) -> None:
    import sample_runs

    damaged = sample_training.finetune_run(store)
    (damaged.path / "spec.json").write_text("{")
    runs = [sample_runs.compare_run(store), damaged, sample_training.finetune_run(store, state="running")]
    assert soft_label_sources.teachers([*runs, Run(store.root / "000099-abcdef")]) == []


def test_several_sizes_teach_with_the_first_pretrained_arm() -> None:
    assert (
        tables_predictions.teacher_arm(("scratch-9999-0", "pretrained-200-0", "pretrained-1000-3", "pretrained-1000-4"))
        == "pretrained-1000-3"
    )
    assert tables_predictions.teacher_arm(("pretrained", "teacher")) == "teacher"
    assert tables_predictions.teacher_arm(("bow",)) is None
