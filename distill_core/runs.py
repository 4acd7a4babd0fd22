"""A run is a directory. This module is the only owner of its file names, and each file has one writer at a time.

    spec.json       what was asked                  written once, when the run is created
    env.json        machine, device, versions       the run's process
    launch.json     who started it and how          the launcher
    state.json      queued, running, paused, …      the run's process while it lives, else the launcher
    control.json    pause, resume, step, stop       pages and command line
    metrics.jsonl   points of the curves            the run's process, append only
    result.json     rows and reports so far         the run's process, after each of them
    log.txt         stdout, stderr, tracebacks      the run's process
    alive.lock      an OS lock held while it lives  the run's process
    checkpoint/ model/ predictions.parquet          the run's process

JSON is written to a temporary file and moved into place; a reader skips a half-written line.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import secrets
import shutil
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from pydantic import ValidationError

from distill_core import specs
from distill_core.errors import DistillError, RunError
from distill_core.results import LIVE, Environment, Metric, Result, State, parse_result

Command = Literal["pause", "resume", "step", "stop"]
_ID = re.compile(r"\d{6,9}-[0-9a-f]{6}|[a-z0-9][a-z0-9-]{0,60}")


def now() -> str:
    """The time in UTC, ISO 8601, to the millisecond."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def write_json(path: Path, data: Any) -> None:
    """Write whole or not at all. Raises RunError when the disk or the rights do not allow it."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(3)}")
    try:
        with temporary.open("w", encoding="utf-8") as file:
            json.dump(data, file, indent=1, allow_nan=False)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise RunError(
            f"Cannot write {path.name} in {path.parent}: {error.strerror}.",
            "Free some disk space or check the permissions of the folder; DISTILL_RUNS_DIR names another one.",
        ) from error


def read_json(path: Path) -> dict[str, Any] | None:
    """The object in the file; None when it is missing, half-written or not an object."""
    try:
        data = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None
    return data if isinstance(data, dict) else None


@dataclass(frozen=True)
class Run:
    """One run directory. Reading never raises for damage: state "damaged" says it."""

    path: Path

    @property
    def id(self) -> str:
        return self.path.name

    @property
    def model_dir(self) -> Path:
        return self.path / "model"

    @property
    def checkpoint_dir(self) -> Path:
        return self.path / "checkpoint"

    @property
    def predictions_file(self) -> Path:
        return self.path / "predictions.parquet"

    @property
    def log_file(self) -> Path:
        return self.path / "log.txt"

    @property
    def lock_file(self) -> Path:
        return self.path / "alive.lock"

    # ── what was asked, where it stands ──────────────────────────────────────────────────────────────────────

    def spec(self) -> specs.CompareSpec | specs.FinetuneSpec | specs.DistillSpec:
        """What was asked. Raises RunError when spec.json is damaged."""
        data = read_json(self.path / "spec.json")
        if data is None:
            raise RunError(f"The run {self.id} is damaged: spec.json cannot be read.", "Delete it and run again.")
        try:
            return specs.parse(data)
        except DistillError as error:
            raise RunError(f"The run {self.id} is damaged: {error.message}", "Delete it and run again.") from error

    def state(self) -> State:
        data = read_json(self.path / "state.json")
        try:
            return State.model_validate(data)
        except ValidationError:
            return State(state="damaged", message="state.json cannot be read.", hint="Delete this run.")

    def set_state(self, **changes: Any) -> State:
        """Change some fields of state.json; the rest stays."""
        state = self.state().model_copy(update=changes)
        state = State.model_validate(state.model_dump())
        write_json(self.path / "state.json", state.model_dump())
        return state

    def environment(self) -> Environment | None:
        data = read_json(self.path / "env.json")
        try:
            return Environment.model_validate(data) if data else None
        except ValidationError:
            return None

    def set_environment(self, environment: Environment) -> None:
        write_json(self.path / "env.json", environment.model_dump())

    def launch_info(self) -> dict[str, Any]:
        return read_json(self.path / "launch.json") or {}

    def set_launch_info(self, info: dict[str, Any]) -> None:
        write_json(self.path / "launch.json", info)

    # ── steering ─────────────────────────────────────────────────────────────────────────────────────────────

    def command(self, command: Command) -> None:
        """Ask the run's process to pause, resume, take one step or stop. `seq` tells one step from the next."""
        seq = int((read_json(self.path / "control.json") or {}).get("seq", 0)) + 1
        write_json(self.path / "control.json", {"command": command, "seq": seq, "at": now()})

    def control(self) -> tuple[Command | None, int]:
        """The last command and its number."""
        data = read_json(self.path / "control.json") or {}
        return data.get("command"), int(data.get("seq", 0))

    def clear_control(self) -> None:
        (self.path / "control.json").unlink(missing_ok=True)

    # ── curves and results ───────────────────────────────────────────────────────────────────────────────────

    def add_metrics(self, metrics: list[Metric]) -> None:
        """Append points. One write a call, so that a crash costs at most one half line."""
        lines = "".join(metric.model_dump_json() + "\n" for metric in metrics)
        with (self.path / "metrics.jsonl").open("a", encoding="utf-8") as file:
            file.write(lines)

    def read_metrics(self, offset: int = 0) -> tuple[list[Metric], int]:
        """Points from byte `offset` on, and the offset to go on from. Damaged lines are skipped."""
        try:
            with (self.path / "metrics.jsonl").open("rb") as file:
                file.seek(offset)
                data = file.read()
        except OSError:
            return [], offset
        end = data.rfind(b"\n") + 1
        found = []
        for line in data[:end].splitlines():
            with contextlib.suppress(ValueError):
                found.append(Metric.model_validate_json(line))
        return found, offset + end

    def set_result(self, result: Result) -> None:
        write_json(self.path / "result.json", result.model_dump())

    def result(self) -> Result | None:
        """The result so far; None when there is none yet or it cannot be read."""
        data = read_json(self.path / "result.json")
        try:
            return parse_result(data) if data else None
        except ValidationError:
            return None

    def log_tail(self, limit: int = 20_000) -> str:
        """The last `limit` bytes of the log as text."""
        try:
            with self.log_file.open("rb") as file:
                file.seek(0, os.SEEK_END)
                file.seek(max(0, file.tell() - limit))
                return file.read().decode("utf-8", "replace").replace("\0", "")
        except OSError:
            return ""


class RunStore:
    """All runs below one folder."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def create(self, spec: specs.CompareSpec | specs.FinetuneSpec | specs.DistillSpec) -> Run:
        """A new queued run. It appears whole: a hidden directory is filled, then renamed."""
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            while True:
                run_id = f"{self._next_number():06d}-{secrets.token_hex(3)}"
                hidden = self.root / f".new-{run_id}"
                hidden.mkdir()
                write_json(hidden / "spec.json", spec.model_dump(mode="json"))
                write_json(hidden / "state.json", State(state="queued", created_at=now()).model_dump())
                hidden.rename(self.root / run_id)
                return Run(self.root / run_id)
        except OSError as error:
            raise RunError(
                f"Cannot create a run in {self.root}: {error.strerror}.",
                "Check the permissions and the free disk space, or set DISTILL_RUNS_DIR to another folder.",
            ) from error

    def _next_number(self) -> int:
        numbers = [int(name.split("-")[0]) for name in self._names() if name[:6].isdigit()]
        return max(numbers, default=0) + 1

    def _names(self) -> list[str]:
        try:
            return sorted(entry.name for entry in os.scandir(self.root) if not entry.name.startswith("."))
        except OSError:
            return []

    def get(self, run_id: str) -> Run:
        """The run of this id. Raises RunError for an id that is malformed or unknown; no path leaves the root."""
        if not _ID.fullmatch(run_id):
            raise RunError(f"{run_id[:80]!r} is not a run id.", "List the runs with: python -m distill_core runs list")
        path = self.root / run_id
        if path.is_symlink() or not path.is_dir():
            raise RunError(f"There is no run {run_id}.", "List the runs with: python -m distill_core runs list")
        return Run(path)

    def list(self) -> list[Run]:
        """All runs, oldest first."""
        paths = [self.root / name for name in self._names() if _ID.fullmatch(name)]
        return [Run(path) for path in paths if path.is_dir() and not path.is_symlink()]

    def remove(self, run_id: str) -> None:
        """Delete a run's directory. Raises RunError while it is queued, running or paused."""
        run = self.get(run_id)
        state = run.state().state
        if state in LIVE:
            raise RunError(f"The run {run_id} is {state}.", "Stop it first.")
        hidden = self.root / f".gone-{run_id}-{secrets.token_hex(3)}"
        run.path.rename(hidden)
        shutil.rmtree(hidden, ignore_errors=True)
