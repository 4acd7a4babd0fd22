"""What texts without a label add: against arithmetic by hand, with seeds, without predictions, without the arm."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import sample_ablation
import sample_training as sample

from distill_core.runs.run import Run
from distill_core.runs.store import RunStore
from distill_core.specs import DistillSpec
from distill_core.tables import unlabeled as tables_unlabeled

TEACHER = np.ones(100, dtype=bool)


@pytest.fixture
def store(tmp_path: Path) -> RunStore:
    return RunStore(tmp_path / "runs")


def right(n: int) -> np.ndarray:
    """The first n of 100 texts are answered rightly."""
    return np.arange(100) < n


def run_of(store: RunStore, rights: dict[str, np.ndarray], **more: object) -> Run:
    values = {"teacher": "run:none", "arms": ("distilled", "labeled-only"), "labeled_examples": 50, **more}
    return sample_ablation.run_of(store, DistillSpec.model_validate(values), rights, TEACHER)


def test_the_gain_and_its_interval_over_texts(store: RunStore) -> None:
    found = tables_unlabeled.gain(run_of(store, {"distilled": right(80), "labeled-only": right(70)}))
    assert found is not None
    assert found.points == pytest.approx(10)
    assert found.labeled == 50
    # Agresti and Min: ten texts for it, none against, half a text in each of four cells
    mean, second = 10 / 102, 11 / 102
    half = 1.959963984540054 * math.sqrt((second - mean**2) / 102)
    assert (found.low_points, found.high_points) == pytest.approx((100 * (mean - half), 100 * (mean + half)))
    assert found.sentence.startswith("Texts without a label add 10.0 points of accuracy (95 % interval +3.7 to +15.9)")
    assert "read the 50 labeled texts alone" in found.sentence


def test_a_loss_is_said_as_one(store: RunStore) -> None:
    found = tables_unlabeled.gain(run_of(store, {"distilled": right(70), "labeled-only": right(72)}))
    assert found is not None
    assert "cost 2.0 points" in found.sentence


def test_seeds_are_compared_in_pairs(store: RunStore) -> None:
    rights = {
        "distilled-0": right(80),
        "labeled-only-0": right(70),
        "distilled-1": right(90),
        "labeled-only-1": right(88),
    }
    found = tables_unlabeled.gain(run_of(store, rights, seeds=2))
    assert found is not None
    assert found.points == pytest.approx(6)
    half_done = {name: rights[name] for name in ("distilled-0", "labeled-only-0", "distilled-1")}
    found = tables_unlabeled.gain(run_of(store, half_done, seeds=2))
    assert found is not None
    assert found.points == pytest.approx(10)


def test_without_predictions_there_is_no_interval(store: RunStore) -> None:
    run = run_of(store, {"distilled": right(80), "labeled-only": right(70)})
    run.predictions_file.unlink()
    found = tables_unlabeled.gain(run)
    assert found is not None
    assert (found.low_points, found.high_points) == (None, None)
    assert "interval" not in found.sentence


def test_nothing_without_the_arm_or_before_its_end(store: RunStore) -> None:
    assert tables_unlabeled.gain(run_of(store, {"distilled": right(80)})) is None
    assert tables_unlabeled.gain(store.create(DistillSpec(teacher="minilm"))) is None
    assert tables_unlabeled.gain(sample.finetune_run(store)) is None
