"""Runs in a real Ray cluster: the same results as on this machine, and nothing lost when something goes away."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time

import pandas as pd
import pytest
from safetensors.torch import load_file

from distill_core import kinds
from distill_core.errors import LaunchError
from distill_core.launch import ray_launcher
from distill_core.launch.local import LocalLauncher
from distill_core.launch.ray import Cluster
from distill_core.launch.ray_launcher import RayLauncher
from distill_core.runs.store import RunStore
from distill_core.settings import PROJECT

pytestmark = pytest.mark.ray
FAST = {"batch_size": 8, "max_length": 24, "threads": 1, "learning_rate": 1e-3, "train_examples": 32}


def finetuning(teacher, dataset, **more):
    values = {**FAST, "kind": "finetune", "model": teacher, "dataset": dataset, "arms": "pretrained,bow", "epochs": 2}
    return kinds.parse_spec({**values, "min_steps": 0, **more})


def distillation(teacher, dataset):
    values = {**FAST, "kind": "distill", "teacher": teacher, "dataset": dataset, "student_layers": 1, "epochs": 1}
    return kinds.parse_spec({**values, "arms": "distilled"})


def steps_spec(title):
    return kinds.parse_spec({"kind": "compare", "models": "bert@structure", "title": title})


def steps_of(run):
    file = run.path / "steps"
    return len(file.read_text()) if file.exists() else 0


def outcome(run):
    """All that must not depend on where a run was: scores and predictions to the bit, and the weights."""
    weights = {
        str(file.relative_to(run.path)): load_file(file) for file in sorted(run.path.glob("model/*.safetensors"))
    }
    result = run.result().model_dump()
    rows = result.get("arms") or result["students"]
    scores = [{name: row[name] for name in ("arm", "accuracy", "ci_low", "ci_high", "n_eval")} for row in rows]
    return scores, pd.read_parquet(run.predictions_file), weights


def assert_same(left, right):
    (scores, predictions, weights), (other_scores, other_predictions, other_weights) = outcome(left), outcome(right)
    assert scores == other_scores
    pd.testing.assert_frame_equal(predictions, other_predictions, check_exact=True)
    assert weights
    assert weights.keys() == other_weights.keys()
    for file, tensors in weights.items():
        assert tensors.keys() == other_weights[file].keys()
        assert all(tensor.equal(other_weights[file][name]) for name, tensor in tensors.items())


@pytest.fixture
def local(tmp_path, until):
    """The queue of this machine, in a folder of its own: it computes beside the cluster."""
    local = LocalLauncher(RunStore(tmp_path / "local"))
    yield local
    for run in local.store.list():
        local.stop(run.id)
    until(lambda: not local._children, local)


@pytest.mark.parametrize("make_spec", [finetuning, distillation])
def test_a_run_has_the_same_result_as_on_this_machine(launcher, local, teacher, dataset, until_state, make_spec):
    run, here = (place.submit(make_spec(teacher, dataset)) for place in (launcher, local))
    until_state(run, "done", launcher)
    until_state(here, "done", local)
    assert run.id in launcher._cluster.jobs()  # it was a job of the cluster
    assert_same(run, here)


def test_a_killed_process_is_lost_and_resumes_to_the_same_result(launcher, local, teacher, dataset, until, until_state):
    run, here = (place.submit(finetuning(teacher, dataset)) for place in (launcher, local))
    until_state(run, "running", launcher)
    launcher.pause(run.id)
    until_state(run, "paused", launcher)
    until(lambda: launcher.step(run.id) or run.read_metrics()[0])  # into the middle of the training
    os.kill(run.state().pid, signal.SIGKILL)
    until_state(run, "lost", launcher)
    assert "signal 9" in run.state().message
    launcher.resume(run.id)
    until_state(run, "done", launcher)
    until_state(here, "done", local)
    assert_same(run, here)


def test_pause_step_go_on_stop_and_resume(steps, until, until_state):
    run = steps.submit(steps_spec("steps"))
    until(lambda: steps_of(run), steps)
    steps.pause(run.id)
    until_state(run, "paused", steps)
    count = steps_of(run)
    steps.step(run.id)
    until(lambda: steps_of(run) == count + 1)
    steps.unpause(run.id)
    until(lambda: steps_of(run) > count + 5)
    steps.stop(run.id)
    until_state(run, "stopped", steps)
    count = steps_of(run)
    steps.resume(run.id)
    until(lambda: steps_of(run) > count, steps)
    (run.path / "enough").touch()
    until_state(run, "done", steps)
    assert f"{run.id}-2" in steps._cluster.jobs()


@pytest.mark.parametrize("title", ["blocked", "deaf"])
def test_a_run_that_does_not_listen_is_stopped_by_ray(steps, until, until_state, title):
    run = steps.submit(steps_spec(title))
    until(lambda: steps_of(run), steps)
    steps.stop(run.id)
    until_state(run, "stopped", steps)
    until(lambda: not run.is_alive())


def test_a_run_that_waits_for_a_place_really_stops(steps, until, until_state):
    """ray-project/ray#58353: Ray says that it stopped a waiting job, and starts it all the same."""
    busy = [steps.submit(steps_spec("steps")) for _ in range(2)]
    until(lambda: all(map(steps_of, busy)), steps)
    run = steps.submit(steps_spec("steps"))
    again = steps.submit(steps_spec("steps"))
    assert [steps.queue_position(waiting.id) for waiting in (run, again)] == [1, 2]
    steps.stop(run.id)
    assert run.state().state == "stopped"
    assert not steps._cluster.jobs()[run.id].ended
    for one in busy:
        (one.path / "enough").touch()
    until(lambda: steps._cluster.jobs()[run.id].ended, steps)
    until(lambda: steps_of(again), steps)
    assert run.state().state == "stopped"
    assert steps_of(run) == 0


def test_a_page_server_that_dies_leaves_its_runs_to_the_next(head, store, steps, until, until_state):
    code = (
        "import os, sys; from pathlib import Path; from distill_core import kinds;"
        "from distill_core.launch.ray import Cluster; from distill_core.launch.ray_launcher import RayLauncher;"
        "from distill_core.runs.store import RunStore;"
        "launcher = RayLauncher(RunStore(Path(sys.argv[1])), Cluster(sys.argv[2]), tuple(sys.argv[3:]));"
        "spec = kinds.parse_spec({'kind': 'compare', 'models': 'bert@structure', 'title': 'steps'});"
        "print(launcher.submit(spec).id, flush=True); os._exit(9)"
    )
    command = [sys.executable, "-c", code, str(store.root), head.address, *steps._command]
    done = subprocess.run(command, capture_output=True, text=True, cwd=PROJECT, timeout=60)
    assert done.returncode == 9, done.stderr
    run = store.get(done.stdout.strip())
    until(lambda: steps_of(run), steps)
    (run.path / "enough").touch()
    until_state(run, "done", steps)
    assert list(steps._cluster.jobs()).count(run.id) == 1


def test_without_shared_storage_the_run_says_what_is_missing(steps, until_state, monkeypatch):
    monkeypatch.setattr(ray_launcher, "shell_command", lambda command, run: "cd /no/such/folder && exec true")
    run = steps.submit(steps_spec("steps"))
    until_state(run, "failed", steps)
    assert "/no/such/folder" in run.state().message


# ── the head ─────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("token", ["wrong-" * 8, ""])
def test_a_wrong_token_and_none_are_refused(head, token):
    """In a process of its own: Ray reads the token once."""
    code = (
        "import sys; from distill_core.errors import LaunchError; from distill_core.launch.ray import Cluster\n"
        "try: Cluster(sys.argv[1]).jobs()\n"
        "except LaunchError as error: print(error)"
    )
    environment = {**os.environ, "RAY_AUTH_TOKEN": token, "RAY_AUTH_MODE": "token" if token else "disabled"}
    done = subprocess.run(
        [sys.executable, "-c", code, head.address], env=environment, capture_output=True, text=True, cwd=PROJECT
    )
    assert "does not accept this server's token" in done.stdout, done.stderr


def test_a_head_that_does_not_speak_holds_nobody(head, store):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        launcher = RayLauncher(store, Cluster(f"http://127.0.0.1:{silent.getsockname()[1]}", deadline_s=0.5))
        began = time.monotonic()
        with pytest.raises(LaunchError, match="does not answer"):
            launcher.submit(steps_spec("steps"))
        store.create(steps_spec("steps"), {"launcher": "ray"})
        launcher.tick()
        assert time.monotonic() - began < 5
        assert len(store.list()) == 1


def test_a_head_that_dies_and_comes_back_gets_the_runs_again(make_head, store, until, until_state):
    head = make_head()
    launcher = RayLauncher(
        store, Cluster(head.address), (sys.executable, str(PROJECT / "tests" / "launch" / "fake_worker.py")), grace_s=1
    )
    begun = [launcher.submit(steps_spec("steps")) for _ in range(2)]
    until(lambda: all(map(steps_of, begun)), launcher)
    waiting = launcher.submit(steps_spec("quick"))
    head.end(hard=True)
    launcher.tick()
    assert {run.state().state for run in begun} == {"running"}
    with pytest.raises(LaunchError, match="does not answer"):
        launcher.submit(steps_spec("steps"))
    assert len(store.list()) == 3
    until(lambda: not any(run.is_alive() for run in begun))
    head.start()
    launcher._rests_until = 0.0
    for run in begun:
        until_state(run, "lost", launcher)
        assert "started anew" in run.state().message
    until_state(waiting, "done", launcher)
    (begun[0].path / "enough").touch()
    launcher.resume(begun[0].id)
    until_state(begun[0], "done", launcher)
