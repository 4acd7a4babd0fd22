"""The cost on the button: grows with the work, and follows what was measured."""

from __future__ import annotations

import pytest
import sample_runs

from distill_core.plans import compare_cost
from distill_core.runs.run import Run
from distill_core.runs.store import RunStore
from distill_core.settings import settings
from distill_core.specs import CompareSpec


def spec(**more: object) -> CompareSpec:
    return CompareSpec.model_validate({"models": "bert@structure,gpt@structure", **more})


def earlier(ended_at: str = "", p50: float = 640.0) -> Run:
    rows = [sample_runs.row("bert", 1), sample_runs.row("bert", 8, latency_ms_p50=p50)]
    run = sample_runs.compare_run(RunStore(settings().runs_dir), rows, batch_sizes=(1, 8))
    run.set_state(started_at="2025-11-22T08:00:00.000+00:00", ended_at=ended_at)
    return run


def two_models(call: float) -> float:
    """BERT alone, and GPT in turns with it; both take so many seconds for a call."""
    before = compare_cost.CALLS_BEFORE * call + min(compare_cost.WARM_UP_S, compare_cost.WARM_UP_CALLS * call)
    turns = compare_cost.TURNS * 2 * call  # one call fills a turn
    return 3 * compare_cost.LOAD_S + 3 * before + max(1.0, compare_cost.TURNS * call) + max(1.0, turns)


def test_by_hand_without_an_earlier_run() -> None:
    call = 128 * compare_cost.MS_PER_TOKEN / 1000
    assert call > compare_cost.TURN_S
    assert compare_cost.compare_seconds(spec()) == pytest.approx(compare_cost.START_S + two_models(call))


def test_a_turn_of_a_fast_model_has_several_calls() -> None:
    slow = spec(models="bert@structure,minilm", min_time_s=0.001)
    rows = [sample_runs.row("bert"), sample_runs.row("bert", model="minilm", latency_ms_p50=12.8)]
    run = sample_runs.compare_run(RunStore(settings().runs_dir), rows)
    bert, small = 0.058, 0.0128
    before = [compare_cost.CALLS_BEFORE * one + min(1.0, compare_cost.WARM_UP_CALLS * one) for one in (bert, small)]
    turns = 10 * bert + 10 * (bert + 0.05)
    expected = compare_cost.START_S + 3 * compare_cost.LOAD_S + 2 * before[0] + before[1] + turns
    assert compare_cost.compare_seconds(slow, run) == pytest.approx(expected)


def test_more_work_costs_more() -> None:
    plain = compare_cost.compare_seconds(spec())
    assert compare_cost.compare_seconds(spec(batch_sizes="1,8")) > plain
    assert compare_cost.compare_seconds(spec(seq_lens="512")) > plain
    assert compare_cost.compare_seconds(spec(min_time_s=5)) > plain
    assert compare_cost.compare_seconds(spec(dataset="movies")) == plain  # random weights are not evaluated
    minilm = spec(models="minilm")
    assert compare_cost.compare_seconds(spec(models="minilm", dataset="movies")) > compare_cost.compare_seconds(minilm)


def test_an_earlier_run_sets_the_speed() -> None:
    call = 128 * (640 / 8 / 128) / 1000  # the largest batch counts; a model that was not in it gets the middle of all
    assert compare_cost.compare_seconds(spec(), earlier()) == pytest.approx(compare_cost.START_S + two_models(call))


def test_an_earlier_run_corrects_the_estimate_within_limits() -> None:
    plain = compare_cost.compare_seconds(spec(), earlier())
    slower = compare_cost.compare_seconds(spec(), earlier("2025-11-22T08:00:40.000+00:00"))
    endless = compare_cost.compare_seconds(spec(), earlier("2025-11-29T08:00:00.000+00:00"))
    assert plain < slower < endless
    assert endless == pytest.approx(plain * compare_cost.PACE_LIMITS[1])


def test_an_earlier_run_without_numbers() -> None:
    run = sample_runs.compare_run(RunStore(settings().runs_dir), [sample_runs.failed_row("bert")])
    assert compare_cost.compare_seconds(spec(), run) == compare_cost.compare_seconds(spec())
