"""A run is resumed on the texts that it began with, or not at all."""

from __future__ import annotations

import json
from pathlib import Path

import pytest


@pytest.fixture
def stopped(do, dataset, stop_at):
    """A fine-tuning of two arms that was stopped in its second one."""

    def stop(at: int = 3):
        stop_at(at)
        return do(kind="finetune", dataset=dataset, arms="bow,scratch", train_examples=20, epochs=1, model=MODEL[0])

    return stop


MODEL: list[str] = []


@pytest.fixture(autouse=True)
def model(make_model) -> None:
    MODEL[:] = [make_model()]


def change(dataset: str, old: str, new: str) -> None:
    path = Path(dataset.removeprefix("file:"))
    path.write_text(path.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")


def test_the_texts_are_told_by_a_fingerprint(do, dataset) -> None:
    run = do(kind="finetune", dataset=dataset, arms="bow", train_examples=20)
    again = do(kind="finetune", dataset=dataset, arms="bow", train_examples=30)
    assert run.environment().data == again.environment().data
    change(dataset, "film", "movie")
    assert do(kind="finetune", dataset=dataset, arms="bow", train_examples=20).environment().data != (
        run.environment().data
    )


def test_the_same_texts_go_on(stopped, launcher) -> None:
    run = stopped()
    assert run.state().state == "stopped"
    launcher.resume(run.id)
    assert run.state().state == "done", run.state()
    assert len(run.result().arms) == 2


def test_other_texts_are_refused(stopped, launcher, dataset) -> None:
    run = stopped()
    rows = run.result().arms
    change(dataset, "film", "movie")
    state = launcher.resume(run.id).state()
    assert (state.state, state.error_kind) == ("failed", "run")
    assert state.message == "The file changed since this run began: it holds other texts, labels or splits."
    assert state.hint.startswith("Start a new run")
    assert run.result().arms == rows
    change(dataset, "movie", "film")
    assert launcher.resume(run.id).state().state == "done"


def test_an_old_run_without_a_fingerprint_is_not_gone_on_with(stopped, launcher) -> None:
    run = stopped()
    path = run.path / "env.json"
    data = json.loads(path.read_text())
    del data["data"]
    path.write_text(json.dumps(data))
    state = launcher.resume(run.id).state()
    assert state.state == "failed"
    assert "began before runs kept a fingerprint" in state.message
