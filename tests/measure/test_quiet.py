"""What other programs use, and the wait for them: against readings made by hand."""

from __future__ import annotations

import itertools

import pytest

from distill_core.measure import load
from distill_core.settings import settings


def test_the_load_of_others_is_what_is_busy_less_what_is_ours(monkeypatch):
    seconds = itertools.count(100.0, 2.0)
    readings = {"_busy_s": iter([50.0, 55.0]), "_own_s": iter([10.0, 12.0])}
    monkeypatch.setattr(load.time, "monotonic", lambda: next(seconds))
    for name, values in readings.items():
        monkeypatch.setattr(load, name, lambda values=values: next(values))
    assert load.OtherLoad().cores() == pytest.approx(1.5)  # (5 s − 2 s) in 2 s


def test_idle_time_is_not_load(monkeypatch):
    now = load.psutil.cpu_times()
    later = now._replace(idle=now.idle + 1000, user=now.user + 2)
    readings = []
    for times in (now, later):
        monkeypatch.setattr(load.psutil, "cpu_times", lambda times=times: times)
        readings.append(load._busy_s())
    assert readings[1] - readings[0] == pytest.approx(2)


# ── waiting ──────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def others(monkeypatch):
    """Other programs use these cores, poll by poll; no time passes. Returns what was slept."""
    slept = []

    def use(*cores, limit_s=5.0):
        monkeypatch.setenv("DISTILL_QUIET_WAIT_S", str(limit_s))
        settings.cache_clear()
        left = iter(cores)
        monkeypatch.setattr(load.OtherLoad, "cores", lambda self: next(left))
        monkeypatch.setattr(load.time, "sleep", slept.append)
        return slept

    return use


def test_a_quiet_machine_is_polled_once_and_nothing_is_said(others):
    slept, said = others(0.1), []
    load.Quiet(said.append).wait()
    assert (slept, said) == ([load.POLL_S], [])


def test_it_waits_until_the_others_are_quiet_and_says_so(others):
    slept, said = others(1.34, 0.6, 0.2), []
    load.Quiet(said.append).wait()
    assert sum(slept) == pytest.approx(3 * load.POLL_S)
    assert said == [
        "Waiting for a quiet moment: other programs use 1.3 cores",
        "Waiting for a quiet moment: other programs use 0.6 cores",
    ]


def test_all_waits_of_a_run_have_one_limit(others):
    slept = others(*[2.0] * 100, limit_s=1.0)
    quiet = load.Quiet(lambda message: None)
    for _ in range(3):
        quiet.wait()
    assert sum(slept) == pytest.approx(1.0)


def test_without_a_limit_it_does_not_wait(others):
    slept = others(limit_s=0)
    load.Quiet(lambda message: None).wait()
    assert slept == []


def test_a_stop_ends_the_wait(others):
    class Stopped(Exception):
        pass

    def check():
        raise Stopped

    slept = others(2.0)
    with pytest.raises(Stopped):
        load.Quiet(lambda message: None, check).wait()
    assert slept == []
