"""A run's process with jobs of a few lines: the title of the spec says which. Started as `worker` is, by a launcher."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from distill_core import kinds
from distill_core.errors import ModelError
from distill_core.files import locks
from distill_core.launch import execution
from distill_core.results import CompareResult, Metric
from distill_core.runs.control import JobContext
from distill_core.runs.run import Run

RESULT = CompareResult(baseline="bert@structure", dataset="none")


def note(path: Path, text: str) -> None:
    with path.open("a", encoding="utf-8") as file:
        file.write(text)


def quick(context: JobContext) -> None:
    note(context.store.root / "order", f"{context.run.id}\n")


def steps(context: JobContext) -> None:
    """Ten milliseconds a step, until told to stop or until the file "enough" is there."""
    step = 0
    while not (context.run.path / "enough").exists():
        context.check()
        step += 1
        note(context.run.path / "steps", ".")
        context.metrics([Metric(step=step, epoch=0, split="train", name="loss", value=1 / step)])
        context.progress(0.5, f"step {step}")
        time.sleep(0.01)


def deaf(context: JobContext) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    note(context.run.path / "steps", ".")
    time.sleep(60)


def blocked(context: JobContext) -> None:
    note(context.run.path / "steps", ".")
    time.sleep(60)


def once(context: JobContext) -> None:
    """Fails if it is started twice; notes how many runs are at work at once."""
    os.close(os.open(context.run.path / "once", os.O_CREAT | os.O_EXCL))
    busy = context.run.path / "busy"
    busy.touch()
    note(context.store.root / "peak", f"{len(list(context.store.root.glob('*/busy')))}\n")
    time.sleep(0.02)
    busy.unlink()


def grandchild(context: JobContext) -> None:
    process = subprocess.Popen(["sleep", "60"])
    note(context.run.path / "grandchild", str(process.pid))
    time.sleep(60)


def forked(context: JobContext) -> None:
    pid = os.fork()
    if pid:
        note(context.run.path / "grandchild", str(pid))
    time.sleep(60)


def out_of_memory(context: JobContext) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (2**30, 2**30))
    bytearray(2**31)


def disk_full(context: JobContext) -> None:
    with open("/dev/full", "wb", buffering=0) as file:
        file.write(b"weights")


def wrong_model(context: JobContext) -> None:
    raise ModelError("There is no model x.", "Take another one.")


def bug(context: JobContext) -> None:
    raise ValueError("shape (3,)\nis not (4,)")


def half_line(context: JobContext) -> None:
    context.metrics([Metric(step=1, epoch=0, split="train", name="loss", value=0.5)])
    note(context.run.path / "metrics.jsonl", '{"step": 2, "epo')
    os.kill(os.getpid(), signal.SIGKILL)


BEHAVIOURS = {
    job.__name__: job
    for job in (
        quick,
        steps,
        deaf,
        blocked,
        once,
        grandchild,
        forked,
        out_of_memory,
        disk_full,
        wrong_model,
        bug,
        half_line,
    )
}


def job(spec: Any, context: JobContext) -> CompareResult:
    BEHAVIOURS[spec.title](context)
    return RESULT


if __name__ == "__main__":
    kinds.KINDS["compare"] = replace(kinds.KINDS["compare"], job=job)
    life = locks.adopt(int(sys.argv[2])) if len(sys.argv) > 2 else None
    execution.execute(Run(Path(sys.argv[1])), life)
