"""What other programs do to a measurement: the cores that they use meanwhile, and a short wait until they are quiet."""

from __future__ import annotations

import time
from collections.abc import Callable

import psutil

from distill_core.settings import settings
from distill_core.units import NOTABLE_CORES, significant

POLL_S = 0.25  # processor time is counted in steps of 10 ms


class OtherLoad:
    """Cores that other programs kept busy since this object was made: a measurement under load is marked as such."""

    def __init__(self) -> None:
        self._wall, self._busy, self._own = time.monotonic(), _busy_s(), _own_s()

    def cores(self) -> float:
        wall = max(1e-6, time.monotonic() - self._wall)
        return max(0.0, ((_busy_s() - self._busy) - (_own_s() - self._own)) / wall)


def _busy_s() -> float:
    times = psutil.cpu_times()
    return float(sum(times) - times.idle - getattr(times, "iowait", 0.0) - getattr(times, "guest", 0.0))


def _own_s() -> float:
    times = psutil.Process().cpu_times()
    return float(times.user + times.system)


class Quiet:
    """Waits for other programs before a run times its models: at most `quiet_wait_s` of the settings in all."""

    def __init__(self, say: Callable[[str], None], check: Callable[[], None] = lambda: None) -> None:
        """`say` hears why it waits; `check` may raise to stop."""
        self._say, self._check, self._left_s = say, check, settings().quiet_wait_s

    def wait(self) -> None:
        """Return when others use less than NOTABLE_CORES, or when there is no waiting time left."""
        while self._left_s > 0:
            self._check()
            load = OtherLoad()
            time.sleep(min(POLL_S, self._left_s))
            self._left_s -= POLL_S
            if (cores := load.cores()) < NOTABLE_CORES:
                return
            self._say(f"Waiting for a quiet moment: other programs use {significant(cores, 2)} cores")
