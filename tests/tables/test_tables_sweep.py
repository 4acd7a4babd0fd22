"""Sweeps: cells, depths, DistilBERT's own point, and what a shared teacher saves, against hand calculations."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import sample_ablation as sample

from distill_core.results import DistillResult
from distill_core.runs.store import RunStore
from distill_core.specs import DistillSpec
from distill_core.tables import sweep as tables_sweep

GRID = {"sweep_temperatures": (1, 2, 4), "sweep_soft": (0.25, 0.75)}


@pytest.fixture
def store(tmp_path: Path) -> RunStore:
    return RunStore(tmp_path / "crafted")


def test_one_row_a_setting_with_means_over_seeds(store: RunStore) -> None:
    run = sample.sample_run(store, seeds=2, **GRID)
    frame = tables_sweep.sweep_frame(run)
    assert tuple(frame.columns) == tables_sweep.SWEEP_COLUMNS
    assert list(zip(frame["temperature"], frame["soft"], strict=True)) == [
        (1, 0.25),
        (1, 0.75),
        (2, 0.25),
        (2, 0.75),
        (4, 0.25),
        (4, 0.75),
    ]
    assert frame["hard"].tolist() == [0.75, 0.25] * 3
    assert frame["seeds"].tolist() == [2] * 6
    assert frame["setting"].iloc[1] == "τ = 1, soft weight 0.75"
    result = run.result()
    assert isinstance(result, DistillResult)
    both = [one.accuracy for one in result.students if one.arm == frame["arm"].iloc[3]]
    assert len(both) == 2
    assert frame["accuracy"].iloc[3] == pytest.approx(sum(both) / 2)
    assert frame["retained"].iloc[3] == pytest.approx(sum(both) / 2 / 0.842)
    assert frame["retained_low"].iloc[3] < frame["retained"].iloc[3] < frame["retained_high"].iloc[3]


def test_a_setting_has_its_row_before_it_is_trained(store: RunStore) -> None:
    frame = tables_sweep.sweep_frame(sample.sample_run(store, done=2, **GRID))
    assert frame["accuracy"].notna().tolist() == [True, True, False, False, False, False]
    assert frame["seeds"].tolist() == [1, 1, 0, 0, 0, 0]
    none = tables_sweep.sweep_frame(sample.sample_run(store, done=0, **GRID))
    assert none.dtypes.equals(frame.dtypes)


def test_what_lies_behind_the_best_is_compared_text_by_text(store: RunStore) -> None:
    """The best is right on texts 0–8 of 10, the other on 0–5 and 9: −4 + 1 texts; Agresti and Min by hand."""
    spec = DistillSpec.model_validate({"teacher": "run:none", "sweep_soft": (0.0, 1.0)})
    everything = np.ones(10, dtype=bool)
    best, other = everything.copy(), everything.copy()
    best[9], other[6:9] = False, False
    run = sample.run_of(store, spec, {"soft 0": other, "soft 1": best}, everything)
    frame = tables_sweep.sweep_frame(run).set_index("arm")
    behind = frame.loc["soft 0"]
    assert behind["behind_points"] == pytest.approx(-20.0)
    middle = -2 / 12
    half = 1.959964 * (((4 + 1) / 12 - middle**2) / 12) ** 0.5
    assert behind["behind_low_points"] == pytest.approx(100 * (middle - half), abs=1e-4)
    assert behind["behind_high_points"] == pytest.approx(100 * (middle + half), abs=1e-4)
    assert frame.loc["soft 1", ["behind_points", "behind_low_points"]].isna().all()
    run.predictions_file.unlink()
    alone = tables_sweep.sweep_frame(run).set_index("arm").loc["soft 0"]
    assert alone["behind_points"] == pytest.approx(-20.0)
    assert alone[["behind_low_points", "behind_high_points"]].isna().all()


def test_depths_are_shares_of_the_teacher(store: RunStore) -> None:
    frame = tables_sweep.depth_frame(sample.sample_run(store, sweep_layers=(3, 1, 6)))
    assert frame["layers"].tolist() == [1, 3, 6]
    assert frame["params_share"].tolist() == pytest.approx(
        [13_775_000 / 22_713_986, 17_325_000 / 22_713_986, 22_650_000 / 22_713_986]
    )
    assert frame["time_share"].iloc[0] == pytest.approx(2.57 / 12.4)
    assert frame["latency_ms_p50"].iloc[0] == pytest.approx(2.57)
    assert frame["time_low"].iloc[0] == pytest.approx(2.57 / 12.4 / 1.03)
    assert frame["time_high"].iloc[0] == pytest.approx(2.57 / 12.4 / 0.97)
    assert frame["busy_cores"].iloc[0] == 0.02


def test_a_sweep_without_depths_has_no_curve(store: RunStore) -> None:
    frame = tables_sweep.depth_frame(sample.sample_run(store, **GRID))
    assert frame.empty
    assert tuple(frame.columns) == tables_sweep.SWEEP_COLUMNS


def test_a_time_that_was_not_measured_is_missing(store: RunStore) -> None:
    run = sample.sample_run(store, sweep_layers=(1, 2))
    result = run.result()
    assert isinstance(result, DistillResult)
    students = tuple(one.model_copy(update={"speedup": None, "latency_ms_p50": None}) for one in result.students)
    run.set_result(result.model_copy(update={"students": students}))
    assert tables_sweep.depth_frame(run)[["time_share", "time_low", "latency_ms_p50"]].isna().all(axis=None)


def test_distilberts_point_is_computed_from_the_papers_tables() -> None:
    point = tables_sweep.distilbert()
    assert point.params_share == pytest.approx(66 / 110)
    assert point.time_share == pytest.approx(410 / 668)
    assert point.retained == pytest.approx(77.0 / 79.5)


def test_sharing_counts_passes_that_nobody_needed(store: RunStore) -> None:
    """Six students of three epochs: 18 passes without the cache, one with it."""
    shared = tables_sweep.sharing(sample.sample_run(store, epochs=3, **GRID))
    assert shared == tables_sweep.Sharing(students=6, passes=18, pass_s=4.2, saved_s=pytest.approx(17 * 4.2))


def test_students_that_do_not_read_the_cache_are_not_counted(store: RunStore) -> None:
    run = sample.sample_run(store, ablation=True)  # all, no soft (labels alone), no hard, random init
    shared = tables_sweep.sharing(run)
    assert shared is not None
    assert shared.students == 3
    inner = tables_sweep.sharing(sample.sample_run(store, ablation=True, hidden=1.0))
    assert inner is not None
    assert inner.students == 1  # the one without hidden states


def test_outputs_from_an_earlier_run_save_an_unknown_time(store: RunStore) -> None:
    run = sample.sample_run(store, **GRID)
    result = run.result()
    assert isinstance(result, DistillResult)
    run.set_result(result.model_copy(update={"teacher_pass_s": 0.0}))
    shared = tables_sweep.sharing(run)
    assert shared is not None
    assert (shared.pass_s, shared.saved_s) == (0.0, None)
    run.set_result(result.model_copy(update={"teacher_pass_s": None}))
    assert tables_sweep.sharing(run) is None
    assert tables_sweep.sharing(sample.sample_run(store, done=0, **GRID)) is None
