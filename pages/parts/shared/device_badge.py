"""What this machine has, in one line. A short-lived process asks torch, so that the page server never loads it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from typing import Any

import streamlit as st

from distill_core.machine import device_defaults
from distill_core.machine.device_defaults import DeviceDefaults
from distill_core.settings import PROJECT
from pages.parts.shared.page import plain

COMMAND = [sys.executable, "-m", "distill_core", "doctor", "--json"]
DEADLINE_S = 90.0
REFRESH = "1h"


class Probe:
    """One call of `doctor`, under way or done. The page is drawn first and asks again."""

    def __init__(self) -> None:
        self._output = tempfile.TemporaryFile()  # noqa: SIM115 – read when the process has ended
        self._ends = time.monotonic() + DEADLINE_S
        self._process: subprocess.Popen[bytes] | None = None
        self.report: dict[str, Any] | None = None
        self.done = False
        try:
            self._process = subprocess.Popen(
                COMMAND, cwd=PROJECT, stdin=subprocess.DEVNULL, stdout=self._output, stderr=subprocess.DEVNULL
            )
        except OSError:
            self.close()

    def poll(self) -> bool:
        """Whether the answer, or the lack of one, is final."""
        if not self.done and (self._process is None or self._process.poll() is not None or self._is_late()):
            self._read()
            self.close()
        return self.done

    def _is_late(self) -> bool:
        return time.monotonic() >= self._ends

    def _read(self) -> None:
        self._output.seek(0)
        try:
            report = json.loads(self._output.read())
        except ValueError:
            return
        self.report = report if isinstance(report, dict) and "device" in report else None

    def close(self) -> None:
        """Give everything back, and end the process if it is still at work."""
        self.done = True
        self._output.close()
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait()


@st.cache_resource(max_entries=1, ttl=REFRESH, show_spinner=False, on_release=Probe.close)
def _probe() -> Probe:
    return Probe()


def words(report: dict[str, Any]) -> str:
    """`AMD EPYC 7763 · CPU, 2 threads · 24 GiB`, or the accelerator's name, its format and its measured pace."""
    environment = report.get("environment") or {}
    cpu = plain(environment.get("cpu") or "CPU")
    memory = f"{report.get('memory_gib', 0):.0f} GiB"
    if report["device"] == "cpu":
        return f":gray-badge[:material/memory: CPU] {cpu}, {report.get('threads')} threads, {memory}"
    problem = report.get("device_problem")
    badge = ":orange-badge[:material/warning:" if problem else ":green-badge[:material/bolt:"
    ability = "computes wrongly: choose the CPU" if problem else _pace(device_defaults.of_report(report))
    name = plain(report.get("device_name"))
    return f"{badge} {plain(report['device'])}] {', '.join(filter(None, (name, memory, ability)))}"


def _pace(defaults: DeviceDefaults) -> str:
    """`bfloat16, trains 38 × as fast as two CPU cores`, as far as it was measured."""
    parts = [defaults.dtype] if defaults.dtype != "auto" else []
    if defaults.pace_factor is not None:
        parts.append(f"trains {defaults.pace_factor:,.0f} × as fast as two CPU cores")
    return ", ".join(parts)


def show() -> None:
    """The badge; while the machine is asked, a line that says so."""
    waiting = not _probe().poll()
    st.fragment(_draw, run_every=1.0 if waiting else None)(waiting)


def _draw(waited: bool) -> None:
    probe = _probe()
    if not probe.poll():
        st.caption(":gray-badge[:material/memory: this machine] being asked what it has …")
        return
    if waited:
        st.rerun()  # ends the polling
    if probe.report is None:
        st.caption(
            f":gray-badge[:material/memory: this machine] unknown ({os.cpu_count()} processors). "
            "`python -m distill_core doctor` says more."
        )
        return
    st.caption(words(probe.report), help="\n\n".join(plain(line) for line in probe.report.get("advice", [])) or None)
