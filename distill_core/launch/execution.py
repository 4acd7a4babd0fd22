"""What a run's own process does: live under the run's lock, do the job, and leave a last word in state.json.

Importing this module must stay cheap (no torch): a spec that cannot be read fails before anything heavy is loaded.
"""

from __future__ import annotations

import contextlib
import sys
import traceback
from collections.abc import Callable
from typing import Any

import psutil

from distill_core.errors import DistillError, LaunchError, RunError
from distill_core.files import disk, locks, whole
from distill_core.kinds import KINDS
from distill_core.machine import capacity
from distill_core.machine.environment import prepared_process
from distill_core.results import State
from distill_core.runs.control import Control, JobContext, Stopped
from distill_core.runs.run import Run
from distill_core.runs.store import RunStore
from distill_core.settings import settings
from distill_core.units import now

_CACHES = ("uploads", "datasets", "assets", "teacher", "corpora", "tokenizers", "self-test")
RESUME_HINT = "Resume continues from the last checkpoint."


def execute(run: Run, life: locks.Life | None = None, on_progress: Callable[[State], None] | None = None) -> State:
    """Do a queued run in this process, to its end, and return its last state. Raises no error of the job.

    `life` is the run's lock where this process has it already; `on_progress` gets the state at each report.
    Raises LaunchError when another process does the run, or it is not queued.
    """
    life = life or locks.take(run.lock_file)
    if life is None:
        raise LaunchError(f"The run {run.id} is already at work in another process.", "Watch it instead.")
    try:
        state = run.state()
        if state.state != "queued":
            raise LaunchError(f"The run {run.id} is {state.state}, not queued.", "Resume it, or start a new run.")
        _sweep(run)
        run.set_state(state="running", pid=psutil.Process().pid, started_at=now(), ended_at="", message="", hint="")
        with Control(run) as control:
            changes = _last_word(run, JobContext(run, RunStore(run.path.parent), control, on_progress))
        return _say(run, changes)
    finally:
        life.release()


def _sweep(run: Run) -> None:
    """Delete what killed processes have left half-written: of this run, among all runs, and in the cache."""
    whole.sweep(run.path.parent)
    whole.sweep(run.path, depth=3)
    cache = settings().cache_dir.absolute()
    whole.sweep(cache)
    for name in _CACHES:
        whole.sweep(cache / name, depth=1)


def _last_word(run: Run, context: JobContext) -> dict[str, Any]:
    """Do the job; the fields of state.json that tell how it ended."""
    try:
        spec = run.spec()
        with prepared_process(spec.threads):
            context.set_result(KINDS[spec.kind].load_job()(spec, context))
        return {"state": "done", "progress": 1.0, "message": ""}
    except (Stopped, KeyboardInterrupt):
        return {"state": "stopped", "message": run.why() or "Stopped.", "hint": RESUME_HINT}
    except DistillError as error:
        return {"state": "failed", "message": error.message, "hint": error.hint, "error_kind": error.kind}
    except (Exception, SystemExit) as error:  # noqa: BLE001 - the last word is given whatever happens
        _log_traceback(run)
        message, hint = explain(error)
        return {"state": "failed", "message": message, "hint": hint}


def explain(error: BaseException) -> tuple[str, str]:
    """One clear sentence, and the next step, for an error that is not in the user's terms."""
    text = " ".join(str(error).split())[:300]
    if disk.is_full(error):
        return disk.MESSAGE, f"{disk.HINT} {RESUME_HINT}"
    if capacity.ran_out_of_memory(error):
        return "The memory ran out.", "Take a smaller batch size, shorter texts or a smaller model, and run again."
    return f"The run failed unexpectedly: {type(error).__name__}: {text}", "The log of the run has the details."


def _log_traceback(run: Run) -> None:
    with contextlib.suppress(OSError), run.log_file.open("a", encoding="utf-8") as file:
        file.write(traceback.format_exc())


def _say(run: Run, changes: dict[str, Any]) -> State:
    changes = {**changes, "eta_s": None, "ended_at": now(), "pid": None}
    try:
        return run.set_state(**changes)
    except RunError as error:  # the directory is gone or the disk is full; then the launcher finds the run lost
        print(error, file=sys.stderr)
        return run.state().model_copy(update=changes)
