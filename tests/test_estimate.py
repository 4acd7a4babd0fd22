"""The cost on the button: grows with the work, and follows what was measured."""

from __future__ import annotations

import pandas as pd
import pytest

from distill_core import estimate
from distill_core.specs import CompareSpec


def spec(**more: object) -> CompareSpec:
    return CompareSpec.model_validate({"models": "bert@structure,gpt@structure", **more})


def test_by_hand_without_history() -> None:
    call = 128 * estimate.MS_PER_TOKEN / 1000
    one = estimate.LOAD_S + estimate.CALLS_BEFORE * call + 1.0  # ten calls take less than the shortest time
    assert estimate.compare_seconds(spec()) == pytest.approx(2 * one)


def test_more_work_costs_more() -> None:
    plain = estimate.compare_seconds(spec())
    assert estimate.compare_seconds(spec(batch_sizes="1,8")) > plain
    assert estimate.compare_seconds(spec(seq_lens="512")) > plain
    assert estimate.compare_seconds(spec(min_time_s=5)) > plain
    assert estimate.compare_seconds(spec(dataset="movies")) == plain  # random weights are not evaluated
    assert estimate.compare_seconds(spec(models="minilm", dataset="movies")) > estimate.compare_seconds(
        spec(models="minilm")
    )


def test_history_sets_the_speed() -> None:
    history = pd.DataFrame(
        {
            "model": ["bert@structure"] * 2,
            "batch_size": [1, 8],
            "seq_len": [128, 128],
            "latency_ms_p50": [900.0, 6400.0],
        }
    )
    call = 128 * 6.25 / 1000  # the largest batch counts; a model without history gets the middle of all
    one = estimate.LOAD_S + (estimate.CALLS_BEFORE + estimate.CALLS_TIMED) * call
    assert estimate.compare_seconds(spec(), history) == pytest.approx(2 * one)
    empty = history.assign(latency_ms_p50=float("nan"))
    assert estimate.compare_seconds(spec(), empty) == estimate.compare_seconds(spec())
