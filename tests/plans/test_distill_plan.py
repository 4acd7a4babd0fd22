"""The students of a distillation: what each reads, how often, and at which rate."""

from __future__ import annotations

import pytest

from distill_core import arms as rows
from distill_core.plans import arms, cells
from distill_core.plans.arms import DistillCell
from distill_core.specs import DistillSpec

ASKED = {"teacher": "minilm", "epochs": 2, "batch_size": 32}


def planned(arm: str, texts: int, **asked: object) -> DistillCell:
    (cell,) = arms.plan(DistillSpec(**ASKED, arms=(arm,), **asked), texts)
    return cell


def test_few_labels_are_read_as_often_as_makes_the_same_steps() -> None:
    """8,000 texts twice are 500 steps; 500 texts need 32 passes for that, of which 15 are allowed."""
    assert planned("distilled", 8000, labeled_examples=500).epochs == 2
    assert planned("distilled", 8000, labeled_examples=500).texts is None
    for arm in ("labeled-only", "init-only"):
        assert planned(arm, 8000, labeled_examples=500).epochs == 15
        assert planned(arm, 8000, labeled_examples=2000).epochs == 8
        assert planned(arm, 8000, labeled_examples=2000).texts == 2000


def test_nothing_changes_where_all_texts_have_a_label() -> None:
    for arm in ("distilled", "init-only"):
        cell = planned(arm, 4000)
        assert (cell.epochs, cell.texts, cell.rate) == (2, None, 1.0)


@pytest.mark.parametrize("arm", ["scratch", "scratch-distilled"])
def test_random_weights_have_a_schedule_of_their_own(arm: str) -> None:
    cell = planned(arm, 4000)
    assert cell.rate == rows.RANDOM_RATE > 1
    steps = cell.epochs * -(-4000 // 32)
    assert steps >= rows.RANDOM_STEPS > steps - 125  # whole passes, and no more of them than are needed
    many = planned(arm, 400_000)
    assert many.epochs == 2  # enough steps as asked


def test_an_ablation_gives_its_random_start_the_same_schedule() -> None:
    found = {cell.arm: cell for cell in arms.plan(DistillSpec(**ASKED, ablation=True, cosine=1.0), 4000)}
    assert found["random init"].rate == rows.RANDOM_RATE
    assert {cell.rate for name, cell in found.items() if name != "random init"} == {1.0}


def test_names_do_not_depend_on_the_texts() -> None:
    spec = DistillSpec(**ASKED, arms=("distilled", "scratch"), seeds=2)
    assert arms.plan(spec) == arms.plan(spec, 4000)


@pytest.mark.parametrize(
    ("asked", "texts", "least", "passes"), [(2, 200, 60, 9), (2, 4000, 60, 2), (2, 10, 400, 400), (3, 64, 7, 4)]
)
def test_passes_for_so_many_steps(asked: int, texts: int, least: int, passes: int) -> None:
    assert cells.epochs(asked, 32, texts, least) == passes
