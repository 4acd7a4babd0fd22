"""What a job has of its run: `JobContext`. It reports progress, metrics and results, and obeys pause, step and stop.

A job calls `context.check()` at every training step. While nothing was commanded, that costs one look at a file's date.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from types import FrameType, TracebackType
from typing import Any, Self

from distill_core.results import Environment, Metric, Result, State
from distill_core.runs.run import Command, Run
from distill_core.runs.store import RunStore

PROGRESS_EVERY_S = 0.3
FLUSH_EVERY_S = 2.0  # to wait for the disk takes some milliseconds
_LOOK_EVERY_S = 0.1
_SIGNALS = (signal.SIGINT, signal.SIGTERM, *([signal.SIGHUP] if sys.platform != "win32" else []))


class Stopped(Exception):
    """The run was asked to stop: a wish, not an error, and so no DistillError."""


class Control:
    """The commands that reach a run: control.json from pages, and signals from the system.

    As a context manager it listens to SIGINT, SIGTERM and SIGHUP, the terminal's end (in the main thread alone, as
    Python demands).
    """

    def __init__(self, run: Run) -> None:
        self.paused_s = 0.0
        self._run = run
        self._seen: tuple[int, int, int] | None = None
        self._command: Command | None = None
        self._seq = 0
        self._stepped = 0
        self._paused = False
        self._signalled = False
        self._handlers: dict[int, Any] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            for number in _SIGNALS:
                if signal.getsignal(number) != signal.SIG_IGN:  # nohup: a hang-up is nothing to this process
                    self._handlers[number] = signal.signal(number, self._on_signal)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        for number, handler in self._handlers.items():
            signal.signal(number, handler)
        self._handlers.clear()

    def check(self) -> None:
        """Return at once, or wait while the run is paused. Raises Stopped on stop, a signal, or a removed run."""
        self._look()
        if not self._may_pass():
            self._wait()
        if self._paused and self._command != "step":
            self._paused = False
            self._tell(state="running")

    def watch(self) -> None:
        """For a process whose children do the work and obey by themselves: return at once, and tell whether they are
        held. Raises Stopped as `check` does."""
        self._look()
        held = self._command in ("pause", "step")
        if held != self._paused:
            self._paused = held
            self._tell(**({"state": "paused", "eta_s": None} if held else {"state": "running"}))

    def _look(self) -> None:
        """Notice a new command."""
        if self._signalled:
            raise Stopped
        try:
            stat = os.stat(self._run.control_file)
        except OSError:
            if not self._run.path.is_dir():
                raise Stopped from None  # nobody can steer or see this run any more
            self._command, self._seen = None, None
            return
        seen = (stat.st_mtime_ns, stat.st_size, stat.st_ino)
        if seen != self._seen:
            self._command, self._seq = self._run.control()
            self._seen = seen
        if self._command == "stop":
            raise Stopped

    def _may_pass(self) -> bool:
        if self._command == "step" and self._seq != self._stepped:
            self._stepped = self._seq
            return True
        return self._command not in ("pause", "step")

    def _wait(self) -> None:
        began = time.monotonic()
        if not self._paused:
            self._paused = True
            self._tell(state="paused", eta_s=None)
        try:
            while not self._may_pass():
                time.sleep(_LOOK_EVERY_S)
                self._look()
        finally:
            self.paused_s += time.monotonic() - began

    def _tell(self, **changes: Any) -> None:
        self._run.set_state(**changes)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if self._signalled and number == signal.SIGINT:
            raise KeyboardInterrupt  # the second Ctrl-C does not wait for the next step
        self._signalled = True


class NullControl(Control):
    """Nobody commands: for the library used without a run."""

    def __init__(self) -> None:
        self.paused_s = 0.0
        self._handlers = {}

    def __enter__(self) -> Self:
        return self

    def check(self) -> None:
        return None

    def watch(self) -> None:
        return None


@dataclass
class JobContext:
    """All that a job may use of its run. `on_progress` gets the state at each report, for a bar in a terminal."""

    run: Run
    store: RunStore
    control: Control
    on_progress: Callable[[State], None] | None = None
    _reported_at: float = field(default=-PROGRESS_EVERY_S, init=False, repr=False)
    _flushed_at: float = field(default=-FLUSH_EVERY_S, init=False, repr=False)
    _pending: dict[str, Any] = field(default_factory=dict, init=False, repr=False)

    def progress(self, fraction: float, message: str, eta_s: float | None = None) -> None:
        """Say how far the run is (0–1). Reports that come too fast wait for the next `check` or report."""
        self._pending = {"progress": min(max(fraction, 0.0), 1.0), "message": message, "eta_s": eta_s}
        self._report(force=fraction >= 1.0)

    def check(self) -> None:
        """Obey pause, step and stop. Raises Stopped."""
        self._report(force=False)
        self.control.check()

    def watch(self) -> None:
        """As `check`, for a job whose children obey by themselves: it never waits."""
        self._report(force=False)
        self.control.watch()

    def metrics(self, metrics: list[Metric]) -> None:
        """Add points to the curves. A power cut costs those of the last FLUSH_EVERY_S at most."""
        due = time.monotonic() - self._flushed_at >= FLUSH_EVERY_S
        self.run.add_metrics(metrics, flush=due)
        if due:
            self._flushed_at = time.monotonic()

    def set_result(self, result: Result) -> None:
        """Write the result so far; a job does so after each row or arm."""
        self.run.set_result(result)

    def set_environment(self, environment: Environment) -> None:
        self.run.set_environment(environment)

    def log(self, text: str) -> None:
        """A line for the log of a queued run, or for the terminal of a foreground run."""
        with contextlib.suppress(OSError):
            print(text, file=sys.stderr, flush=True)

    def _report(self, *, force: bool) -> None:
        if not self._pending or not (force or time.monotonic() - self._reported_at >= PROGRESS_EVERY_S):
            return
        state = self.run.set_state(**self._pending)
        self._pending = {}
        self._reported_at = time.monotonic()
        if self.on_progress is not None:
            self.on_progress(state)
