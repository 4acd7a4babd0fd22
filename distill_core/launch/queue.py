"""The queue of one runs folder: the lock under which it changes, who may enter, and how long the wait will be."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from operator import itemgetter

from distill_core.errors import LaunchError
from distill_core.files import turns
from distill_core.launch import order
from distill_core.results import FINAL
from distill_core.runs.run import Run
from distill_core.runs.store import RunStore
from distill_core.settings import settings
from distill_core.units import seconds_between

_JUST_NOW = "~"  # behind every time
_TOKENS_KEPT = 200
_DURATIONS_USED = 10


@contextlib.contextmanager
def locked(store: RunStore, wait_s: float = 10.0) -> Iterator[None]:
    """Hold the queue's lock: no other thread or process queues or starts a run meanwhile. Raises LaunchError."""
    try:
        lock = turns.locked(store.queue_lock_file, wait_s)
    except TimeoutError as error:
        raise LaunchError("The queue is busy.", "Try again in a moment.") from error
    except OSError as error:
        raise LaunchError(
            f"The folder {store.root} cannot be used: {error.strerror}.",
            "Check its permissions, or set DISTILL_RUNS_DIR to another folder.",
        ) from error
    with lock:
        yield


def requeue(run: Run) -> None:
    """Put an ended run back: its commands are forgotten, its checkpoint and results stay."""
    run.clear_control()
    run.set_state(state="queued", message="", hint="", ended_at="", eta_s=None, pid=None)


def waiting(store: RunStore) -> list[Run]:
    """The runs that wait for a slot, the next one first."""
    runs = store.list()
    return in_turn([run for run in runs if run.state().state == "queued" and not run.is_alive()], runs)


def in_turn(waiting: list[Run], runs: list[Run]) -> list[Run]:
    """The waiting runs in a fair order: `order.fair` over their owners. `runs`: all of the store, the oldest first."""
    owned = [(run.owner, run) for run in waiting]
    if len({owner for owner, _ in owned}) < 2:
        return waiting
    ids = {run.id for run in waiting}
    begun = [(_started(run, run.id in ids), run.owner) for run in runs]
    return order.fair(owned, [owner for at, owner in sorted((one for one in begun if one[0]), key=itemgetter(0))])


def _started(run: Run, waits: bool) -> str:
    """When a run began last; one whose process has just been started has not said so yet. Empty: never."""
    state = run.state()
    return _JUST_NOW if state.state == "queued" and not waits else state.started_at


def with_token(store: RunStore, token: str) -> Run | None:
    """The run that was queued with this token, among the newest ones."""
    for run in reversed(store.list()[-_TOKENS_KEPT:]):
        if run.launch_info().get("token") == token:
            return run
    return None


def check_disk(store: RunStore) -> None:
    """Raises LaunchError when less disk is free than a run may need."""
    free_mib = shutil.disk_usage(store.root).free // 2**20
    least_mib = settings().min_free_disk_mib
    if free_mib < least_mib:
        raise LaunchError(
            f"Only {free_mib:,} MiB of disk are free in {store.root}; a run needs {least_mib:,} MiB.",
            "Delete runs that you no longer need (DISTILL_MIN_FREE_DISK_MIB sets the limit).",
        )


def check_length(store: RunStore, slots: int, owner: str = "") -> None:
    """Raises LaunchError when no more runs may wait: of this visitor, or, with an estimate of the wait, of anybody."""
    there = waiting(store)
    own, most = sum(run.owner == owner for run in there), settings().max_queue_visitor
    if owner and own >= most:
        raise LaunchError(
            f"{own} of your runs are waiting already, and {most} may.", "Stop one that you no longer need, or wait."
        )
    count = len(there)
    if count < settings().max_queue:
        return
    wait_s = estimate_wait_s(store, count, slots)
    estimate = "" if wait_s is None else f" They will take about {_minutes(wait_s)}."
    raise LaunchError(f"The queue is full: {count} runs are waiting.{estimate}", "Try again when some have ended.")


def check_kept(store: RunStore, owner: str) -> None:
    """Raises LaunchError when this visitor has as many runs as one may keep."""
    if not owner:
        return
    kept, most = sum(run.owner == owner for run in store.list()), settings().max_runs_visitor
    if kept >= most:
        raise LaunchError(
            f"You keep {kept} runs, and {most} may be kept.", "Delete one that you no longer need on the Runs page."
        )


def estimate_wait_s(store: RunStore, ahead: int, slots: int) -> float | None:
    """Seconds until `ahead` runs have had their turn, from the last runs' durations; None while nothing is known."""
    durations: list[float] = []
    for run in reversed(store.list()):
        state = run.state()
        took = seconds_between(state.started_at, state.ended_at) if state.state in FINAL else None
        durations += [took] if took is not None else []
        if len(durations) == _DURATIONS_USED:
            break
    return sum(durations) / len(durations) * ahead / slots if durations else None


def _minutes(seconds: float) -> str:
    return "a minute" if seconds < 90 else f"{seconds / 60:.0f} minutes"
