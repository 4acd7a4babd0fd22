"""A run in this process, for the command line: locked from its birth, so that no tick can start it a second time."""

from __future__ import annotations

import os
from collections.abc import Callable

from distill_core.errors import LaunchError
from distill_core.files import locks
from distill_core.launch import queue
from distill_core.launch.base import resumable
from distill_core.launch.execution import execute
from distill_core.plans import preflight
from distill_core.results import State
from distill_core.runs.run import Run
from distill_core.runs.store import RunStore
from distill_core.settings import settings
from distill_core.specs import Spec

OnProgress = Callable[[State], None]


def check_alone() -> None:
    """Raises LaunchError where torchrun or accelerate started this command in several processes: each of them would
    make a run of its own."""
    processes = os.environ.get("WORLD_SIZE", "1")
    if processes.strip() not in ("", "0", "1"):
        raise LaunchError(
            f"{processes} processes were started for one command (WORLD_SIZE), and each would make a run of its own.",
            "Start it once, without torchrun; a script of your own can spread training.fit over several processes.",
        )


def run_foreground(spec: Spec, store: RunStore | None = None, on_progress: OnProgress | None = None) -> Run:
    """Do the spec here, now, to its end: the returned run is done, failed or stopped. Raises DistillError.

    Ctrl-C stops the run at its next step, a second one at once. `on_progress` gets the state at each report.
    """
    store = store or RunStore(settings().runs_dir)
    preflight.check(spec, store)
    with queue.locked(store):  # under this lock no tick starts anything
        queue.check_disk(store)
        run = store.create(spec)
        life = _take(run)
    execute(run, life, on_progress)
    return run


def resume_foreground(run_id: str, store: RunStore | None = None, on_progress: OnProgress | None = None) -> Run:
    """Continue a lost, stopped or failed run here, from its checkpoint. Raises LaunchError, RunError."""
    store = store or RunStore(settings().runs_dir)
    with queue.locked(store):
        run = resumable(store, run_id)
        queue.check_disk(store)
        life = _take(run)
        queue.requeue(run)
    execute(run, life, on_progress)
    return run


def _take(run: Run) -> locks.Life:
    run.set_launch_info({**run.launch_info(), "launcher": "foreground"})
    life = locks.take(run.lock_file)
    if life is None:
        raise LaunchError(f"The process of the run {run.id} is still at work.", "Try again in a moment.")
    return life
