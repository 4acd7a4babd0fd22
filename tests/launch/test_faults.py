"""Each way in which a run, its server or its folder can go wrong. None may stop the queue or lose another run."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from distill_core import units
from distill_core.errors import LaunchError, RunError
from distill_core.launch.local import LocalLauncher
from distill_core.runs.store import RunStore

SERVER = Path(__file__).parent / "fake_server.py"
KILL = signal.SIGKILL


@pytest.fixture
def serve(store, limits, make_launcher):
    """Start page servers as processes of their own."""
    servers = []

    def start(*arguments):
        command = [sys.executable, str(SERVER), str(store.root), *arguments]
        servers.append(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
        servers[-1].stdout.readline()
        return servers[-1]

    yield start
    for server in servers:
        server.kill()
        server.wait(10)
        server.stdout.close()


def test_a_killed_run_is_lost_and_the_next_one_starts(launcher, make_spec, until, until_state, processes_left):
    first, second = launcher.submit(make_spec("steps")), launcher.submit(make_spec("quick"))
    until(lambda: (first.path / "steps").exists(), launcher)
    os.kill(first.state().pid, KILL)
    until_state(first, "lost", launcher)
    assert "signal 9" in first.state().message
    assert "Resume" in first.state().hint
    until_state(second, "done", launcher)
    until(lambda: not launcher._children, launcher)
    assert not processes_left()


def test_a_run_survives_its_server(serve, store, launcher, until, until_state):
    server = serve("1", "steps", "quick")
    first, second = store.list()
    until(lambda: (first.path / "steps").exists())
    server.kill()
    server.wait(10)
    launcher.tick()
    assert first.state().state == "running"
    assert second.state().state == "queued"
    (first.path / "enough").touch()
    until_state(first, "done", launcher)
    until_state(second, "done", launcher)


def test_server_and_run_killed_together(serve, store, launcher, until, until_state):
    server = serve("1", "steps")
    (run,) = store.list()
    until(lambda: (run.path / "steps").exists())
    server.kill()
    os.kill(run.state().pid, KILL)
    server.wait(10)
    until_state(run, "lost", launcher)
    (run.path / "enough").touch()
    launcher.resume(run.id)
    until_state(run, "done", launcher)


def test_a_server_killed_between_start_and_record(serve, store, launcher, until_state):
    server = serve("1", "--die-after-start", "once")
    assert server.wait(10) == 9
    (run,) = store.list()
    until_state(run, "done", launcher)  # `once` fails when it is started a second time


def test_servers_never_start_a_run_twice_or_exceed_the_slots(serve, store, make_launcher, make_spec, until_state):
    for _ in range(2):
        serve("2")
    launcher = make_launcher(slots=2)
    runs = [launcher.submit(make_spec("once")) for _ in range(12)]
    for run in runs:
        until_state(run, "done", launcher)
    assert max(map(int, (store.root / "peak").read_text().split())) <= 2


@pytest.mark.parametrize(
    ("title", "message", "hint"),
    [
        ("out_of_memory", "The memory ran out.", "smaller batch size"),
        ("disk_full", "The disk is full.", "Delete runs"),
        ("wrong_model", "There is no model x.", "Take another one."),
        ("bug", "The run failed unexpectedly: ValueError: shape (3,) is not (4,)", "log"),
    ],
)
def test_a_failing_job_says_why_in_one_sentence(launcher, make_spec, until_state, title, message, hint):
    run = launcher.submit(make_spec(title))
    until_state(run, "failed", launcher)
    assert run.state().message == message
    assert hint in run.state().hint
    assert ("Traceback" in run.log_tail()) == (title != "wrong_model")


def test_half_a_metrics_line_costs_that_line_alone(launcher, make_spec, until_state):
    run = launcher.submit(make_spec("half_line"))
    until_state(run, "lost", launcher)
    run.add_metrics(run.read_metrics()[0])
    assert [metric.step for metric in run.read_metrics()[0]] == [1, 1]


def test_a_damaged_run_is_damaged_alone(launcher, store, make_spec, until_state):
    no_state, no_spec, empty = (store.create(make_spec("quick")) for _ in range(3))
    (no_state.path / "state.json").write_text('{"state": "que')
    (no_spec.path / "spec.json").write_text("\0\0\0\0")
    for file in empty.path.iterdir():
        file.unlink()
    run = launcher.submit(make_spec("quick"))
    until_state(run, "done", launcher)
    assert {r.state().state for r in (no_state, no_spec, empty)} == {"damaged"}
    with pytest.raises(RunError, match="damaged"):
        launcher.resume(no_state.id)


def test_a_lock_that_cannot_be_read_costs_its_own_run_alone(launcher, store, make_spec, until_state):
    """Here its file leads in a circle; one of another user without the right to read it is met in the same way."""
    run = store.create(make_spec("quick"))
    run.lock_file.symlink_to(run.lock_file)
    assert not run.is_alive()
    until_state(launcher.submit(make_spec("quick")), "done", launcher)
    until_state(run, "failed", launcher)
    assert "cannot be started" in run.state().message


def test_a_clock_jump_changes_nothing(launcher, make_spec, monkeypatch, until, until_state):
    run = launcher.submit(make_spec("steps"))
    until(lambda: (run.path / "steps").exists(), launcher)
    monkeypatch.setattr(time, "time", lambda: 0.0)
    monkeypatch.setattr(units, "now", lambda: "1970-01-01T00:00:00.000+00:00")
    launcher.tick()
    assert run.state().state == "running"
    (run.path / "enough").touch()
    until_state(run, "done", launcher)


def test_a_folder_deleted_while_it_is_watched(launcher, store, make_spec, until, until_state):
    first, second = launcher.submit(make_spec("steps")), launcher.submit(make_spec("quick"))
    until(lambda: (first.path / "steps").exists(), launcher)
    process = psutil.Process(first.state().pid)
    first.path.rename(store.root / ".gone")
    shutil.rmtree(store.root / ".gone")
    until_state(second, "done", launcher)
    assert first.state().state == "damaged"
    assert first.read_metrics() == ([], 0)
    assert first.log_tail() == ""
    until(lambda: not process.is_running() or process.status() == psutil.STATUS_ZOMBIE, launcher)
    with pytest.raises(RunError, match="no run"):
        launcher.stop(first.id)


def test_the_whole_runs_folder_deleted(launcher, store, make_spec, until, until_state):
    run = launcher.submit(make_spec("steps"))
    until(lambda: (run.path / "steps").exists(), launcher)
    store.root.rename(store.root.with_name("gone"))
    launcher.tick()
    until_state(launcher.submit(make_spec("quick")), "done", launcher)


@pytest.mark.parametrize("title", ["grandchild", "forked"])
def test_a_grandchild_does_not_keep_a_run_alive_nor_outlive_it(launcher, make_spec, until, until_state, title):
    run = launcher.submit(make_spec(title))
    file = run.path / "grandchild"
    until(lambda: file.exists() and file.read_text(), launcher)
    grandchild = psutil.Process(int(file.read_text()))
    os.kill(run.state().pid, KILL)
    until_state(run, "lost", launcher)
    until(lambda: not grandchild.is_running() or grandchild.status() == psutil.STATUS_ZOMBIE)


def test_a_process_that_never_begins_is_not_started_for_ever(store, limits, make_spec, until, until_state):
    launcher = LocalLauncher(store, 1, (sys.executable, "-c", "raise SystemExit('no torch')"))
    run = launcher.submit(make_spec("quick"))
    until_state(run, "failed", launcher)
    assert "3 times" in run.state().message
    assert run.log_tail().count("no torch") == 3
    until(lambda: not launcher._children, launcher)


def test_a_program_that_is_missing(store, limits, make_spec):
    launcher = LocalLauncher(store, 1, ("/nonexistent/python",))
    run = launcher.submit(make_spec("quick"))
    assert run.state().state == "failed"
    assert "No such file" in run.state().message
    assert not run.is_alive()


def test_a_new_run_is_refused_when_the_disk_is_nearly_full(launcher, store, limits, make_spec):
    limits(min_free_disk_mib=2**40)
    with pytest.raises(LaunchError, match="MiB of disk are free"):
        launcher.submit(make_spec("quick"))
    assert store.list() == []


def test_a_folder_that_cannot_be_written(tmp_path, limits, make_spec):
    (tmp_path / "file").touch()
    launcher = LocalLauncher(RunStore(tmp_path / "file" / "runs"), 1)
    launcher.tick()
    with pytest.raises(LaunchError, match="cannot be used") as refused:
        launcher.submit(make_spec("quick"))
    assert "DISTILL_RUNS_DIR" in refused.value.hint
