"""A distillation in a process of its own: paused, killed, resumed, and at its end what an undisturbed one is."""

from __future__ import annotations

import os
import signal
import time

import psutil
import pytest

from distill_core.kinds import parse_spec
from distill_core.launch.local import LocalLauncher

DEADLINE_S = 120
SPEC = {
    "kind": "distill",
    "student_layers": 2,
    "epochs": 6,
    "batch_size": 4,
    "max_length": 24,
    "threads": 1,
    "learning_rate": 1e-3,
    "cosine": 1.0,
    "arms": "distilled",
    "checkpoint_every_s": 0,
    "eval_examples": 8,
}


def until(condition, launcher):
    end = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < end, "the deadline has passed"
        launcher.tick()
        time.sleep(0.02)


def trained_steps(run):
    return max((metric.step for metric in run.read_metrics()[0] if metric.split == "train"), default=0)


def kept_steps(run):
    """The step of the newest checkpoint."""
    return max((int(path.name.removeprefix("step-")) for path in run.checkpoint_dir.glob("*/step-*")), default=0)


@pytest.mark.slow
def test_paused_then_killed_then_resumed_it_ends_bitwise_as_undisturbed(do, make_model, make_csv, store):
    values = {**SPEC, "teacher": make_model("bert"), "dataset": make_csv(60)}
    whole = do(**{**values, "checkpoint_every_s": 30})
    assert whole.state().state == "done", whole.state()

    launcher = LocalLauncher(store)
    run = launcher.submit(parse_spec(values))
    until(lambda: trained_steps(run) > 1, launcher)
    launcher.pause(run.id)
    until(lambda: run.state().state == "paused", launcher)
    process = psutil.Process(run.state().pid)
    used, began = sum(process.cpu_times()[:2]), time.monotonic()
    until(lambda: time.monotonic() - began > 1, launcher)
    assert sum(process.cpu_times()[:2]) - used < 0.05  # of a second: it sleeps, and looks for commands now and then
    at = kept_steps(run)
    launcher.unpause(run.id)
    until(lambda: kept_steps(run) > at + 3, launcher)
    os.kill(run.state().pid, signal.SIGKILL)
    until(lambda: run.state().state == "lost", launcher)
    assert run.result().students == ()  # it was killed in the middle of its student

    launcher.resume(run.id)
    until(lambda: run.state().state not in ("queued", "running"), launcher)
    for _, process in launcher._children:
        process.wait(DEADLINE_S)
    assert run.state().state == "done", run.log_tail()
    first, second = ((one.model_dir / "model.safetensors").read_bytes() for one in (whole, run))
    assert first == second
    assert run.result().students[0].accuracy == whole.result().students[0].accuracy
