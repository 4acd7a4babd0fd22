"""The local queue when nothing goes wrong: order, slots, steering, stopping, resuming."""

from __future__ import annotations

import subprocess
import sys
import time

import psutil
import pytest

from distill_core.errors import RunError
from distill_core.files import locks
from distill_core.settings import PROJECT


def steps_of(run):
    file = run.path / "steps"
    return len(file.read_text()) if file.exists() else 0


def test_runs_go_first_in_first_out(launcher, store, make_spec, until_state):
    runs = [launcher.submit(make_spec("quick")) for _ in range(4)]
    assert [launcher.queue_position(run.id) for run in runs] == [None, 1, 2, 3]
    for run in runs:
        until_state(run, "done", launcher)
        assert run.result().kind == "compare"
        assert run.state().progress == 1.0
        assert run.state().pid is None
    assert (store.root / "order").read_text().split() == [run.id for run in runs]


def test_slots_are_used_and_not_exceeded(make_launcher, make_spec, until, until_state):
    launcher = make_launcher(slots=2)
    runs = [launcher.submit(make_spec("steps")) for _ in range(3)]
    until(lambda: steps_of(runs[0]) and steps_of(runs[1]), launcher)
    assert runs[2].state().state == "queued"
    (runs[0].path / "enough").touch()
    until_state(runs[2], "running", launcher)
    assert runs[1].state().state == "running"


def test_the_same_token_gives_the_same_run(launcher, store, make_spec):
    first = launcher.submit(make_spec("quick"), token="click-1")
    assert launcher.submit(make_spec("quick"), token="click-1") == first
    assert launcher.submit(make_spec("quick"), token="click-2") != first
    assert len(store.list()) == 2


def test_pause_costs_nothing_and_a_step_is_one_step(launcher, make_spec, until, until_state):
    run = launcher.submit(make_spec("steps"))
    until(lambda: steps_of(run) > 2, launcher)
    launcher.pause(run.id)
    until_state(run, "paused", launcher)
    process = psutil.Process(run.state().pid)
    count, cpu_before, began = steps_of(run), sum(process.cpu_times()[:2]), time.monotonic()
    for expected in (count + 1, count + 2):
        launcher.step(run.id)
        until(lambda expected=expected: steps_of(run) == expected)
    until(lambda: time.monotonic() - began > 0.5)
    assert steps_of(run) == count + 2
    assert run.state().state == "paused"
    assert sum(process.cpu_times()[:2]) - cpu_before < 0.1
    launcher.unpause(run.id)
    until(lambda: steps_of(run) > count + 5)
    assert run.state().state == "running"


def test_only_a_run_at_work_can_be_steered(launcher, make_spec, until_state):
    first, second = launcher.submit(make_spec("quick")), launcher.submit(make_spec("quick"))
    with pytest.raises(RunError, match="is queued"):
        launcher.pause(second.id)
    until_state(first, "done", launcher)
    with pytest.raises(RunError, match="is done"):
        launcher.step(first.id)
    launcher.stop(first.id)
    assert first.state().state == "done"


def test_a_queued_run_is_stopped_at_once(launcher, make_spec, until, until_state):
    first, second = launcher.submit(make_spec("steps")), launcher.submit(make_spec("quick"))
    until(lambda: steps_of(first), launcher)
    launcher.stop(second.id)
    assert second.state().state == "stopped"
    launcher.stop(first.id)
    until_state(first, "stopped", launcher)
    assert "Resume" in first.state().hint


@pytest.mark.parametrize("title", ["steps", "blocked", "deaf"])
def test_every_run_can_be_stopped(launcher, make_spec, until, until_state, title):
    """By control.json, by SIGTERM, or by SIGKILL: the user sees the same."""
    run = launcher.submit(make_spec(title))
    until(lambda: steps_of(run), launcher)
    launcher.stop(run.id)
    until_state(run, "stopped", launcher)
    until(lambda: not run.is_alive(), launcher)  # it says its last word, then it ends


def test_a_paused_run_can_be_stopped_and_resumed(launcher, make_spec, until, until_state):
    run = launcher.submit(make_spec("steps"))
    until(lambda: steps_of(run), launcher)
    launcher.pause(run.id)
    until_state(run, "paused", launcher)
    launcher.stop(run.id)
    until_state(run, "stopped", launcher)
    count = steps_of(run)
    launcher.resume(run.id)
    until(lambda: steps_of(run) > count, launcher)
    with pytest.raises(RunError, match="is running"):
        launcher.resume(run.id)
    (run.path / "enough").touch()
    until_state(run, "done", launcher)
    with pytest.raises(RunError, match="is done"):
        launcher.resume(run.id)


def test_where_locks_cannot_be_inherited_the_child_takes_it(make_launcher, make_spec, monkeypatch, until, until_state):
    monkeypatch.setattr(locks, "HANDS_OVER", False)
    launcher, other = make_launcher(), make_launcher()
    run = launcher.submit(make_spec("steps"))
    assert run.is_alive()
    other.tick()
    assert not other._children
    until(lambda: steps_of(run), launcher)
    launcher.stop(run.id)
    until_state(run, "stopped", launcher)
    assert locks.take(run.lock_file) is not None


def test_the_next_run_is_started_by_the_one_that_ends(store, limits, make_spec, until_state):
    """Without any page: the real worker, with specs that nobody can read."""
    first, second = store.create(make_spec("quick")), store.create(make_spec("quick"))
    for run in (first, second):
        (run.path / "spec.json").write_text('{"kind": "comp')
    subprocess.run([sys.executable, "-m", "distill_core.worker", str(first.path)], check=True, cwd=PROJECT, timeout=30)
    assert first.state().state == "failed"
    assert "damaged" in first.state().message
    assert second.state().state == "damaged"
