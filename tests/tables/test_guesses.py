"""Predict before you see: questions from the spec, grades against hand arithmetic."""

from __future__ import annotations

from pathlib import Path

import pytest
import sample_transfer as sample

from distill_core.runs.store import RunStore
from distill_core.specs import CompareSpec, FinetuneSpec
from distill_core.tables import guesses
from distill_core.tables import moved as tables_moved
from distill_core.tables import transfer as tables_transfer


@pytest.fixture
def store(tmp_path: Path) -> RunStore:
    return RunStore(tmp_path / "runs")


def test_curves_ask_for_two_arms_at_three_sizes(store: RunStore) -> None:
    asked = guesses.questions(sample.curves_run(store), "curves")
    assert [one.key for one in asked] == [
        "pretrained-25",
        "pretrained-1000",
        "pretrained-4000",
        "bow-25",
        "bow-1000",
        "bow-4000",
    ]
    assert asked[0].label == "Fine-tuned, 25 texts"


def test_questions_are_there_before_the_result(store: RunStore) -> None:
    run = store.create(FinetuneSpec(train_examples="50,200", arms="pretrained"))
    assert [one.n for one in guesses.questions(run, "curves")] == [50, 200]
    run = store.create(FinetuneSpec(arms="head,top1,top2,top4,lora"))
    assert [one.arm for one in guesses.questions(run, "unfreeze")] == ["head", "top2", "lora"]
    run = store.create(FinetuneSpec(domains="movies,nyt,tweets", arms="adapted,bow"))
    cells = [(one.arm, one.train, one.test) for one in guesses.questions(run, "domains")]
    assert cells == [("bow", "movies", "movies"), ("bow", "movies", "tweets"), ("bow", "tweets", "movies")]
    run = store.create(FinetuneSpec(test_datasets="tweets", arms="zero-shot"))
    assert [one.test for one in guesses.questions(run, "domains")] == ["movies", "tweets"]
    assert guesses.questions(store.create(FinetuneSpec()), "moved") == []
    assert guesses.questions(store.create(CompareSpec(models="minilm")), "curves") == []


def test_a_run_without_domains_asks_for_none(store: RunStore) -> None:
    assert guesses.questions(sample.curves_run(store), "domains") == []


def test_grades_and_the_verdict(store: RunStore) -> None:
    run = sample.unfreeze_run(store)
    asked = guesses.questions(run, "unfreeze")
    found = guesses.measured(tables_transfer.unfreeze_frame(run), "unfreeze")
    frame = guesses.graded(asked, {"head": 0.62, "pretrained": 0.84, "lora": 0.812}, found)
    assert (
        frame.set_index("key")["off"].to_dict()
        == pytest.approx({"head": -0.1, "top2": None, "pretrained": 0.02, "lora": 0.0}, nan_ok=True)
        or frame["off"].isna().sum() == 1
    )
    assert guesses.verdict(frame) == (
        "Your 3 guesses were 4 points off on average. Furthest: Head only. You said 62 %, measured 72 %."
    )


def test_similarities_are_graded_as_they_are(store: RunStore) -> None:
    run = sample.curves_run(store)
    asked = guesses.questions(run, "moved")
    assert [one.label for one in asked] == [
        "Similarity of the embeddings, before and after",
        "Similarity of layer 6, before and after",
    ]
    found = guesses.measured(tables_moved.cka_frame(run), "moved")
    frame = guesses.graded(asked[1:], {"layer-6": 0.8}, found)
    assert guesses.verdict(frame, similarity=True).startswith("Your guess was 0.39 off. Furthest: Similarity of layer")


def test_every_measured_value_finds_its_question(store: RunStore) -> None:
    run = sample.domains_run(store)
    found = guesses.measured(tables_transfer.domain_frame(run), "domains")
    assert {one.key for one in guesses.questions(run, "domains")} <= set(found)
    run = sample.curves_run(store)
    found = guesses.measured(tables_transfer.curve_frame(run), "curves")
    assert {one.key for one in guesses.questions(run, "curves")} <= set(found)


def test_nothing_to_compare_gives_no_verdict(store: RunStore) -> None:
    run = store.create(FinetuneSpec(train_examples="50,200", arms="pretrained,bow"))
    frame = guesses.graded(guesses.questions(run, "curves"), {"bow-50": 0.5}, {})
    assert frame["off"].isna().all()
    assert guesses.verdict(frame) == ""
