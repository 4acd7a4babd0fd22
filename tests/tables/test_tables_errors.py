"""Inherited, new and repaired errors: counts equal those of the run, texts and shares against a hand calculation."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import sample_ablation as sample

from distill_core.errors import RunError
from distill_core.results import DistillResult
from distill_core.runs.store import RunStore
from distill_core.specs import DistillSpec
from distill_core.tables import errors as tables_errors


@pytest.fixture
def store(tmp_path: Path) -> RunStore:
    return RunStore(tmp_path / "crafted")


def test_the_counts_are_those_of_the_report(store: RunStore) -> None:
    run = sample.ablation(store)
    result = run.result()
    assert isinstance(result, DistillResult)
    for one in result.students:
        found = tables_errors.counts(tables_errors.error_slices(run, f"{one.arm}-{one.seed}"))
        assert found == {
            "new": one.new_errors,
            "inherited": one.inherited_errors,
            "repaired": one.repaired_errors,
        }


def test_every_text_is_in_its_group(store: RunStore) -> None:
    spec = DistillSpec.model_validate({"teacher": "run:none", "ablation": True})
    teacher, mine = np.array([True, True, False, False]), np.array([True, False, True, False])
    run = sample.run_of(store, spec, {"all": mine}, teacher)
    rows = tables_errors.error_slices(run, "all").set_index("group")
    assert sorted(rows.index) == ["inherited", "new", "repaired"]
    assert rows.loc["new", "text"].startswith("Text 1:")
    assert rows.loc["repaired", "text"].startswith("Text 2:")
    assert rows.loc["inherited", "text"].startswith("Text 3:")
    new = rows.loc["new"]  # text 1 is positive
    assert (new["label"], new["student_says"], new["teacher_says"]) == ("positive", "negative", "positive")
    margin = np.random.default_rng(1).uniform(0.1, 4, 4)[1]  # the student is the second arm
    assert new["student_share"] == pytest.approx(1 / (1 + np.exp(-margin)), abs=1e-6)


def test_the_surest_come_first(store: RunStore) -> None:
    rows = tables_errors.error_slices(sample.ablation(store, seeds=1), "no soft")
    assert rows["student_share"].is_monotonic_decreasing
    assert tuple(rows.columns) == tables_errors.COLUMNS


def test_students_have_names(store: RunStore) -> None:
    assert tables_errors.student_keys(sample.ablation(store, seeds=1))["no soft"] == "Without soft targets"
    several = tables_errors.student_keys(sample.ablation(store, done=2))
    assert several == {"all-0": "All terms, seed 0", "no soft-0": "Without soft targets, seed 0"}


def test_a_run_without_errors_has_an_empty_table(store: RunStore) -> None:
    spec = DistillSpec.model_validate({"teacher": "run:none", "ablation": True})
    right = np.array([True, True])
    rows = tables_errors.error_slices(sample.run_of(store, spec, {"all": right}, right), "all")
    assert rows.empty
    assert tables_errors.counts(rows) == {"new": 0, "inherited": 0, "repaired": 0}


def test_unknown_arms_and_missing_predictions_are_said(store: RunStore) -> None:
    run = sample.ablation(store)
    with pytest.raises(RunError, match="no predictions of 'no such'"):
        tables_errors.error_slices(run, "no such")
    assert tables_errors.texts_are_here(run)
    run.predictions_file.unlink()
    with pytest.raises(RunError, match="kept no predictions"):
        tables_errors.error_slices(run, "all-0")
