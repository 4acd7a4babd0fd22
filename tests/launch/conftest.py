"""Launchers over an empty folder, whose runs are processes with tiny jobs. Nothing outlives its test."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from distill_core import kinds
from distill_core.launch import local, queue
from distill_core.launch.local import LocalLauncher
from distill_core.runs.run import Run
from distill_core.runs.store import RunStore
from distill_core.settings import PROJECT, Settings
from distill_core.specs import CompareSpec

HERE = Path(__file__).parent


@pytest.fixture
def store(tmp_path: Path) -> RunStore:
    return RunStore(tmp_path / "runs")


@pytest.fixture
def make_spec() -> Callable[[str], CompareSpec]:
    return lambda title: CompareSpec(models="bert@structure", title=title)  # type: ignore[arg-type]


@pytest.fixture(autouse=True)
def share_the_machine(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """The comparisons of these tests stand for any run: several may be at work. The result changes that."""

    def set_alone(alone: bool) -> None:
        monkeypatch.setattr(CompareSpec, "ALONE", alone)

    set_alone(False)
    return set_alone


@pytest.fixture
def set_job(monkeypatch: pytest.MonkeyPatch) -> Callable[[kinds.Job], None]:
    """From now on, comparisons in this process do this job."""
    return lambda job: monkeypatch.setitem(kinds.KINDS, "compare", replace(kinds.KINDS["compare"], job=job))


@pytest.fixture
def limits(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Set limits of the queue; the disk of the test machine is none of its business."""

    def set_limits(**changes: Any) -> None:
        changed = Settings(**{"min_free_disk_mib": 0, **changes})
        monkeypatch.setattr(queue, "settings", lambda: changed)
        monkeypatch.setattr(local, "settings", lambda: changed)

    set_limits()
    return set_limits


@pytest.fixture
def make_launcher(store: RunStore, limits: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Any]]:
    monkeypatch.setenv("PYTHONPATH", str(PROJECT))
    made: list[LocalLauncher] = []

    def make(slots: int = 1, script: str = "fake_worker.py", grace_s: float = 0.2) -> LocalLauncher:
        made.append(LocalLauncher(store, slots, (sys.executable, str(HERE / script)), grace_s))
        return made[-1]

    yield make
    for run in store.list():
        pid = run.state().pid
        if run.is_alive() and pid:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGKILL)
    for launcher in made:
        for _, process in launcher._children:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait(10)


@pytest.fixture
def launcher(make_launcher: Callable[..., LocalLauncher]) -> LocalLauncher:
    return make_launcher()


@pytest.fixture
def until() -> Callable[..., None]:
    """Poll, ticking where a launcher is given, until the condition holds."""

    def poll(condition: Callable[[], Any], launcher: LocalLauncher | None = None, deadline_s: float = 20) -> None:
        end = time.monotonic() + deadline_s
        while not condition():
            assert time.monotonic() < end, "the deadline has passed"
            if launcher is not None:
                launcher.tick()
            time.sleep(0.01)

    return poll


@pytest.fixture
def until_state(until: Callable[..., None]) -> Callable[..., None]:
    def poll(run: Run, state: str, launcher: LocalLauncher | None = None) -> None:
        try:
            until(lambda: run.state().state == state, launcher)
        except AssertionError as error:
            raise AssertionError(f"{run.id} is not {state}: {run.state()}\n{run.log_tail()}") from error

    return poll


@pytest.fixture
def processes_left() -> Callable[[], list[psutil.Process]]:
    """Children of the test process that have begun in this test, have ended and were not reaped."""
    before = {child.pid for child in psutil.Process().children()}
    return lambda: [
        child
        for child in psutil.Process().children()
        if child.pid not in before and child.status() == psutil.STATUS_ZOMBIE
    ]
