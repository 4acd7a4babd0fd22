"""Ten students, one teacher: which cells there are, what each reads, and how often."""

from __future__ import annotations

import pytest

from distill_core import arms
from distill_core.model_ref import Ref
from distill_core.plans import student_plan
from distill_core.plans.cells import StudentCell
from distill_core.specs import StudentsSpec

N = 7984  # training texts of movies
BERT = Ref("mini", "bert")


def cell(arm: str, **asked: int) -> StudentCell:
    (one,) = student_plan.plan(StudentsSpec(students=(BERT,), arms=(arm,), **asked), N)
    return one


def test_all_students_of_an_arm_come_before_the_next_arm_and_seed() -> None:
    spec = StudentsSpec(students="bert@mini,gpt@mini", arms="taught,labels", seeds=2, seed=5)
    planned = [(str(one.student), one.arm, one.seed) for one in student_plan.plan(spec, N)]
    assert planned == [
        ("bert@mini", "taught", 5),
        ("gpt@mini", "taught", 5),
        ("bert@mini", "labels", 5),
        ("gpt@mini", "labels", 5),
        ("bert@mini", "taught", 6),
        ("gpt@mini", "taught", 6),
        ("bert@mini", "labels", 6),
        ("gpt@mini", "labels", 6),
    ]
    assert [one.folder for one in student_plan.plan(spec, N)][:3] == ["00-taught-5", "01-taught-5", "00-labels-5"]
    assert len({one.key for one in student_plan.plan(spec, N)}) == len({*student_plan.plan(spec, N)}) == 8


def test_by_default_all_ten_minis_learn_in_four_arms() -> None:
    cells = list(student_plan.plan(StudentsSpec(), N))
    assert len(cells) == 40
    assert {str(one.student) for one in cells} == {
        f"{key}@mini"
        for key in ("bert", "gpt", "roberta", "t5", "xlnet", "albert", "distilbert", "ernie", "electra", "bart")
    }


@pytest.mark.parametrize(
    ("arm", "taught", "random", "alone"),
    [
        ("taught", True, False, False),
        ("labels", False, False, True),
        ("all-labels", False, False, False),
        ("random", False, True, True),
        ("random-taught", True, True, False),
    ],
)
def test_what_an_arm_is(arm: str, taught: bool, random: bool, alone: bool) -> None:
    one = cell(arm, labels=100)
    assert (one.is_taught, one.starts_at_random) == (taught, random)
    assert one.texts == (100 if alone else None)
    assert one.labels == (None if arm == "all-labels" else 100)


@pytest.mark.parametrize(
    ("epochs", "labels", "passes"),
    [
        (1, 1000, 8),  # 7,984 texts in batches are as many steps as 8 passes over 1,000
        (3, 1000, 15),  # 24 would be as many steps: too often for so few texts
        (1, 7984, 1),
        (3, 4000, 6),
        (1, 100_000, 1),
    ],
)
def test_few_texts_are_read_as_often_as_makes_the_steps_equal_within_a_limit(
    epochs: int, labels: int, passes: int
) -> None:
    one = cell("labels", epochs=epochs, labels=labels)
    assert (one.epochs, one.texts, one.rate) == (passes, labels, 1.0)
    random = cell("random", epochs=epochs, labels=labels)
    steps = -(-labels // 32)  # of a pass
    assert (random.texts, random.rate) == (labels, arms.RANDOM_RATE)
    assert random.epochs == max(passes, -(-arms.RANDOM_STEPS // steps))
    for arm in ("taught", "all-labels"):
        one = cell(arm, epochs=epochs, labels=labels)
        assert (one.epochs, one.texts) == (epochs, None)


def test_the_passes_over_the_labels_can_be_asked_for() -> None:
    assert cell("labels", label_epochs=40).epochs == 40
    assert cell("all-labels", label_epochs=40).epochs == StudentsSpec().epochs


def test_predictions_carry_the_seed_where_there_are_several() -> None:
    assert student_plan.key(StudentsSpec(), "bert@mini", "taught", 0) == "bert@mini taught"
    assert student_plan.key(StudentsSpec(seeds=2), "bert@mini", "taught", 1) == "bert@mini taught 1"
