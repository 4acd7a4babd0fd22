"""Every kind of run tests its device before its first result."""

from __future__ import annotations

import ast

import pytest

from distill_core.errors import RunError
from distill_core.jobs import JOBS
from distill_core.jobs import device as job_device
from distill_core.settings import PROJECT

ASKED = {
    "compare": {"models": "bert@structure", "dataset": "none"},
    "finetune": {"model": "bert@mini"},
    "distill": {},  # of a teacher that the test makes
    "students": {},
    "pretrain": {"family": "bert"},
}


def test_the_kinds_are_all_here():
    assert ASKED.keys() == JOBS.keys()


@pytest.mark.parametrize("kind", ASKED)
def test_a_device_that_computes_wrongly_ends_the_run_without_a_result(kind, do, make_model, monkeypatch):
    def refuse(device):
        raise RunError("The device computes other logits than the CPU.", "Choose the CPU with --device cpu.")

    monkeypatch.setattr(job_device.self_test, "require", refuse)
    asked = {"teacher": make_model()} if kind == "distill" else ASKED[kind]
    run = do(kind=kind, **asked)
    state = run.state()
    assert (state.state, state.error_kind) == ("failed", "run")
    assert state.message == "The device computes other logits than the CPU."
    assert "--device cpu" in state.hint
    assert run.result() is None
    assert run.environment().device == "cpu"  # what it was tried on is kept


def test_no_run_takes_a_device_by_another_way():
    """`run` of each job; what a job starts in another process may resolve the device that its parent has tested."""
    for path in (PROJECT / "distill_core" / "jobs").glob("*.py"):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef) and node.name == "run":
                assert "devices.resolve" not in ast.unparse(node), path.name
