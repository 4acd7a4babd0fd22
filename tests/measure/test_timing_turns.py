"""Ratios of speeds from turns: known durations, a load that comes and goes, and what a result gets of it."""

from __future__ import annotations

from dataclasses import asdict, replace

import pytest
import tiny
import torch

from distill_core import families
from distill_core.errors import ModelError
from distill_core.machine import devices
from distill_core.measure import turns
from distill_core.results import BenchmarkRow, StudentReport, StudentRow

CPU = devices.Device(torch.device("cpu"), "float32", 1)


def fake(call):
    """A model that is this function."""
    model = torch.nn.Module()
    model.config = tiny.classifier(families.get("bert")).model.config
    model.forward = lambda **inputs: call()
    return replace(tiny.classifier(families.get("bert")), model=model)


def rival(clock, seconds, order=None, name=""):
    return fake(lambda: (order.append(name) if order is not None else None, clock.pass_by(seconds)))


def timed(baseline, *rivals, pace=None):
    return turns.in_turns(baseline, rivals, 1, 8, CPU, pace)


def test_known_durations_give_their_ratio(clock):
    own, (beside,) = timed(rival(clock, 0.4), rival(clock, 0.1))
    assert own.latency_ms_p50 == pytest.approx(400)
    assert beside.timing.latency_ms_p50 == pytest.approx(100)
    assert beside.baseline_ms == pytest.approx(400)
    assert (beside.speedup, beside.speedup_low, beside.speedup_high) == pytest.approx((4, 4, 4))
    assert beside.timing.n_iterations == own.n_iterations == 20


def test_turns_change_who_begins_and_last_about_alike(clock):
    order = []
    pace = turns.Pace(turns=4)
    timed(rival(clock, 0.2, order, "B"), rival(clock, 0.02, order, "m"), rival(clock, 0.2, order, "n"), pace=pace)
    there, back = "BmmmBn", "mmmBnB"  # three calls of 20 ms fill a turn of 50
    assert "".join(order[-len((there + back) * 2) :]) == (there + back) * 2


def test_a_turn_has_25_calls_at_most(clock):
    _, (beside,) = timed(rival(clock, 0.001), rival(clock, 0.0001), pace=turns.Pace(turns=7))
    assert beside.timing.n_iterations == 7 * 25


def test_a_load_that_comes_in_the_middle_does_not_change_the_ratio(clock):
    """Three times slower from some moment on: both medians change, their ratio does not."""
    began = clock.monotonic()

    def slowed(seconds):
        return fake(lambda: clock.pass_by(seconds * (3 if clock.monotonic() - began > 5 else 1)))

    _, (beside,) = timed(slowed(0.2), slowed(0.1))
    assert beside.timing.latency_ms_p50 == pytest.approx(300)
    assert (beside.speedup, beside.speedup_low, beside.speedup_high) == pytest.approx((2, 2, 2))


def test_interruptions_meet_short_calls_in_their_mean(clock):
    """Others take 3 of every 8 ms: the median call of 1 ms is not interrupted, a call of 4 ms always is."""

    def interrupted(seconds):
        def call():
            left = seconds
            while left > 1e-9:
                step = min(left, 0.005 - clock.monotonic() % 0.008) if clock.monotonic() % 0.008 < 0.005 - 1e-6 else 0.0
                left -= step
                clock.pass_by(step if step else 0.008 - clock.monotonic() % 0.008 + 1e-9)

        return fake(call)

    _, (beside,) = timed(interrupted(0.004), interrupted(0.001))
    assert beside.timing.latency_ms_p50 == pytest.approx(1, rel=0.01)
    assert beside.baseline_ms > 6
    assert beside.speedup == pytest.approx(4, rel=0.1)


def test_the_shortest_time_is_kept_for_each_rival(clock):
    own, _ = timed(rival(clock, 0.1), rival(clock, 0.1), rival(clock, 0.1), pace=turns.Pace(1, min_time_s=3))
    assert own.n_iterations == 2 * 15  # 15 turns of two rivals take 6 s


def test_very_slow_models_have_one_pair_and_no_interval(clock):
    _, (beside,) = timed(rival(clock, 50.0), rival(clock, 20.0))
    assert beside.speedup == pytest.approx(2.5)
    assert (beside.speedup_low, beside.speedup_high) == (None, None)


def test_rivals_are_timed_as_they_are_used_without_dropout(quick):
    loaded = tiny.classifier(families.get("bert"))
    loaded.model.train()
    timed(loaded, loaded, pace=turns.Pace(1))
    assert not loaded.model.training


def test_models_are_moved_to_their_device_outside_inference_mode(quick):
    """Weights that are moved within it can never be trained again: a student is timed before it learns."""
    loaded, modes = tiny.classifier(families.get("bert")), []
    move = loaded.model.to
    loaded.model.to = lambda place: modes.append(torch.is_inference_mode_enabled()) or move(place)
    timed(loaded, loaded, pace=turns.Pace(1))
    assert modes == [False, False]


def test_too_many_tokens_are_refused(quick):
    bert = tiny.classifier(families.get("bert"))
    with pytest.raises(ModelError, match="512 positions"):
        turns.in_turns(bert, [bert], 1, 513, CPU)


def test_what_is_measured_has_the_names_of_results(clock):
    own, (beside,) = timed(rival(clock, 0.2), rival(clock, 0.1))
    assert beside.fields.keys() <= StudentReport.model_fields.keys()
    assert beside.fields.keys() <= StudentRow.model_fields.keys()
    assert {**asdict(own), **beside.ratio_fields}.keys() <= BenchmarkRow.model_fields.keys()
