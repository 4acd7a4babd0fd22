"""Uneven classes: what always the same answer is worth, and which class a model finds, against scikit-learn."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import sample_training as sample
from sklearn.metrics import balanced_accuracy_score, recall_score

from distill_core.figures import accuracy as figures_accuracy
from distill_core.figures import arms as figures_arms
from distill_core.figures import students as figures_students
from distill_core.results import BenchmarkRow, CompareResult, FinetuneArmResult, FinetuneResult
from distill_core.runs.run import Run
from distill_core.runs.store import RunStore
from distill_core.specs import CompareSpec, FinetuneSpec
from distill_core.tables import balance, domain_answers, one_answer
from distill_core.tables import compare as tables_compare
from distill_core.tables import training as tables

HAM = [0] * 57 + [1] * 3  # imbalanced-95.csv: ham, spam
NAMES = ("ham", "spam")
SILENT = "one answer for all 60 texts: it has not learned to tell the classes apart"


def say(run: Run, labels: list[int], answers: dict[str, list[int]], names: tuple[str, ...] = NAMES) -> None:
    columns: dict[str, object] = {"text": [f"text {place}" for place in range(len(labels))], "label": labels}
    for arm, said in answers.items():
        columns |= {f"{arm}: logit {code}": [float(one == code) for one in said] for code in range(len(names))}
    pd.DataFrame(columns).to_parquet(run.predictions_file, index=False)


@pytest.fixture
def store(tmp_path: Path) -> RunStore:
    return RunStore(tmp_path / "runs")


def tuned(store: RunStore, labels: list[int], answers: dict[str, list[int]]) -> Run:
    run = store.create(FinetuneSpec(arms=tuple(answers)))
    right = {arm: float(np.mean(np.array(said) == labels)) for arm, said in answers.items()}
    rows = tuple(
        FinetuneArmResult(
            arm=arm, train_examples=1000, seed=0, accuracy=share, ci_low=share, ci_high=share, n_eval=len(labels)
        )
        for arm, share in right.items()
    )
    run.set_result(FinetuneResult(model="minilm", dataset="own", label_names=NAMES, arms=rows))
    say(run, labels, answers)
    return run


def test_always_ham_stands_beside_ninety_five_percent(store: RunStore) -> None:
    some = [0] * 55 + [1] * 2 + [0, 1, 1]
    run = tuned(store, HAM, {"pretrained": some, "scratch": [0] * 60})
    frame = tables.finetune_frame(run)
    assert frame["majority"].tolist() == [0.95, 0.95]
    for row, said in zip(frame.itertuples(), (some, [0] * 60), strict=True):
        assert row.balanced_accuracy == pytest.approx(balanced_accuracy_score(HAM, said))
    ham, spam = recall_score(HAM, some, average=None)
    assert frame["recalls"].tolist() == [f"ham {ham:.0%}, spam {spam:.0%}".replace("%", " %"), "ham 100 %, spam 0 %"]
    assert balance.sentence(frame) == "Always ham: right on 95 % of 60 test texts."
    assert one_answer.sentences(frame) == [f"From scratch, 1,000 labels: {SILENT}."]
    figure = figures_arms.draw(frame)
    assert [shape.x0 for shape in figure.layout.shapes] == pytest.approx([95])
    assert [note.text for note in figure.layout.annotations] == ["always ham 95 %"]


def test_even_classes_need_no_recall(store: RunStore) -> None:
    labels = [0, 1] * 20 + [0] * 8  # 28 against 20: less than one and a half times as many
    frame = tables.finetune_frame(tuned(store, labels, {"pretrained": labels}))
    assert frame["majority"].tolist() == pytest.approx([28 / 48])
    assert frame[["balanced_accuracy", "recalls"]].isna().all(axis=None)
    uneven = tables.finetune_frame(tuned(store, [*labels, 0, 0], {"pretrained": [*labels, 0, 0]}))
    assert uneven["balanced_accuracy"].tolist() == [1.0]


def test_a_class_without_test_texts_has_no_recall() -> None:
    labels, answers = np.array([0, 0, 0, 2]), np.array([0, 1, 1, 2])
    assert balance.counted(labels, ("a", "b", "c")) == {"a": 3, "c": 1}
    assert balance.recalled(answers, labels, ("a", "b", "c")) == pytest.approx({"a": 1 / 3, "c": 1.0})
    assert balance.columns_of({}, None) == {}


def test_a_student_that_keeps_all_of_a_silent_teacher_is_named(store: RunStore) -> None:
    run = sample.distill_run(store, "minilm")
    say(run, HAM, {"teacher": [0] * 60, "distilled": [0] * 60})
    frame = tables.students_frame(run)
    assert frame["recalls"].tolist() == ["negative 100 %, positive 0 %"] * 2
    assert frame["balanced_accuracy"].tolist() == [0.5] * len(frame)
    figure = figures_students.draw(frame)
    assert sorted(shape.x0 for shape in figure.layout.shapes)[-1] == pytest.approx(95)
    assert len(figure.layout.shapes) == 2
    assert {note.yshift for note in figure.layout.annotations} == {None, 12}  # one name above the other


def test_without_predictions_nothing_is_claimed(store: RunStore) -> None:
    frame = tables.finetune_frame(sample.finetune_run(store))
    assert frame[list(balance.COLUMNS)].isna().all(axis=None)
    assert balance.sentence(frame) == ""
    assert not figures_arms.draw(frame).layout.shapes


def test_compare_tells_what_an_accuracy_is_made_of(store: RunStore) -> None:
    run = store.create(CompareSpec(models=("minilm",)))
    known = {"accuracy": 0.95, "ci_low": 0.86, "ci_high": 0.98, "n_eval": 60, "batch_size": 1, "seq_len": 8}
    made = {"answered": 1, "class_counts": {"ham": 57, "spam": 3}, "recalls": {"ham": 1.0, "spam": 0.0}}
    rows = (
        BenchmarkRow(model="run:a", title="Ham", family="bert", **known, **made),
        BenchmarkRow(model="run:b", title="Old", family="bert", **known),
    )
    run.set_result(CompareResult(baseline="run:a", dataset="own", rows=rows))
    frame = tables_compare.compare_frame(run)
    assert frame["majority"].tolist()[0] == 0.95
    assert frame["majority"].isna().tolist() == [False, True]
    assert frame["recalls"][0] == "ham 100 %, spam 0 %"
    assert one_answer.sentences(frame) == [f"run:a: {SILENT}."]
    figure = figures_accuracy.draw(tables_compare.relative_to(frame, "run:none"))
    assert [note.text for note in figure.layout.annotations] == ["always ham 95 %"]
    assert [SILENT in text for text in figure.data[0].hovertext] == [True, False]
    relative = figures_accuracy.draw(tables_compare.relative_to(frame, "run:a"), relative=True)
    assert "always" not in str(relative.layout.annotations)


def test_a_domain_to_which_a_model_has_one_answer_is_named(store: RunStore) -> None:
    run = store.create(FinetuneSpec(domains=("movies", "tweets"), arms=("pretrained",)))
    known = {"arm": "pretrained", "train_examples": 1000, "seed": 0, "accuracy": 0.5, "dataset": "movies"}
    rows = tuple(FinetuneArmResult(**known, n_eval=4, test_dataset=name) for name in ("movies", "tweets"))
    run.set_result(FinetuneResult(model="minilm", dataset="movies", label_names=NAMES, arms=rows))
    said = {"movies": [0, 1, 0, 1], "tweets": [1, 1, 1, 1]}
    parts = [
        pd.DataFrame(
            {"domain": name, "text": ["a", "b", "c", "d"], "label": [0, 1, 0, 1]}
            | {f"pretrained-movies: logit {code}": [float(one == code) for one in answers] for code in (0, 1)}
        )
        for name, answers in said.items()
    ]
    pd.concat(parts).to_parquet(run.domain_predictions_file, index=False)
    frame = domain_answers.frame(run)
    assert frame["answered"].tolist() == [2, 1]
    (sentence,) = one_answer.sentences(frame)
    assert "trained on movies, tested on tweets" in sentence
    assert "one answer for all 4 texts" in sentence
    assert domain_answers.frame(sample.finetune_run(store)).empty
