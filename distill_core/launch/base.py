"""What every launcher can do. Steering goes through the run's files, so any process may steer any run."""

from __future__ import annotations

from abc import ABC, abstractmethod

from distill_core.errors import RunError
from distill_core.launch import queue
from distill_core.runs.run import Command, Run
from distill_core.runs.store import RunStore
from distill_core.specs import Spec

RESUMABLE = frozenset({"lost", "stopped", "failed"})


class Launcher(ABC):
    """Queues runs, starts them and ends them."""

    def __init__(self, store: RunStore) -> None:
        self.store = store

    @abstractmethod
    def submit(self, spec: Spec, token: str | None = None, owner: str = "") -> Run:
        """Queue a run. The same token gives the same run, however often it comes (a double click, a reload).

        `owner`: the visitor whose run it is; empty for the machine's own user.

        Raises DistillError when the request cannot be run here, LaunchError when the queue or the disk is full,
        RunError when the folder cannot be written.
        """

    @abstractmethod
    def tick(self) -> None:
        """End dead runs and start queued ones. Any process may call it at any time; it is quick and never raises."""

    @abstractmethod
    def stop(self, run_id: str) -> None:
        """Stop a queued or live run; nothing happens to one that has ended. Raises RunError for an unknown one."""

    @abstractmethod
    def resume(self, run_id: str) -> Run:
        """Queue a lost, stopped or failed run again; it continues from its checkpoint. Raises RunError, LaunchError."""

    @abstractmethod
    def queue_position(self, run_id: str) -> int | None:
        """1 for the next run to start; None for a run that does not wait."""

    def expected_starts_s(self) -> dict[str, float | None]:
        """All waiting runs by their ids, the next one first: about how many seconds until each begins; None where that
        is not known."""
        return dict.fromkeys(run.id for run in queue.waiting(self.store))

    def expected_start_s(self, run_id: str) -> float | None:
        """About how many seconds until a waiting run begins; None for a run that does not wait, and where that is not
        known. Raises RunError for an unknown one."""
        self.store.get(run_id)
        return self.expected_starts_s().get(run_id)

    def pause(self, run_id: str) -> None:
        """Pause a running run at its next step. Raises RunError for one that is not at work."""
        self._steer(run_id, "pause")

    def unpause(self, run_id: str) -> None:
        """Let a paused run go on. Raises RunError for one that is not at work."""
        self._steer(run_id, "resume")

    def step(self, run_id: str) -> None:
        """Let one training step pass, then pause. Raises RunError for a run that is not at work."""
        self._steer(run_id, "step")

    def _steer(self, run_id: str, command: Command) -> None:
        run = self.store.get(run_id)
        state = run.state().state
        if state not in ("running", "paused"):
            raise RunError(f"The run {run_id} is {state}.", "Only a running or paused run can be steered.")
        if run.control()[0] != "stop":  # a stop that is under way is not taken back
            run.command(command)


def resumable(store: RunStore, run_id: str) -> Run:
    """The run, if it can be queued again. Raises RunError."""
    run = store.get(run_id)
    state = run.state().state
    if state not in RESUMABLE:
        raise RunError(f"The run {run_id} is {state}.", "Only a lost, stopped or failed run can be resumed.")
    run.spec()
    return run
