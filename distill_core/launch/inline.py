"""Runs at once, in this process: for tests and notebooks. `submit` returns when the run has ended."""

from __future__ import annotations

from distill_core.launch import queue
from distill_core.launch.base import Launcher, resumable
from distill_core.launch.execution import execute
from distill_core.plans import preflight
from distill_core.runs.run import Run
from distill_core.specs import Spec


class InlineLauncher(Launcher):
    """No queue: each run is done where it is submitted."""

    def submit(self, spec: Spec, token: str | None = None, owner: str = "") -> Run:
        preflight.check(spec, self.store)
        with queue.locked(self.store):
            known = queue.with_token(self.store, token) if token else None
            if known is not None:
                return known
            queue.check_disk(self.store)
            queue.check_kept(self.store, owner)
            run = self.store.create(spec, {"launcher": "inline", "token": token, "owner": owner})
        execute(run)
        return run

    def tick(self) -> None:
        """Nothing waits, so there is nothing to start."""

    def stop(self, run_id: str) -> None:
        run = self.store.get(run_id)
        if run.is_alive():  # submitted in another thread
            run.command("stop")

    def resume(self, run_id: str) -> Run:
        run = resumable(self.store, run_id)
        queue.requeue(run)
        execute(run)
        return run

    def queue_position(self, run_id: str) -> int | None:
        self.store.get(run_id)
        return None
