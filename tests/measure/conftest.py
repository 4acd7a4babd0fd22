"""Shared by the tests of measurements: no warm-up, and a time of their own."""

from __future__ import annotations

import pytest
import tiny

from distill_core.machine import devices
from distill_core.measure import benchmark, turns


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is timed in earnest: one warm-up."""
    monkeypatch.setattr(benchmark, "WARM_UP_LIMIT_S", 0.0)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> tiny.Clock:
    """A time that passes only when a call says so."""
    made = tiny.Clock()
    for module in (benchmark, devices, turns):
        monkeypatch.setattr(module, "time", made)
    return made
