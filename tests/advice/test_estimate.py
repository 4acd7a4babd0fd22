"""The cost on the button: grows with the work, and follows what was measured."""

from __future__ import annotations

import pytest
import sample_runs

from distill_core.advice import estimate
from distill_core.runs import Run, RunStore
from distill_core.settings import settings
from distill_core.specs import CompareSpec


def spec(**more: object) -> CompareSpec:
    return CompareSpec.model_validate({"models": "bert@structure,gpt@structure", **more})


def earlier(ended_at: str = "", p50: float = 640.0) -> Run:
    rows = [sample_runs.row("bert", 1), sample_runs.row("bert", 8, latency_ms_p50=p50)]
    run = sample_runs.compare_run(RunStore(settings().runs_dir), rows, batch_sizes=(1, 8))
    run.set_state(started_at="2025-11-22T08:00:00.000+00:00", ended_at=ended_at)
    return run


def test_by_hand_without_an_earlier_run() -> None:
    call = 128 * estimate.MS_PER_TOKEN / 1000
    one = estimate.LOAD_S + estimate.CALLS_BEFORE * call + 1.0  # ten calls take less than the shortest time
    assert estimate.compare_seconds(spec()) == pytest.approx(estimate.START_S + 2 * one)


def test_more_work_costs_more() -> None:
    plain = estimate.compare_seconds(spec())
    assert estimate.compare_seconds(spec(batch_sizes="1,8")) > plain
    assert estimate.compare_seconds(spec(seq_lens="512")) > plain
    assert estimate.compare_seconds(spec(min_time_s=5)) > plain
    assert estimate.compare_seconds(spec(dataset="movies")) == plain  # random weights are not evaluated
    minilm = spec(models="minilm")
    assert estimate.compare_seconds(spec(models="minilm", dataset="movies")) > estimate.compare_seconds(minilm)


def test_an_earlier_run_sets_the_speed() -> None:
    call = 128 * (640 / 8 / 128) / 1000  # the largest batch counts; a model that was not in it gets the middle of all
    one = estimate.LOAD_S + estimate.CALLS_BEFORE * call + max(1.0, estimate.CALLS_TIMED * call)
    assert estimate.compare_seconds(spec(), earlier()) == pytest.approx(estimate.START_S + 2 * one)


def test_an_earlier_run_corrects_the_estimate_within_limits() -> None:
    plain = estimate.compare_seconds(spec(), earlier())
    slower = estimate.compare_seconds(spec(), earlier("2025-11-22T08:00:40.000+00:00"))
    endless = estimate.compare_seconds(spec(), earlier("2025-11-29T08:00:00.000+00:00"))
    assert plain < slower < endless
    assert endless == pytest.approx(plain * estimate.PACE_LIMITS[1])


def test_an_earlier_run_without_numbers() -> None:
    run = sample_runs.compare_run(RunStore(settings().runs_dir), [sample_runs.failed_row("bert")])
    assert estimate.compare_seconds(spec(), run) == estimate.compare_seconds(spec())
