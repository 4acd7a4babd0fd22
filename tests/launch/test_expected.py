"""When a waiting run begins: the schedule by hand, the correction by what runs took, and the launcher's answer."""

from __future__ import annotations

import time

import pytest
import sample_training

from distill_core.errors import RunError
from distill_core.launch import expected
from distill_core.launch.expected import Work
from distill_core.plans import compare_cost, pretrain_scale, training_cost
from distill_core.specs import FinetuneSpec, PretrainSpec


def test_one_slot_adds_up():
    waiting = [Work("a", 60), Work("b", 30), Work("c", 10)]
    assert expected.starts(waiting, [Work("x", 100)], 1) == {"a": 100, "b": 160, "c": 190}
    assert expected.starts(waiting, [], 1) == {"a": 0, "b": 60, "c": 90}
    assert expected.starts([], [Work("x", 100)], 1) == {}


def test_two_slots_take_whoever_ends_first():
    at_work = [Work("x", 100), Work("y", 20)]
    assert expected.starts([Work("a", 60), Work("b", 30), Work("c", 1)], at_work, 2) == {"a": 20, "b": 80, "c": 100}


def test_a_timing_waits_for_all_and_holds_all_back():
    waiting = [Work("a", 5), Work("timing", 50, alone=True), Work("b", 1)]
    assert expected.starts(waiting, [Work("x", 100)], 3) == {"a": 0, "timing": 100, "b": 150}


def test_what_hangs_on_an_unknown_duration_is_unknown():
    assert expected.starts([Work("a", 60), Work("b", 30)], [Work("x", None)], 1) == {"a": None, "b": None}
    assert expected.starts([Work("a", None), Work("b", 30)], [], 1) == {"a": 0, "b": None}
    assert expected.starts([Work("a", 10), Work("b", 30)], [Work("x", None)], 2) == {"a": 0, "b": 10}


def done(store, spec, took_s):
    run = store.create(spec)
    run.set_state(
        state="done", started_at="2026-01-01T10:00:00+00:00", ended_at=f"2026-01-01T10:{took_s // 60:02}:00+00:00"
    )
    return run


def test_the_correction_is_the_median_of_what_runs_took_against_their_plans(store):
    assert expected.correction(expected.finished(store)) == 1
    spec = FinetuneSpec(arms="pretrained", train_examples="100")
    planned = training_cost.seconds(spec, store, [])
    for took_s in (60, 120, 1800):
        done(store, spec, took_s)
    low, high = expected.LIMITS
    assert expected.correction(expected.finished(store)) == pytest.approx(min(high, max(low, 120 / planned)))
    for _ in range(expected.HISTORY):
        done(store, spec, 3540)
    assert expected.correction(expected.finished(store)) == high


@pytest.mark.parametrize(
    ("spec", "plan"),
    [
        (FinetuneSpec(), lambda spec, store: training_cost.seconds(spec, store, [])),
        (PretrainSpec(family="bert"), lambda spec, store: pretrain_scale.seconds(spec, [])),
    ],
)
def test_each_kind_is_judged_by_its_own_plan(store, spec, plan):
    first, second = store.create(spec), store.create(spec)
    found = expected.of_queue([first, second], [], store, 1)
    assert found == {first.id: 0, second.id: pytest.approx(plan(spec, store))}


def test_a_run_at_work_tells_its_own_estimate(store, make_spec):
    at_work, waiting = store.create(FinetuneSpec()), store.create(make_spec("quick"))
    at_work.set_state(state="running", eta_s=42.0)
    assert expected.of_queue([waiting], [at_work], store, 1) == {waiting.id: 42.0}
    at_work.set_state(eta_s=None, started_at="2020-01-01T10:00:00+00:00")
    assert expected.of_queue([waiting], [at_work], store, 1) == {waiting.id: expected.LEAST_LEFT_S}


def test_a_paused_run_of_the_queue_gives_way_and_another_may_stay_for_ever(store, make_spec):
    waiting = store.create(make_spec("quick"))
    local, foreground = store.create(FinetuneSpec(), {"launcher": "local"}), store.create(FinetuneSpec())
    for run in (local, foreground):
        run.set_state(state="paused")
    assert expected.of_queue([waiting], [local], store, 1) == {waiting.id: 300}
    assert expected.of_queue([waiting], [foreground], store, 1) == {waiting.id: None}


def test_the_launcher_tells_each_waiting_run(launcher, store, make_spec, until):
    first = launcher.submit(make_spec("steps"))
    until(lambda: (first.path / "steps").exists(), launcher)
    second, third = launcher.submit(make_spec("quick")), launcher.submit(make_spec("quick"))
    assert list(launcher.expected_starts_s()) == [second.id, third.id]
    assert launcher.expected_start_s(first.id) is None
    second_s, third_s = launcher.expected_start_s(second.id), launcher.expected_start_s(third.id)
    assert third_s - second_s == pytest.approx(compare_cost.compare_seconds(make_spec("quick")), abs=5)
    with pytest.raises(RunError, match="no run"):
        launcher.expected_start_s("000099-abcdef")


def test_a_damaged_run_makes_the_rest_unknown_alone(store, make_spec):
    damaged, other = store.create(make_spec("quick")), sample_training.finetune_run(store, state="queued")
    (damaged.path / "spec.json").write_text("{")
    assert expected.of_queue([other, damaged], [], store, 1)[other.id] == 0
    assert expected.of_queue([damaged, other], [], store, 1)[other.id] is None


def test_forty_visitors_may_ask_with_500_runs_kept(store, make_spec):
    """Each waiting visitor's page asks every two seconds."""
    for _ in range(500):
        done(store, make_spec("old"), 60)
    waiting = [store.create(FinetuneSpec()) for _ in range(20)]
    expected.of_queue(waiting, [], store, 1)
    began = time.perf_counter()
    expected.of_queue(waiting, [], store, 1)
    assert time.perf_counter() - began < 0.1
