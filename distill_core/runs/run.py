"""A run is a directory. This module is the only owner of its file names, and each file has one writer at a time.

    spec.json       what was asked                  written once, when the run is created
    env.json        machine, device, versions       the run's process
    launch.json     token, owner, number of starts   the launcher
    state.json      queued, running, paused, …      the run's process while it lives, else the launcher
    control.json    pause, resume, step, stop       pages and command line
    metrics.jsonl   points of the curves            the run's process, append only
    result.json     rows and reports so far         the run's process, after each of them
    log.txt         stdout, stderr, tracebacks      the run's process
    alive.lock      an OS lock held while it lives  the run's process
    adapted/ domain_predictions.parquet             the run's process, of a fine-tuning on several domains
    checkpoint/ model/ predictions.parquet          the run's process
    tokenizer/                                      the run's process, of a pre-training

JSON is written whole (files/json_files.py); a reader of metrics.jsonl skips a half-written line.
"""

from __future__ import annotations

import contextlib
import math
import os
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args

from pydantic import ValidationError

from distill_core import kinds
from distill_core.errors import DistillError, RunError
from distill_core.files import locks
from distill_core.files.json_files import read_json, write_json
from distill_core.results import Environment, Metric, Result, State
from distill_core.specs import Spec
from distill_core.units import now

S = TypeVar("S", bound=Spec)
R = TypeVar("R", bound=Result)
Command = Literal["pause", "resume", "step", "stop"]
Version = tuple[int, int, int]
RECORDED_FILES = (
    "spec.json",
    "env.json",
    "state.json",
    "result.json",
    "metrics.jsonl",
    "predictions.parquet",
    "domain_predictions.parquet",
)


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
    def tokenizer_dir(self) -> Path:
        """The tokenizer that a pre-training made before its first step."""
        return self.path / "tokenizer"

    @property
    def checkpoint_dir(self) -> Path:
        return self.path / "checkpoint"

    @property
    def predictions_file(self) -> Path:
        return self.path / "predictions.parquet"

    @property
    def domain_predictions_file(self) -> Path:
        return self.path / "domain_predictions.parquet"

    @property
    def adapted_dir(self) -> Path:
        return self.path / "adapted"

    @property
    def log_file(self) -> Path:
        return self.path / "log.txt"

    @property
    def lock_file(self) -> Path:
        return self.path / "alive.lock"

    @property
    def control_file(self) -> Path:
        return self.path / "control.json"

    def is_alive(self) -> bool:
        """Whether the run's process lives, whatever state.json says."""
        return locks.is_held(self.lock_file)

    # ── what was asked, where it stands ──────────────────────────────────────────────────────────────────────

    def spec(self) -> Spec:
        """What was asked. Raises RunError when spec.json is damaged."""
        path = self.path / "spec.json"
        return _cached_spec(path, _version(path))

    def spec_as(self, wanted: type[S]) -> S | None:
        """What was asked, of this type; None for a run of another kind. Raises RunError as `spec`."""
        spec = self.spec()
        return spec if isinstance(spec, wanted) else None

    def state(self) -> State:
        """Where the run stands. The file is read again only when it has changed: lists of runs ask all the time."""
        path = self.path / "state.json"
        return _cached_state(path, _version(path))

    def version(self) -> tuple[object, ...]:
        """Another value whenever what came out so far is another: the state's name, and time, size and place of each
        file. Progress and the points of the curves do not count."""
        files = (name for name in RECORDED_FILES if name not in ("state.json", "metrics.jsonl"))
        return (self.state().state, *(_version(self.path / name) for name in files))

    def curves_version(self) -> Version:
        """Another value with every point of the curves."""
        return _version(self.path / "metrics.jsonl")

    def fresh_state(self) -> State:
        """As `state`, always read from the file: for decisions that cannot be taken back."""
        return _read_state(self.path / "state.json")

    def set_state(self, **changes: Any) -> State:
        """Change some fields of state.json; the rest stays."""
        path = self.path / "state.json"
        state = State.model_validate({**_read_state(path).model_dump(), **changes})
        write_json(path, state.model_dump())
        return state

    def environment(self) -> Environment | None:
        path = self.path / "env.json"
        return _cached_environment(path, _version(path))

    def set_environment(self, environment: Environment) -> None:
        write_json(self.path / "env.json", environment.model_dump())

    def launch_info(self) -> dict[str, Any]:
        return read_json(self.path / "launch.json") or {}

    @property
    def owner(self) -> str:
        """The visitor whose run it is; empty for the machine's own user, and for a recorded run."""
        path = self.path / "launch.json"
        return _cached_owner(path, _version(path))

    def set_launch_info(self, info: dict[str, Any]) -> None:
        write_json(self.path / "launch.json", info)

    # ── steering ─────────────────────────────────────────────────────────────────────────────────────────────

    def command(self, command: Command, why: str = "") -> None:
        """Ask the run's process to pause, resume, take one step or stop. `seq` tells one step from the next; `why` is a
        sentence where not its owner but the queue asks."""
        write_json(self.control_file, {"command": command, "seq": self.control()[1] + 1, "at": now(), "why": why})

    def control(self) -> tuple[Command | None, int]:
        """The last command and its number; None and 0 where there is none or it cannot be read."""
        data = read_json(self.control_file) or {}
        command, seq = data.get("command"), data.get("seq")
        if command not in get_args(Command) or not isinstance(seq, int):
            return None, 0
        return command, seq

    def why(self) -> str:
        """Why the last command was given; empty where the run's owner gave it."""
        why = (read_json(self.control_file) or {}).get("why")
        return why if isinstance(why, str) else ""

    def clear_control(self) -> None:
        self.control_file.unlink(missing_ok=True)

    # ── curves and results ───────────────────────────────────────────────────────────────────────────────────

    def add_metrics(self, metrics: list[Metric], *, flush: bool = False) -> None:
        """Append points. One write a call, so that a crash costs at most one half line, which the next call ends. With
        `flush` all points so far are on the disk when this returns."""
        lines = "".join(metric.model_dump_json() + "\n" for metric in metrics).encode()
        with (self.path / "metrics.jsonl").open("ab+") as file:
            if file.tell() > 0:
                file.seek(-1, os.SEEK_END)
                lines = lines if file.read(1) == b"\n" else b"\n" + lines
            file.write(lines)
            if flush:
                file.flush()
                os.fsync(file.fileno())

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
        for line in data[:end].split(b"\n"):
            with contextlib.suppress(ValueError):
                found.append(Metric.model_validate_json(line))
        return [metric for metric in found if _is_finite(metric)], offset + end

    def set_result(self, result: Result) -> None:
        write_json(self.path / "result.json", result.model_dump())

    def result(self) -> Result | None:
        """The result so far; None when there is none yet or it cannot be read. It is parsed once for each version."""
        path = self.path / "result.json"
        return _cached_result(path, _version(path))

    def result_as(self, wanted: type[R]) -> R | None:
        """The result so far, of this type; None where there is none, or for a run of another kind."""
        result = self.result()
        return result if isinstance(result, wanted) else None

    def log_tail(self, limit: int = 20_000) -> str:
        """The last `limit` bytes of the log as text."""
        try:
            with self.log_file.open("rb") as file:
                file.seek(0, os.SEEK_END)
                file.seek(max(0, file.tell() - limit))
                return file.read().decode("utf-8", "replace").replace("\0", "")
        except OSError:
            return ""


def _is_finite(metric: Metric) -> bool:
    return all(map(math.isfinite, (metric.value, metric.epoch, metric.elapsed_s)))


_DAMAGED = State(state="damaged", message="state.json cannot be read.", hint="Delete this run.")


def _read_state(path: Path) -> State:
    try:
        return State.model_validate(read_json(path))
    except ValidationError:
        return _DAMAGED


# ── read once for each version of a file: lists of runs and pages ask all the time, and the values are frozen ─────


def _version(path: Path) -> Version:
    """Time, size and place of a file; zeros where there is none."""
    try:
        stat = path.stat()
    except OSError:
        return 0, 0, 0
    return stat.st_mtime_ns, stat.st_size, stat.st_ino


@lru_cache(maxsize=4096)
def _cached_state(path: Path, version: Version) -> State:
    return _read_state(path)


@lru_cache(maxsize=4096)
def _cached_owner(path: Path, version: Version) -> str:
    owner = (read_json(path) or {}).get("owner")
    return owner if isinstance(owner, str) else ""


@lru_cache(maxsize=4096)
def _cached_spec(path: Path, version: Version) -> Spec:
    run_id, data = path.parent.name, read_json(path)
    if data is None:
        raise RunError(f"The run {run_id} is damaged: spec.json cannot be read.", "Delete it and run again.")
    try:
        return kinds.read_spec(data)
    except DistillError as error:
        raise RunError(f"The run {run_id} is damaged: {error.message}", "Delete it and run again.") from error


@lru_cache(maxsize=4096)
def _cached_environment(path: Path, version: Version) -> Environment | None:
    data = read_json(path)
    try:
        return Environment.model_validate(data) if data else None
    except ValidationError:
        return None


@lru_cache(maxsize=128)
def _cached_result(path: Path, version: Version) -> Result | None:
    data = read_json(path)
    try:
        return kinds.parse_result(data) if data else None
    except ValidationError:
        return None
