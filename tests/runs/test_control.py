"""What a job has of its run: cheap checks, pause, one step, stop, and reports that do not flood the disk."""

from __future__ import annotations

import os
import shutil
import signal
import threading
import time

import pytest

from distill_core.results import CompareResult, Metric
from distill_core.runs import control as control_module
from distill_core.runs.control import Control, JobContext, NullControl, Stopped
from distill_core.runs.store import RunStore
from distill_core.specs import CompareSpec


@pytest.fixture
def run(tmp_path):
    run = RunStore(tmp_path).create(CompareSpec(models="bert@structure"))
    run.set_state(state="running")
    return run


@pytest.fixture
def context(run):
    return JobContext(run, RunStore(run.path.parent), Control(run))


def until(condition, deadline_s=10):
    end = time.monotonic() + deadline_s
    while not condition():
        assert time.monotonic() < end, "the deadline has passed"
        time.sleep(0.005)


@pytest.fixture
def looping(run):
    """A job in a thread that counts its steps."""
    control, counts, ended = Control(run), [], []

    def loop():
        try:
            while True:
                control.check()
                counts.append(1)
                time.sleep(0.002)
        except Stopped:
            ended.append(True)

    thread = threading.Thread(target=loop)
    thread.start()
    yield control, counts, ended
    run.command("stop")
    thread.join(10)


def test_pause_step_resume_stop(run, looping):
    control, counts, ended = looping
    until(lambda: len(counts) > 2)
    run.command("pause")
    until(lambda: run.state().state == "paused")
    for _ in range(3):
        before = len(counts)
        run.command("step")
        until(lambda before=before: len(counts) == before + 1)
        assert run.state().state == "paused"
    run.command("resume")
    until(lambda: len(counts) > before + 5)
    assert run.state().state == "running"
    assert control.paused_s > 0
    run.command("pause")
    until(lambda: run.state().state == "paused")
    run.command("stop")
    until(lambda: ended)


def test_a_step_asked_of_a_running_job_pauses_it_after_one(run):
    control = Control(run)
    control.check()
    run.command("step")
    control.check()
    threading.Timer(0.2, run.command, ["stop"]).start()
    with pytest.raises(Stopped):
        control.check()
    assert run.state().state == "paused"


def test_a_resume_that_comes_while_a_step_is_at_work_is_shown(run):
    control = Control(run)
    run.command("pause")
    threading.Timer(0.2, run.command, ["step"]).start()
    control.check()
    assert run.state().state == "paused"
    run.command("resume")
    control.check()
    assert run.state().state == "running"


def test_a_removed_run_stops(run):
    control = Control(run)
    control.check()
    shutil.rmtree(run.path)
    with pytest.raises(Stopped):
        control.check()


@pytest.mark.parametrize("text", ["", "{", '{"command": "explode", "seq": 1}', '{"command": "stop", "seq": "x"}', "[]"])
def test_a_damaged_command_is_none(run, text):
    run.control_file.write_text(text)
    Control(run).check()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signals_stop_at_the_next_check(run, number):
    before = signal.getsignal(number)
    with Control(run) as control:
        os.kill(os.getpid(), number)
        with pytest.raises(Stopped):
            control.check()
    assert signal.getsignal(number) == before


def test_the_second_interrupt_is_immediate(run):
    with Control(run):
        signal.raise_signal(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)


def test_a_check_is_cheap(run):
    run.command("resume")
    control = Control(run)
    control.check()
    began = time.perf_counter()
    for _ in range(1000):
        control.check()
    assert time.perf_counter() - began < 0.2  # 0.2 ms a step; measured: 3 µs


def test_without_a_run_nobody_commands():
    with NullControl() as control:
        control.check()
        assert control.paused_s == 0


def test_reports_are_throttled_but_none_is_lost(run, context, monkeypatch):
    seen = []
    clock = [0.0]
    context.on_progress = seen.append
    monkeypatch.setattr(control_module.time, "monotonic", lambda: clock[0])
    context.progress(0.1, "a", eta_s=9)
    context.progress(0.2, "b")
    clock[0] = 0.2
    context.progress(0.3, "c")
    context.check()
    assert [state.message for state in seen] == ["a"]
    clock[0] = 0.4
    context.check()
    context.check()
    assert [state.message for state in seen] == ["a", "c"]
    context.progress(2.0, "d")
    assert run.state().progress == 1.0
    assert run.state().message == "d"
    assert run.state().state == "running"


def test_metrics_results_and_log(run, context, capsys):
    point = Metric(step=1, epoch=0.5, split="train", name="loss", value=0.7)
    context.metrics([point])
    context.metrics([])
    context.set_result(CompareResult(baseline="b", dataset="none"))
    context.log("hello")
    assert run.read_metrics()[0] == [point]
    assert run.result() == CompareResult(baseline="b", dataset="none")
    assert capsys.readouterr().err == "hello\n"
