"""Runs of the command line, in its own process: never started a second time, stopped by Ctrl-C, resumed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from distill_core.errors import LaunchError, RunError
from distill_core.launch.foreground import resume_foreground, run_foreground
from distill_core.results import CompareResult

SCRIPT = Path(__file__).parent / "fake_foreground.py"
RESULT = CompareResult(baseline="bert@structure", dataset="none")


@pytest.fixture
def terminal(store, limits, launcher):
    """Start a foreground run as a process of its own."""
    processes = []

    def start(*arguments):
        command = [sys.executable, str(SCRIPT), str(store.root), *arguments]
        processes.append(subprocess.Popen(command, env={**os.environ, "DISTILL_MIN_FREE_DISK_MIB": "0"}))
        return processes[-1]

    yield start
    for process in processes:
        process.kill()
        process.wait(10)


def test_it_runs_here_and_reports(store, limits, make_spec, set_job):
    seen = []

    def job(spec, context):
        assert context.run.state().pid == os.getpid()
        context.progress(0.25, "first", eta_s=3)
        context.progress(1.0, "last")
        return RESULT

    set_job(job)
    run = run_foreground(make_spec("x"), store, on_progress=seen.append)
    assert run.state().state == "done"
    assert run.result() == RESULT
    assert [(state.progress, state.message) for state in seen] == [(0.25, "first"), (1.0, "last")]
    assert not run.is_alive()
    with pytest.raises(RunError, match="is done"):
        resume_foreground(run.id, store)


def test_no_tick_starts_it_a_second_time(store, make_launcher, make_spec, monkeypatch, set_job):
    """Neither while it is at work, nor in the moment between its creation and its first word."""
    launchers = make_launcher(slots=4), make_launcher(slots=4)
    create = store.create

    def create_watched(spec):
        run = create(spec)
        launchers[0].tick()
        return run

    def job(spec, context):
        launchers[1].tick()
        return RESULT

    monkeypatch.setattr(store, "create", create_watched)
    set_job(job)
    run = run_foreground(make_spec("x"), store)
    assert run.state().state == "done"
    assert not launchers[0]._children
    assert not launchers[1]._children


def test_it_takes_a_slot(store, launcher, make_spec, until_state, set_job):
    def job(spec, context):
        assert launcher.queue_position(launcher.submit(make_spec("quick")).id) == 1
        return RESULT

    set_job(job)
    run = run_foreground(make_spec("x"), store)
    assert run.state().state == "done", run.state()
    until_state(store.list()[1], "done", launcher)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP, signal.SIGTERM], ids=lambda number: number.name)
def test_ctrl_c_and_the_end_of_the_terminal_stop_cleanly_and_it_can_be_resumed(terminal, store, until, number):
    process = terminal("steps")
    until(lambda: store.list() and (store.list()[0].path / "steps").exists())
    (run,) = store.list()
    process.send_signal(number)
    assert process.wait(10) == 130
    assert run.state().state == "stopped"
    (run.path / "enough").touch()
    assert terminal("resume", run.id).wait(10) == 0
    assert run.state().state == "done"


def test_a_second_ctrl_c_does_not_wait_for_the_next_step(terminal, store, until):
    process = terminal("blocked")
    until(lambda: store.list() and (store.list()[0].path / "steps").exists())
    (run,) = store.list()

    def interrupted():
        process.send_signal(signal.SIGINT)
        return process.poll() is not None

    until(interrupted)
    assert run.state().state == "stopped"


def test_a_killed_terminal_leaves_a_lost_run(terminal, store, launcher, until, until_state):
    process = terminal("steps")
    until(lambda: store.list() and (store.list()[0].path / "steps").exists())
    process.kill()
    until_state(store.list()[0], "lost", launcher)


def test_pages_can_stop_it(terminal, store, launcher, until, until_state):
    process = terminal("blocked")
    until(lambda: store.list() and (store.list()[0].path / "steps").exists())
    (run,) = store.list()
    launcher.stop(run.id)
    until_state(run, "stopped", launcher)
    assert process.wait(10) == -signal.SIGKILL


def test_a_run_at_work_is_not_done_twice(store, limits, launcher, make_spec, until):
    run = launcher.submit(make_spec("steps"))
    until(lambda: (run.path / "steps").exists())
    launcher.pause(run.id)
    until(lambda: run.state().state == "paused")  # at work, and quiet: its next report would undo the next line
    run.set_state(state="stopped")
    with pytest.raises(LaunchError, match="still at work"):
        resume_foreground(run.id, store)
