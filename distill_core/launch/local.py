"""A fair queue with a number of slots, on this machine. No daemon: whoever calls `tick` moves the queue on.

Pages call it when they look, the command line when it waits, and each run's process when it ends. Ticks exclude each
other by the queue's lock; whether a run lives is told by the lock that its process holds, and by nothing else.

Turns go round between owners (order.py). The first run that finds no room (room.py) keeps all behind it waiting, so
that nothing overtakes it for ever.
"""

from __future__ import annotations

import contextlib
import subprocess
import time
from typing import Any

from distill_core.errors import DistillError
from distill_core.launch import expected, processes, queue, room
from distill_core.launch.base import Launcher, resumable
from distill_core.launch.execution import RESUME_HINT
from distill_core.plans import preflight
from distill_core.results import LIVE
from distill_core.runs.run import Run
from distill_core.runs.store import RunStore
from distill_core.settings import settings
from distill_core.specs import Spec
from distill_core.units import now

PLACE_GIVEN_AWAY = "It was paused for long while others waited, so its place was given to the next."
_STARTS_AT_MOST = 3


class LocalLauncher(Launcher):
    """`command` is what a run's process is; `grace_s` is the time between stop, SIGTERM and SIGKILL."""

    def __init__(
        self,
        store: RunStore,
        slots: int | None = None,
        command: tuple[str, ...] = processes.WORKER,
        grace_s: float = 5.0,
    ) -> None:
        super().__init__(store)
        self.slots = slots or room.slots()
        self._command = command
        self._grace_s = grace_s
        # A resumed run may have two for a moment: the old one says its last word before it has ended.
        self._children: list[tuple[str, subprocess.Popen[bytes]]] = []
        self._stopping: dict[str, float] = {}
        self._paused: dict[
            tuple[str, int], float
        ] = {}  # a run's pause, by the command's number → when it was seen first

    def submit(self, spec: Spec, token: str | None = None, owner: str = "") -> Run:
        preflight.check(spec, self.store)
        with queue.locked(self.store):
            known = queue.with_token(self.store, token) if token else None
            if known is None:
                queue.check_disk(self.store)
                queue.check_length(self.store, self.slots, owner)
                queue.check_kept(self.store, owner)
                run = self.store.create(spec, {"launcher": "local", "token": token, "owner": owner})
            self._advance()
        return known or run

    def tick(self) -> None:
        # When another process is at it already, it does what is to be done.
        with contextlib.suppress(DistillError, OSError), queue.locked(self.store, wait_s=0):
            self._advance()

    def stop(self, run_id: str) -> None:
        run = self.store.get(run_id)
        with queue.locked(self.store):
            if run.state().state in LIVE:
                run.command("stop")
            self._advance()

    def resume(self, run_id: str) -> Run:
        with queue.locked(self.store):
            self._advance()  # a run that has just died may not be known as lost yet
            run = resumable(self.store, run_id)
            queue.check_disk(self.store)
            queue.check_length(self.store, self.slots, run.owner)
            queue.requeue(run)
            run.set_launch_info({**run.launch_info(), "launcher": "local", "starts": 0})
            self._advance()
        return run

    def queue_position(self, run_id: str) -> int | None:
        self.store.get(run_id)
        ids = [run.id for run in queue.waiting(self.store)]
        return ids.index(run_id) + 1 if run_id in ids else None

    def expected_starts_s(self) -> dict[str, float | None]:
        live = [run for run in self.store.list() if run.state().state in LIVE]
        at_work = [run for run in live if run.is_alive()]
        return expected.of_queue(queue.waiting(self.store), at_work, self.store, self.slots)

    # ── one tick, under the queue's lock ─────────────────────────────────────────────────────────────────────

    def _advance(self) -> None:
        ended, runs = self._reap(), self.store.list()
        at_work: list[Run] = []
        waiting: list[Run] = []
        for run in runs:
            with contextlib.suppress(DistillError, OSError):  # one run's damage is its own
                if run.state().state not in LIVE or run.launch_info().get("launcher") == "ray":
                    continue  # a job of a cluster lives on another machine, where this one's locks say nothing
                if run.is_alive():
                    at_work.append(run)
                    self._insist_on_stop(run)
                    continue
                state = run.fresh_state().state  # it may have said its last word between the two looks
                if state == "queued":
                    waiting.append(run)
                elif state in LIVE:
                    _bury(run, ended.get(run.id))
        left = self._start_in_turn(queue.in_turn(waiting, runs), at_work)
        for run in at_work:
            with contextlib.suppress(DistillError, OSError):
                self._make_way(run, left)

    def _start_in_turn(self, waiting: list[Run], at_work: list[Run]) -> list[Run]:
        """Start waiting runs until one finds no room; those that were stopped end. Returns those that go on waiting."""
        is_open, left = True, []
        for run in waiting:
            with contextlib.suppress(DistillError, OSError):
                if run.control()[0] == "stop":
                    _end(run, "stopped", "Stopped before it began.", RESUME_HINT)
                    continue
                is_open = is_open and room.is_there(run, at_work, self.slots, self.store)
                if not is_open:
                    left.append(run)
                elif self._start(run):
                    at_work.append(run)
        return left

    def _make_way(self, run: Run, waiting: list[Run]) -> None:
        """A run of the queue that has been paused for too long while another owner's waits gives its place away."""
        command, number = run.control()
        if run.state().state != "paused" or command == "stop":
            return
        paused_s = time.monotonic() - self._paused.setdefault((run.id, number), time.monotonic())
        local, others = run.launch_info().get("launcher") == "local", any(one.owner != run.owner for one in waiting)
        if local and others and paused_s >= settings().pause_limit_s:
            run.command("stop", PLACE_GIVEN_AWAY)

    def _start(self, run: Run) -> bool:
        """Start a waiting run, or end it where it cannot start. Returns whether it takes a slot."""
        try:
            run.spec()
        except DistillError as error:
            _end(run, "damaged", error.message, error.hint)
            return False
        info = run.launch_info()
        starts = info.get("starts", 0)
        if starts >= _STARTS_AT_MOST:
            _end(run, "failed", f"The run's process ended {starts} times before it began.", "Its log says why.")
            return False
        run.set_launch_info({**info, "starts": starts + 1})
        try:
            process = processes.start(run, self._command)
        except OSError as error:
            _end(run, "failed", f"The run's process cannot be started: {error.strerror}.", "Try again later.")
            return False
        if process is not None:
            self._children.append((run.id, process))
        return True

    def _insist_on_stop(self, run: Run) -> None:
        """A run that was told to stop and goes on gets SIGTERM after the grace, and SIGKILL after another."""
        if run.control()[0] != "stop":
            self._stopping.pop(run.id, None)
            return
        waited_s = time.monotonic() - self._stopping.setdefault(run.id, time.monotonic())
        pid = run.state().pid or next((child.pid for run_id, child in self._children if run_id == run.id), None)
        if pid is None or waited_s < self._grace_s:
            return
        own_group = run.launch_info().get("launcher") == "local"
        processes.send(pid, hard=waited_s >= 2 * self._grace_s, group=own_group)

    def _reap(self) -> dict[str, int]:
        """Exit codes of this launcher's children that have ended since the last tick."""
        ended = {}
        for run_id, process in list(self._children):
            if processes.has_ended(process):
                self._children.remove((run_id, process))
                self._stopping.pop(run_id, None)
                ended[run_id] = process.returncode
        return ended


def _bury(run: Run, exit_code: int | None) -> None:
    """End a run whose process is gone without a last word."""
    if run.control()[0] == "stop":
        _end(run, "stopped", run.why() or "Stopped.", RESUME_HINT)
        return
    how = "its process is gone (killed, out of memory, or the machine went down)"
    if exit_code == -9:
        how = "its process was killed (signal 9), most often because the memory ran out"
    elif exit_code:
        how = f"its process crashed ({f'signal {-exit_code}' if exit_code < 0 else f'exit code {exit_code}'})"
    _end(run, "lost", f"The run ended without a word: {how}.", RESUME_HINT)


def _end(run: Run, state: str, message: str, hint: str) -> None:
    changes: dict[str, Any] = {"state": state, "message": message, "hint": hint}
    run.set_state(**changes, eta_s=None, pid=None, ended_at=now())
