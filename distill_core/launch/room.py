"""Whether there is room for one more run beside those at work: slots, memory, and the quiet that a timing needs."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence

import psutil

from distill_core.errors import DistillError
from distill_core.machine import capacity, device_defaults
from distill_core.plans import needs
from distill_core.plans.needs import Needs
from distill_core.runs.run import Run
from distill_core.runs.store import RunStore
from distill_core.settings import settings

_CORES_A_RUN = 4
_MIB_A_RUN = 4096
_GPU_MIB_A_RUN = 10_240
_MOST = 8


def slots() -> int:
    """How many queued runs may be at work at once: the setting, or what this machine's cores and memory are good for.

    On an accelerator its memory is divided, and one core a run; on the CPU a run gets four cores, since two that share
    cores take longer together than one after the other.
    """
    wanted = settings().slots
    if wanted != "auto":
        return wanted
    cores, device_mib = capacity.physical_cores(), device_defaults.memory_mib()
    by_memory = psutil.virtual_memory().total // 2**20 // _MIB_A_RUN
    by_device = cores // _CORES_A_RUN if device_mib is None else min(cores, device_mib // _GPU_MIB_A_RUN)
    return max(1, min(_MOST, int(by_memory), by_device))


def is_there(run: Run, at_work: Sequence[Run], slots: int, store: RunStore) -> bool:
    """Whether this run may start beside those at work. One that stands alone waits for an idle machine; one whose
    estimate exceeds the free memory waits too, unless nothing else is at work: then it may try."""
    if not at_work:
        return True
    wanted, others = _needs(run, store), [_needs(one, store) for one in at_work]
    if len(at_work) >= slots or wanted.alone or any(other.alone for other in others):
        return False
    return wanted.host_bytes <= _free(at_work, others) and wanted.device_bytes <= _free_on_device(wanted, others)


def _needs(run: Run, store: RunStore) -> Needs:
    """Those of a damaged run are none: it ends where it is started."""
    with contextlib.suppress(DistillError):
        return needs.of(run.spec(), store)
    return Needs("cpu", 0, 0, alone=False)


def _free(at_work: Sequence[Run], needed: Sequence[Needs]) -> int:
    """Free memory, less what those at work will still take: a run that has just begun holds nothing yet."""
    pairs = zip(at_work, needed, strict=True)
    return capacity.available_bytes() - sum(max(0, one.host_bytes - _held(run)) for run, one in pairs)


def _free_on_device(wanted: Needs, others: Sequence[Needs]) -> float:
    """The accelerator's memory less the estimates of those at work on it; no limit where its size is not known."""
    device_mib = device_defaults.memory_mib()
    if device_mib is None:
        return float("inf")
    return device_mib * 2**20 - sum(other.device_bytes for other in others if other.device == wanted.device)


def _held(run: Run) -> int:
    """Bytes that the run's process has now; 0 where that cannot be told."""
    pid = run.state().pid
    with contextlib.suppress(psutil.Error):
        return int(psutil.Process(pid).memory_info().rss) if pid else 0
    return 0
