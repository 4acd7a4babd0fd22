"""What soft targets are worth: attempts to make the sentence false, and the recorded run against its own numbers."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import sample_ablation
import sample_training as sample

from distill_core.runs.run import Run
from distill_core.runs.store import RunStore
from distill_core.specs import DistillSpec
from distill_core.tables import soft_targets

RECORDED = Path(__file__).parents[2] / "data/recorded/distill-movies-three-seeds"
ARMS = ("distilled", "init-only")


@pytest.fixture
def store(tmp_path: Path) -> RunStore:
    return RunStore(tmp_path / "runs")


def right(k: int, n: int = 100) -> np.ndarray:
    """The first k of n texts are answered rightly."""
    return np.arange(n) < k


def run_of(store: RunStore, taught: list[np.ndarray], alone: list[np.ndarray], **more: object) -> Run:
    """A run with as many seeds as there are answers of the distilled student."""
    several = len(taught) > 1
    rights = {
        f"{arm}-{seed}" if several else arm: answers
        for arm, found in zip(ARMS, (taught, alone), strict=True)
        for seed, answers in enumerate(found)
    }
    values = {"teacher": "run:none", "arms": ARMS, "seeds": len(taught), **more}
    return sample_ablation.run_of(
        store, DistillSpec.model_validate(values), rights, np.ones(len(taught[0]), dtype=bool)
    )


def test_the_recorded_gain_is_not_beyond_chance() -> None:
    frame = pd.read_parquet(RECORDED / "predictions.parquet")
    means = []
    for seed in range(3):
        taught, alone = (
            (frame[[f"{arm}-{seed}: logit 0", f"{arm}-{seed}: logit 1"]].to_numpy().argmax(1) == frame["label"]).mean()
            for arm in ARMS
        )
        means.append(100 * (taught - alone))
    found = soft_targets.sentence(Run(RECORDED))
    assert found.startswith(f"Soft targets added +{sum(means) / 3:.1f} points (95 % interval −")
    assert found.endswith(": not beyond chance.")
    low, high = re.findall(r"[−\d.]+(?= to|\))", found)[-2:]
    assert float(low.replace("−", "-")) < min(0, sum(means) / 3) < sum(means) / 3 < float(high)


def test_a_large_gain_in_every_seed_is_beyond_chance(store: RunStore) -> None:
    run = run_of(store, [right(80), right(81), right(82)], [right(60), right(61), right(60)])
    assert re.fullmatch(
        r"Soft targets added \+20.7 points \(95 % interval \d+.\d to \d+.\d\): beyond chance.",
        soft_targets.sentence(run),
    )


def test_a_tie_is_no_gain(store: RunStore) -> None:
    for seeds in (1, 3):
        found = soft_targets.sentence(run_of(store, [right(80)] * seeds, [right(80)] * seeds))
        assert found.startswith("Soft targets added 0.0 points (95 % interval −")
        assert found.endswith(": not beyond chance.")


def test_a_better_control_is_said_as_a_loss(store: RunStore) -> None:
    run = run_of(store, [right(60), right(61), right(60)], [right(80), right(81), right(82)])
    assert re.fullmatch(
        r"Soft targets added −20.7 points \(95 % interval −\d+.\d to −\d+.\d\): beyond chance.",
        soft_targets.sentence(run),
    )


def test_one_seed_speaks_of_the_texts_alone(store: RunStore) -> None:
    found = soft_targets.sentence(run_of(store, [right(80)], [right(70)]))
    assert found.startswith("Soft targets added +10.0 points (95 % interval 3.7 to 15.9): beyond the chance of these")
    assert "takes three of them" in found


def test_seeds_that_disagree_are_not_sure(store: RunStore) -> None:
    """On average 10 points, far beyond the texts; but one seed loses."""
    run = run_of(store, [right(900, 1000)] * 3, [right(700, 1000), right(750, 1000), right(950, 1000)])
    assert soft_targets.sentence(run).endswith(": not beyond chance.")


def test_one_test_text_proves_nothing(store: RunStore) -> None:
    for seeds in (1, 3, 6):
        run = run_of(store, [right(1, 1)] * seeds, [right(0, 1)] * seeds)
        assert soft_targets.sentence(run).endswith(": not beyond chance.")
    run = run_of(store, [right(1, 1)] * 6, [right(0, 1)] * 5 + [right(1, 1)])
    assert soft_targets.sentence(run).endswith(": not beyond chance.")


def test_without_predictions_there_is_no_verdict(store: RunStore) -> None:
    run = run_of(store, [right(80)], [right(70)])
    run.predictions_file.unlink()
    found = soft_targets.sentence(run)
    assert found.startswith("Soft targets added +10.0 points: without the predictions")
    assert "interval" not in found


def test_a_missing_control_is_asked_for(store: RunStore) -> None:
    run = sample.distill_run(store, "minilm", arms=("distilled", "scratch"))
    assert soft_targets.sentence(run) == "Add Copied layers to see what the soft targets themselves are worth."
    run = sample.distill_run(store, "minilm", arms=ARMS, init="random")
    assert soft_targets.sentence(run) == "Add From scratch to see what the soft targets themselves are worth."


def test_more_than_soft_targets_is_not_called_so(store: RunStore) -> None:
    for more, start in (
        ({"cosine": 1.0}, "The teacher's signals added"),
        ({"labeled_examples": 50}, "Soft targets, texts without a label included, added"),
        ({"hard": 0.0}, "Soft targets in place of labels added"),
    ):
        assert soft_targets.sentence(run_of(store, [right(80)], [right(70)], **more)).startswith(start)


def test_nothing_where_it_is_not_asked(store: RunStore) -> None:
    assert soft_targets.sentence(sample_ablation.ablation(store)) == ""
    assert soft_targets.sentence(sample.finetune_run(store)) == ""
    assert soft_targets.sentence(store.create(DistillSpec(teacher="minilm", arms=ARMS))) == ""
