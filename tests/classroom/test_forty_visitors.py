"""A few sessions on the real server over raw websockets: they are answered, and nothing of them stays."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.load.report import _percentile
from benchmarks.load.session import Waits
from distill_core.settings import PROJECT


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
def test_six_visitors_are_answered_and_leave_nothing_behind(tmp_path: Path) -> None:
    """In a process of its own, as a user starts it: a browser test before it may have left an event loop."""
    asked = "--sessions 6 --seconds 4 --ramp 0.5 --every 1 --hang-up 0.3 --pages distill,students --no-training --json"
    environment = {
        **os.environ,
        "STREAMLIT_SERVER_DISCONNECTED_SESSION_TTL": "3",
        "DISTILL_CACHE_DIR": str(tmp_path / "cache"),
    }
    command = [sys.executable, "-m", "benchmarks.load", *asked.split(), "--settle", "60"]
    done = subprocess.run(command, cwd=PROJECT, env=environment, capture_output=True, text=True, timeout=240)
    found = json.loads(done.stdout)
    assert found["errors"] == []
    assert found["exceptions_shown"] == []
    assert found["cut"] == 2  # a third of them cut the wire, and came back
    assert found["first_ms"]["n"] == 6 + 2
    assert found["click_ms"]["n"] >= 6
    held = found["server"]
    assert held["settled_s"] is not None, held
    assert held["after"]["handles"] <= held["before"]["handles"]


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
