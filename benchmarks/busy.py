"""What a busy core costs: `python -m benchmarks.busy FOLDER prepared|bare` prints the median step time in ms.

`prepared` has waiting OpenMP threads sleep, as every run of this project does; `bare` leaves OpenMP as it comes.
"""

from __future__ import annotations

import contextlib
import json
import multiprocessing
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

from distill_core.machine.environment import prepare_process

STEPS = 15


def main(folder: Path, how: str) -> dict[str, float | str]:
    """Median time of a step of this project's loop, the student alone."""
    if how == "prepared":
        prepare_process(None)
    from benchmarks import contenders, workload
    from distill_core.training import loop

    material = workload.load(folder)
    n = min(len(material.texts), STEPS * material.recipe.batch_size)
    material.recipe = replace(material.recipe, examples=n, epochs=1)
    material.texts, material.labels = material.texts[:n], material.labels[:n]
    moments: list[float] = []
    original = loop.Hooks
    loop.Hooks = lambda: original(check=lambda: moments.append(time.perf_counter()))  # type: ignore[assignment,misc]
    contenders.no_teacher(material)
    return {"how": how, "step_ms": statistics.median(b - a for a, b in pairwise(moments)) * 1000}


@contextlib.contextmanager
def busy_core() -> Iterator[None]:
    """A process that keeps one core busy."""
    process = multiprocessing.get_context("spawn").Process(target=_spin, daemon=True)
    process.start()
    try:
        yield
    finally:
        process.kill()
        process.join()


def _spin() -> None:
    while True:
        pass


def measure(folder: Path) -> list[dict[str, float | str]]:
    """Step times with and without the setting, quiet and beside a busy core, interleaved."""
    rows = []
    for how in ("prepared", "bare"):
        quiet = _child(folder, how)
        with busy_core():
            busy = _child(folder, how)
        rows.append({"how": how, "quiet_ms": quiet, "busy_ms": busy, "ratio": busy / quiet})
    return rows


def _child(folder: Path, how: str) -> float:
    command = [sys.executable, "-m", "benchmarks.busy", str(folder), how]
    bare = {name: value for name, value in os.environ.items() if not name.startswith(("OMP_", "GOMP_"))}
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True, env=bare)
    return float(json.loads(done.stdout.splitlines()[-1])["step_ms"])


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1]), sys.argv[2])))
