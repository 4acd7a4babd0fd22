"""All runs below one folder: made whole, found by id, listed in order, removed."""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from distill_core.errors import RunError
from distill_core.files import disk
from distill_core.files.json_files import write_json
from distill_core.files.whole import discard_folder, whole_folder
from distill_core.results import LIVE, State
from distill_core.runs.run import Run
from distill_core.specs import Spec
from distill_core.units import now

_ID = re.compile(r"\d{6,9}-[0-9a-f]{6}|[a-z0-9][a-z0-9-]{0,60}")
_FILES = ("spec.json", "state.json", "launch.json", "alive.lock", "log.txt", "metrics.jsonl")


class RunStore:
    """All runs below one folder."""

    def __init__(self, root: Path) -> None:
        self.root = root.absolute()

    @property
    def queue_lock_file(self) -> Path:
        """The lock under which runs are queued and started, by whatever process."""
        return self.root / ".queue.lock"

    def create(self, spec: Spec, launch: Mapping[str, Any] | None = None) -> Run:
        """A new queued run, there whole or not at all. `launch`: who asked for it, and how it is to start."""
        run_id = f"{self._next_number():06d}-{secrets.token_hex(3)}"
        try:
            with whole_folder(self.root / run_id, replace=False) as new:
                write_json(new / "spec.json", spec.model_dump(mode="json"))
                write_json(new / "state.json", State(state="queued", created_at=now()).model_dump())
                if launch:
                    write_json(new / "launch.json", dict(launch))
        except (OSError, RunError) as error:
            if disk.is_full(error):
                raise RunError("The disk is full: no run can be made.", disk.HINT) from error
            reason = error.strerror if isinstance(error, OSError) else error.message
            raise RunError(
                f"Cannot create a run in {self.root}: {reason}.",
                "Check the permissions and the free disk space, or set DISTILL_RUNS_DIR to another folder.",
            ) from error
        return Run(self.root / run_id)

    def _next_number(self) -> int:
        return max((_number(run.id) for run in self.list()), default=0) + 1

    def get(self, run_id: str) -> Run:
        """The run of this id. Raises RunError for an id that is malformed or unknown; no path leaves the root."""
        if not _ID.fullmatch(run_id):
            raise RunError(f"{run_id[:80]!r} is not a run id.", "List the runs with: python -m distill_core runs list")
        path = self.root / run_id
        if path.is_symlink() or not _is_run(path):
            raise RunError(f"There is no run {run_id}.", "List the runs with: python -m distill_core runs list")
        return Run(path)

    def list(self) -> list[Run]:
        """All runs, oldest first."""
        try:
            with os.scandir(self.root) as entries:
                there = [e.name for e in entries if _ID.fullmatch(e.name) and e.is_dir(follow_symlinks=False)]
        except OSError:
            return []
        names = [name for name in there if _is_run(self.root / name)]
        return [Run(self.root / name) for name in sorted(names, key=lambda name: (_number(name), name))]

    def remove(self, run_id: str) -> None:
        """Delete a run's directory. Raises RunError while it is queued, running or paused, or its process lives."""
        run = self.get(run_id)
        state = run.state().state
        if state in LIVE or run.is_alive():
            raise RunError(f"The run {run_id} is {state if state in LIVE else 'still at work'}.", "Stop it first.")
        try:
            discard_folder(run.path)
        except OSError as error:
            raise RunError(
                f"Cannot delete the run {run_id}: {error.strerror}.", "Close programs that use it."
            ) from error


def _is_run(path: Path) -> bool:
    """Whether a folder with a run's name has a run's files: any other folder is somebody's own, and none to delete.

    One that holds nothing at all is a run whose files were lost."""
    if any((path / name).exists() for name in _FILES):
        return True
    return bool(_number(path.name)) and path.is_dir() and not any(path.iterdir())


def _number(run_id: str) -> int:
    """The place in the order of creation; 0 for a run with a name, which came with the repository."""
    head = run_id.partition("-")[0]
    return int(head) if head.isdigit() and len(head) >= 6 else 0
