"""Kill runs at random moments, resume them, and compare how they end with undisturbed ones.

    python -m benchmarks.chaos --cycles 20 --seed 1

A cycle takes one small real run: a fine-tuning, a frozen one, a distillation, ten students' two smallest, a comparison.
One to three times it kills (-9) the run, one of its children, the process that keeps the queue, or all at once, starts
the keeper again, and resumes what was lost. At the end the run must be done, with the same accuracies, predictions and
weights as without. Models are those of data/minis, texts are made up: no network. The last line is "N of N".
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from distill_core.errors import DistillError
from distill_core.kinds import parse_spec
from distill_core.launch import queue
from distill_core.launch.base import RESUMABLE
from distill_core.launch.local import LocalLauncher
from distill_core.runs.run import Run
from distill_core.runs.store import RunStore
from distill_core.settings import PROJECT, settings

DEADLINE_S = 180
MOST_RESUMES = 12
VICTIMS = ("run", "child", "keeper", "all")
_TRAINING = {
    "epochs": 2,
    "batch_size": 8,
    "max_length": 16,
    "threads": 1,
    "device": "cpu",
    "checkpoint_every_s": 0.1,
    "eval_examples": 8,
}
_FINETUNE = {"kind": "finetune", "model": "bert@mini", "train_examples": 48, **_TRAINING}
SPECS: dict[str, dict[str, Any]] = {
    "fine-tune": {**_FINETUNE, "arms": "pretrained,bow"},
    "frozen": {**_FINETUNE, "arms": "frozen"},
    "distill": {"kind": "distill", "student_layers": 1, "arms": "distilled,scratch", **_TRAINING},
    "students": {
        "kind": "students",
        "students": "bert@mini,distilbert@mini",
        "labels": 16,
        "label_epochs": 2,
        **{name: value for name, value in _TRAINING.items() if name != "eval_examples"},
    },
    "compare": {
        "kind": "compare",
        "models": "bert@mini,distilbert@mini",
        "dataset": "none",
        "batch_sizes": "1",
        "seq_lens": "8",
        "min_time_s": 0.1,
        "threads": 1,
        "device": "cpu",
    },
}


@dataclass
class Keeper:
    """A process that moves the queue on, as a page server does."""

    root: Path
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it where it does not live."""
        if self.process is None or self.process.poll() is not None:
            command = [sys.executable, "-m", "benchmarks.chaos", "--keep", str(self.root)]
            self.process = subprocess.Popen(command, cwd=PROJECT, start_new_session=True)

    def kill(self) -> None:
        """-9, and reaped."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()


@dataclass
class Chaos:
    """Runs below one folder. `undisturbed` holds how each kind ends when nobody kills."""

    root: Path
    rng: random.Random
    dataset: str
    teacher: str = ""
    undisturbed: dict[str, Any] = field(default_factory=dict)
    took_s: dict[str, float] = field(default_factory=dict)
    resumes: int = 0

    def __post_init__(self) -> None:
        self.store = RunStore(self.root)
        self.launcher = LocalLauncher(self.store)
        self.keeper = Keeper(self.root)

    def spec(self, name: str) -> dict[str, Any]:
        """The request of a kind, with this folder's texts and teacher."""
        wanted = dict(SPECS[name])
        if wanted["kind"] != "compare":
            wanted["dataset"] = self.dataset
        if wanted["kind"] in ("distill", "students"):
            wanted["teacher"] = self.teacher
        return wanted

    def submit(self, name: str) -> Run:
        """Queue a run for the keeper to start."""
        with queue.locked(self.store):
            return self.store.create(parse_spec(self.spec(name)), {"launcher": "local", "token": None, "owner": ""})

    def record(self, name: str) -> None:
        """How this kind ends undisturbed."""
        if name in self.undisturbed:
            return
        if self.spec(name)["kind"] in ("distill", "students") and not self.teacher:
            self.record("fine-tune")
        run = self.submit(name)
        began = time.monotonic()
        self.finish(run)
        self.took_s[name], self.undisturbed[name] = time.monotonic() - began, outcome(run)
        if name == "fine-tune":
            self.teacher = f"run:{run.id}"

    def finish(self, run: Run) -> None:
        """Keep the queue moving and resume until the run is done. Raises RuntimeError where it never is."""
        deadline = time.monotonic() + DEADLINE_S
        while (state := run.state()).state != "done":
            self.keeper.start()
            self._look(run)
            if self.resumes > MOST_RESUMES or time.monotonic() > deadline:
                raise RuntimeError(f"{run.id} is {state.state}: {state.message}\n{run.log_tail(3000)}")
            time.sleep(0.05)

    def _look(self, run: Run) -> None:
        """Move the queue on, and resume the run where it was lost."""
        self.launcher.tick()
        if run.state().state in RESUMABLE and not run.is_alive():
            self.resumes += 1
            with contextlib.suppress(DistillError):  # its process is at its end
                self.launcher.resume(run.id)

    def cycle(self, name: str) -> str:
        """One run with its kills; what was killed, in words. Raises RuntimeError where it ends otherwise."""
        run, told, self.resumes = self.submit(name), [], 0
        for _ in range(self.rng.randint(1, 3)):
            self.keeper.start()
            self._let_pass(run, self.rng.uniform(0, self.took_s[name]))
            if run.state().state != "done":
                told.append(self._kill(run, self.rng.choice(VICTIMS), name))
        self.finish(run)
        found, expected = outcome(run), self.undisturbed[name]
        if found != expected:
            parts = [part for part in expected if found.get(part) != expected[part]]
            raise RuntimeError(f"{run.id} ends otherwise: {', '.join(parts)}\n{run.log_tail(3000)}")
        return f"{name}: killed {', '.join(told) or 'nothing in time'}; resumed {self.resumes} times"

    def _let_pass(self, run: Run, seconds: float) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end and run.state().state != "done":
            self._look(run)
            time.sleep(0.05)

    def _kill(self, run: Run, victim: str, name: str) -> str:
        pid = run.state().pid
        children = _children(pid) if pid else []
        if victim == "child" and (not children or name == "compare"):  # there its death is a row that says so
            victim = "run"
        if victim in ("keeper", "all"):
            self.keeper.kill()
        chosen = {"run": [pid], "child": self.rng.sample(children, min(1, len(children))), "all": [pid, *children]}
        for one in chosen.get(victim, []):
            with contextlib.suppress(ProcessLookupError):
                if one:
                    os.kill(one, signal.SIGKILL)
        return victim

    def close(self) -> None:
        """Leave no process behind."""
        self.keeper.kill()
        for run in self.store.list():
            pid = run.state().pid
            if run.is_alive() and pid:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(pid, signal.SIGKILL)


def _children(pid: int) -> list[int]:
    try:
        return [child.pid for child in psutil.Process(pid).children(recursive=True)]
    except psutil.Error:
        return []


def outcome(run: Run) -> dict[str, Any]:
    """What must not depend on kills: rows without times, predictions, weights."""
    result = run.result()
    rows = [] if result is None else [row.model_dump() for row in result.measured]
    kept = ("model", "student", "arm", "seed", "params", "accuracy", "agreement", "retained", "error")
    return {
        "rows": [{name: row[name] for name in kept if name in row} for row in rows],
        "predictions": run.predictions_file.read_bytes() if run.predictions_file.is_file() else None,
        "weights": [path.read_bytes() for path in sorted(run.model_dir.glob("*.safetensors"))],
    }


def texts(path: Path) -> str:
    """An own file of 120 short texts whose words tell the label; its reference."""
    rng = random.Random(0)
    words = {"negative": ("dull", "thin", "loud"), "positive": ("warm", "funny", "honest")}
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "label"])
        for number in range(120):
            label = ("negative", "positive")[number % 2]
            writer.writerow([f"film {number} is {rng.choice(words[label])} and {rng.choice(words[label])}", label])
    return f"file:{path}"


def keep(root: Path) -> None:
    """The keeper's own process: a tick, again and again, while its parent lives."""
    launcher, parent = LocalLauncher(RunStore(root)), os.getppid()
    while os.getppid() == parent:
        launcher.tick()
        time.sleep(0.1)


@contextlib.contextmanager
def _installation() -> Iterator[Path]:
    """Folders of its own, no wait for quiet, no limit on the disk."""
    with tempfile.TemporaryDirectory(prefix="distill-chaos-", ignore_cleanup_errors=True) as folder:
        own = {"RUNS_DIR": f"{folder}/runs", "CACHE_DIR": f"{folder}/cache", "QUIET_WAIT_S": "0"}
        more = {"MIN_FREE_DISK_MIB": "0", "THREADS": "1", "LAUNCHER": "local", "SLOTS": "1"}
        os.environ.update({f"DISTILL_{name}": value for name, value in {**own, **more}.items()})
        settings.cache_clear()
        yield Path(folder)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print what each cycle did, and how many ended as undisturbed; 1 unless all did."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.chaos", description=__doc__.split("\n")[0])
    parser.add_argument("--cycles", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--kinds", default=",".join(SPECS), help=f"of {', '.join(SPECS)}")
    parser.add_argument("--json", action="store_true", help="one JSON object at the end")
    parser.add_argument("--keep", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.keep is not None:
        keep(options.keep)
        return 0
    good, names = 0, [name.strip() for name in options.kinds.split(",")]
    with _installation() as folder:
        chaos = Chaos(folder / "runs", random.Random(options.seed), texts(folder / "texts.csv"))
        try:
            for number in range(options.cycles):
                name = names[number % len(names)]
                try:
                    chaos.record(name)
                    print(f"{number + 1}. {chaos.cycle(name)}", file=sys.stderr, flush=True)
                    good += 1
                except RuntimeError as error:
                    print(f"{number + 1}. {name}: WRONG. {error}", file=sys.stderr, flush=True)
        finally:
            chaos.close()
    print(json.dumps({"good": good, "cycles": options.cycles}) if options.json else f"{good} of {options.cycles}")
    return 0 if good == options.cycles else 1


if __name__ == "__main__":
    sys.exit(main())
