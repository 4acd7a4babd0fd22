"""A class on one server: many clicks at once, a full queue, hundreds of old runs."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from distill_core.errors import LaunchError
from distill_core.launch import queue
from distill_core.results import State


def test_thirty_clicks_at_once_are_thirty_runs_in_one_line(launcher, store, make_spec, until):
    blocker = launcher.submit(make_spec("steps"))
    with ThreadPoolExecutor(30) as pool:
        runs = list(pool.map(lambda _: launcher.submit(make_spec("quick")), range(30)))
    assert len({run.id.partition("-")[0] for run in runs}) == 30
    assert sorted(launcher.queue_position(run.id) for run in runs) == list(range(1, 31))
    assert len(store.list()) == 31
    assert len(launcher._children) == 1
    for run in (*runs, blocker):
        launcher.stop(run.id)
    until(lambda: all(run.state().state == "stopped" for run in (*runs, blocker)), launcher)


def test_a_double_click_is_one_run(launcher, store, make_spec):
    with ThreadPoolExecutor(8) as pool:
        runs = list(pool.map(lambda _: launcher.submit(make_spec("quick"), token="form-1"), range(8)))
    assert len(set(runs)) == len(store.list()) == 1


def test_a_full_queue_refuses_with_an_estimate(launcher, store, limits, make_spec):
    limits(max_queue=2)
    launcher.submit(make_spec("steps"))
    for _ in range(2):
        launcher.submit(make_spec("quick"))
    with pytest.raises(LaunchError, match="2 runs are waiting") as refused:
        launcher.submit(make_spec("quick"))
    assert "about" not in refused.value.message
    old = store.create(make_spec("quick"))
    old.set_state(state="done", started_at="2026-01-01T10:00:00+00:00", ended_at="2026-01-01T10:05:00+00:00")
    with pytest.raises(LaunchError, match="about 10 minutes"):
        launcher.submit(make_spec("quick"))
    assert len(store.list()) == 4


def test_the_wait_is_estimated_from_the_last_runs(store, make_spec):
    assert queue.estimate_wait_s(store, ahead=3, slots=1) is None
    for minute in (2, 4):
        run = store.create(make_spec("quick"))
        run.set_state(
            state="done", started_at="2026-01-01T10:00:00+00:00", ended_at=f"2026-01-01T10:0{minute}:00+00:00"
        )
    assert queue.estimate_wait_s(store, ahead=3, slots=2) == pytest.approx(3 * 180 / 2)


def test_a_tick_over_500_old_runs_is_quick(launcher, store):
    for number in range(500):
        path = store.root / f"{number:06d}-abcdef"
        path.mkdir(parents=True)
        (path / "state.json").write_text(State(state="done").model_dump_json())
    launcher.tick()
    began = time.perf_counter()
    launcher.tick()
    assert time.perf_counter() - began < 0.2
