"""A few sessions on the real server over raw websockets: they are answered, and nothing of them stays."""

from __future__ import annotations

import argparse

import pytest

from benchmarks.load import __main__ as load
from benchmarks.load.report import Report, _percentile
from benchmarks.load.session import Waits


def options(**changes: object) -> argparse.Namespace:
    standard = {
        "sessions": 6,
        "seconds": 4.0,
        "ramp": 0.5,
        "every": 1.0,
        "hang_up": 0.3,
        "settle": 75.0,
        "log": None,
        "in_class": False,
    }
    return argparse.Namespace(**{**standard, "pages": "distill,students", "no_training": True, **changes})


@pytest.mark.slow
def test_six_visitors_are_answered_and_leave_nothing_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STREAMLIT_SERVER_DISCONNECTED_SESSION_TTL", "3")
    found: Report = load.measure(options())
    waits = found.seen.waits
    assert waits.errors == []
    assert waits.shown == []
    assert len(waits.first) == 6 + waits.cut
    assert waits.cut == 2  # a third of them cut the wire, and came back
    assert len(waits.click) >= 6
    assert found.seen.settled_s is not None, found.as_text()
    assert found.seen.after.handles <= found.seen.before.handles


def test_percentiles_are_the_standard_ones() -> None:
    import numpy as np

    values = [0.1, 0.5, 0.2, 0.9, 0.4]
    assert _percentile(values, 95) == pytest.approx(1000 * np.percentile(values, 95), abs=0.06)
    assert _percentile(values, 50) == 400
    assert _percentile([], 50) is None
    assert _percentile([0.25], 95) == 250


def test_a_figure_that_was_not_measured_is_not_met() -> None:
    from benchmarks.load.crowd import Held, Seen
    from benchmarks.load.report import of

    held = Held(100, 9, 20, 1)
    seen = Seen(Waits(first=[0.1], click=[], bytes_in=[1000]), held, held, held, 1.0, 10.0, 0.1, [0.001])
    report = of(seen, options())
    assert not report.is_met
    assert {row.name: row.value for row in report.rows}["click_ms_p95"] is None
    assert "n/a" in report.as_text()
