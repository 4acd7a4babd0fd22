"""When a waiting run will begin: the plans' estimates, corrected by how far they were off for the last runs here.

An estimate, and shown as one: memory is not counted, and others may come whose turn is before.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache, singledispatch
from pathlib import Path
from statistics import median

from distill_core.errors import DistillError
from distill_core.plans import compare_cost, pretrain_scale, training_cost
from distill_core.results import FINAL
from distill_core.runs.run import Run
from distill_core.runs.store import RunStore
from distill_core.settings import settings
from distill_core.specs import CompareSpec, PretrainSpec, Spec, TrainSpec
from distill_core.units import now, seconds_between

HISTORY = 10  # finished runs that tell how far the estimates are off
LIMITS = (0.25, 4.0)  # of the correction: one odd machine or pause does not make hours of minutes
LEAST_LEFT_S = 5.0  # of a run that has taken longer than expected

History = tuple[Path, ...]


@dataclass(frozen=True)
class Work:
    """A run of the queue: `seconds` is what it will take, or still take; None where that is not known."""

    id: str
    seconds: float | None
    alone: bool = False


def starts(waiting: list[Work], at_work: list[Work], slots: int) -> dict[str, float | None]:
    """Seconds until each waiting run begins, in their order. Nothing overtakes; one that stands alone waits until all
    others have ended. None from the first run on whose start hangs on an unknown duration."""
    moment, busy, found = 0.0, [(run.seconds, run.alone) for run in at_work], dict.fromkeys(run.id for run in waiting)
    for run in waiting:
        while busy and (len(busy) >= slots or run.alone or any(alone for _, alone in busy)):
            ends = [end for end, _ in busy if end is not None]
            if not ends:
                return found
            first = min(ends)
            moment = max(moment, first)
            busy = [one for one in busy if one[0] is None or one[0] > first]
        found[run.id] = moment
        busy.append((None if run.seconds is None else moment + run.seconds, run.alone))
    return found


def of_queue(waiting: list[Run], at_work: list[Run], store: RunStore, slots: int) -> dict[str, float | None]:
    """Seconds until each of these waiting runs begins, the next one first."""
    history = finished(store)
    work = [Work(run.id, _seconds(run, history), _is_alone(run)) for run in waiting]
    return starts(work, [Work(run.id, _left(run, history), _is_alone(run)) for run in at_work], slots)


def finished(store: RunStore) -> History:
    """The newest runs that are done, the newest first."""
    done = (run.path for run in reversed(store.list()) if run.state().state == "done")
    return tuple(path for path, _ in zip(done, range(HISTORY), strict=False))


def _left(run: Run, history: History) -> float | None:
    """Seconds that a run at work still takes: its own estimate before that of its plan. One of the queue that is paused
    gives its place away after a while; how long another stays paused nobody knows."""
    state = run.state()
    if state.state == "paused":
        return settings().pause_limit_s if run.launch_info().get("launcher") == "local" else None
    planned, elapsed = _seconds(run, history), seconds_between(state.started_at, now()) or 0.0
    if state.eta_s is not None or planned is None:
        return state.eta_s
    return max(LEAST_LEFT_S, planned - elapsed)


def _seconds(run: Run, history: History) -> float | None:
    planned = _planned(run.path, history)
    return None if planned is None else planned * correction(history)


@lru_cache(maxsize=16)
def correction(history: History) -> float:
    """What these runs took, as a multiple of what their plans say: the median; 1 where none tells."""
    ratios = []
    for path in history:
        state, planned = Run(path).state(), _planned(path, history)
        took = seconds_between(state.started_at, state.ended_at) if state.state in FINAL else None
        if took and planned:
            ratios.append(took / planned)
    low, high = LIMITS
    return min(high, max(low, median(ratios))) if ratios else 1.0


@lru_cache(maxsize=1024)
def _planned(path: Path, history: History) -> float | None:
    """Seconds of a run by its plan, in the light of the history; None for a kind without one, and for a damaged run."""
    try:
        return _plan(Run(path).spec(), RunStore(path.parent), [Run(one) for one in history])
    except DistillError:
        return None


def _is_alone(run: Run) -> bool:
    try:
        return run.spec().ALONE
    except DistillError:
        return False


@singledispatch
def _plan(spec: Spec, store: RunStore, history: list[Run]) -> float | None:
    return None


@_plan.register
def _(spec: TrainSpec, store: RunStore, history: list[Run]) -> float | None:
    return training_cost.seconds(spec, store, history)


@_plan.register
def _(spec: PretrainSpec, store: RunStore, history: list[Run]) -> float | None:
    return pretrain_scale.seconds(spec, history)


@_plan.register
def _(spec: CompareSpec, store: RunStore, history: list[Run]) -> float | None:
    return compare_cost.compare_seconds(spec, next((run for run in history if _is_comparison(run)), None))


def _is_comparison(run: Run) -> bool:
    try:
        return run.spec_as(CompareSpec) is not None
    except DistillError:
        return False
