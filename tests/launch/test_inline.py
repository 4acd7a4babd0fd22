"""The launcher of tests and notebooks: a run is done when it has been submitted."""

from __future__ import annotations

import os

import pytest

from distill_core import kinds
from distill_core.errors import LaunchError, RunError
from distill_core.launch import local
from distill_core.launch.inline import InlineLauncher
from distill_core.launch.launchers import get_launcher
from distill_core.results import CompareResult
from distill_core.runs.control import Stopped
from distill_core.settings import Settings

RESULT = CompareResult(baseline="bert@structure", dataset="none")


@pytest.fixture
def inline(store, limits):
    return InlineLauncher(store)


def test_a_run_is_done_at_once(inline, make_spec, set_job):
    set_job(lambda spec, context: RESULT)
    run = inline.submit(make_spec("x"), token="click")
    assert run.state().state == "done"
    assert run.result() == RESULT
    assert inline.submit(make_spec("x"), token="click") == run
    assert inline.queue_position(run.id) is None
    inline.tick()
    inline.stop(run.id)
    assert run.state().state == "done"


def test_a_stopped_run_is_resumed(inline, make_spec, set_job):
    outcomes = [Stopped(), None]

    def job(spec, context):
        inline.stop(context.run.id)
        if outcome := outcomes.pop(0):
            raise outcome
        return RESULT

    set_job(job)
    run = inline.submit(make_spec("x"))
    assert run.state().state == "stopped"
    assert inline.resume(run.id).state().state == "done"
    with pytest.raises(RunError, match="is done"):
        inline.resume(run.id)


def test_the_settings_of_a_run_do_not_stay_in_this_process(inline, make_spec, monkeypatch, set_job):
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    monkeypatch.delenv("OMP_WAIT_POLICY", raising=False)
    seen = {}

    def job(spec, context):
        seen.update(os.environ)
        return RESULT

    set_job(job)
    inline.submit(make_spec("x").model_copy(update={"threads": 3}))
    assert (seen["OMP_NUM_THREADS"], seen["OMP_WAIT_POLICY"]) == ("3", "passive")
    assert os.environ["OMP_NUM_THREADS"] == "7"
    assert "OMP_WAIT_POLICY" not in os.environ


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (RuntimeError("CUDA out of memory. Tried to allocate 2 GiB"), "The memory ran out."),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory"), "The memory ran out."),
        (MemoryError(), "The memory ran out."),
        (SystemExit(3), "The run failed unexpectedly: SystemExit: 3"),
        (OSError("no"), "The run failed unexpectedly: OSError: no"),
    ],
)
def test_errors_become_one_sentence(inline, make_spec, error, message, set_job):
    def job(spec, context):
        raise error

    set_job(job)
    run = inline.submit(make_spec("x"))
    assert run.state().state == "failed"
    assert run.state().message == message
    assert "Traceback" in run.log_tail()


def test_a_kind_that_this_version_does_not_know(inline, make_spec, monkeypatch):
    monkeypatch.delitem(kinds.KINDS, "compare")
    run = inline.submit(make_spec("x"))
    assert run.state().state == "failed"
    assert run.state().message == f"The run {run.id} is damaged: Unknown kind of run 'compare'."


def test_a_result_that_is_no_number_fails(inline, make_spec, set_job):
    from distill_core.results import BenchmarkRow

    row = BenchmarkRow(model="m", title="M", family="bert", batch_size=1, seq_len=8)
    row = row.model_copy(update={"latency_ms_p50": float("nan")})  # unchecked
    set_job(lambda *_: RESULT.model_copy(update={"rows": (row,)}))
    run = inline.submit(make_spec("x"))
    assert run.state().state == "failed"
    assert run.result() is None
    assert not list(run.path.glob(".result*"))


def test_the_launcher_is_chosen_by_the_settings(store, monkeypatch):
    def choose(name):
        monkeypatch.setattr("distill_core.launch.launchers.settings", lambda: Settings(launcher=name))
        return get_launcher(store)

    assert isinstance(choose("inline"), InlineLauncher)
    assert isinstance(choose("local"), local.LocalLauncher)
    assert choose("local") is choose("local")
    with pytest.raises(LaunchError, match="'slurm'"):
        choose("slurm")
