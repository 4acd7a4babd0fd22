"""Distillation, side by side: TextBrewer, torchdistill, a Trainer subclass, and this project, at equal work.

    python -m benchmarks.distillation [--examples N] [--repeats R] [--contenders a,b] [--busy-core] [--json]

Same teacher, student weights, texts, loss function, AdamW, schedule, clipping, epochs, batch size and seed; each
contender in its own process; repeats interleaved, so that a noisy minute does not hit one contender alone. Prints
samples per second (the teacher's pass and its cache counted), ratios, peak memory, and what the students have learned.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil

from benchmarks import summary
from distill_core.machine.environment import prepare_process

NAMES = (
    "textbrewer",
    "textbrewer-longest",
    "textbrewer-cached",
    "torchdistill",
    "trainer",
    "ours-first",
    "ours-second",
    "ours-whole",
    "ours-mkl",
    "ours-uncached",
    "no-teacher",
)
BUSY_CORES = 0.2  # other programs used more than this many cores: the run is flagged


def main(arguments: list[str] | None = None) -> int:
    """Measure, print, and exit 0; 1 when no contender could run."""
    options = _options(arguments)
    prepare_process(None)
    from benchmarks import workload  # loads torch

    recipe = workload.Recipe(
        examples=options.examples, epochs=options.epochs, seed=options.seed, teacher=options.teacher
    )
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        _say("Preparing the teacher")
        workload.prepare(folder, recipe)
        rows = _measure(folder, options)
        busy = _busy(folder) if options.busy_core else None
    found = summary.summarize(rows)
    if options.json:
        report = {
            "machine": machine(),
            "recipe": vars(recipe),
            "summary": found,
            "targets": summary.targets(rows),
            "runs": rows,
            "busy_core": busy,
        }
        print(json.dumps(report, indent=2))
    else:
        print(_text(found, rows, busy))
    return 0 if any("error" not in row for row in rows) else 1


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Distillation side by side", allow_abbrev=False)
    parser.add_argument("--examples", type=int, default=2000, help="training texts (default 2000)")
    parser.add_argument("--epochs", type=int, default=3, help="passes over them (default 3)")
    parser.add_argument("--repeats", type=int, default=1, help="interleaved repeats (default 1)")
    parser.add_argument("--contenders", default=",".join(NAMES), help=f"of {', '.join(NAMES)}")
    parser.add_argument("--teacher", default="quick", help="run:ID, or quick: MiniLM after one epoch (default)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--busy-core", action="store_true", help="step time beside a process that keeps a core busy")
    parser.add_argument("--json", action="store_true", help="one JSON document on stdout")
    options = parser.parse_args(arguments)
    wanted = [name.strip() for name in options.contenders.split(",") if name.strip()]
    unknown = [name for name in wanted if name not in NAMES]
    if unknown:
        parser.error(f"unknown contender {unknown[0]!r}; known: {', '.join(NAMES)}")
    options.contenders = [name for name in NAMES if name in wanted]  # the second student needs the first one's cache
    return options


def _measure(folder: Path, options: argparse.Namespace) -> list[dict[str, Any]]:
    rows = []
    for repeat in range(options.repeats):
        for name in options.contenders:
            _say(f"Repeat {repeat + 1} of {options.repeats}: {name}")
            shared = "shared" if name in ("ours-first", "ours-second") else name
            rows.append({**run_one(name, folder, folder / f"cache-{repeat}-{shared}"), "repeat": repeat})
    return rows


def run_one(name: str, folder: Path, cache: Path) -> dict[str, Any]:
    """One contender in its own process; its row, or a row with `error`. The parent sleeps meanwhile."""
    command = [sys.executable, "-m", "benchmarks.one", name, str(folder)]
    environment = {**os.environ, "DISTILL_CACHE_DIR": str(cache)}
    before, start = _busy_seconds(), time.monotonic()
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    elapsed = time.monotonic() - start
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        return {"contender": name, "error": last}
    row: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    own = row.pop("process_cpu_seconds", 0.0)
    row["others_cores"] = max(0.0, (_busy_seconds() - before - own) / elapsed)
    return row


def _busy_seconds() -> float:
    """Processor seconds that all programs together have used since the machine started."""
    times = psutil.cpu_times()
    return float(sum(times) - times.idle - getattr(times, "iowait", 0.0) - getattr(times, "guest", 0.0))


def _busy(folder: Path) -> list[dict[str, float | str]]:
    from benchmarks import busy

    _say("Step time, quiet and beside a busy core")
    return busy.measure(folder)


def machine() -> str:
    """Processor, cores and versions, for the figures' caption."""
    from distill_core.machine import devices, environment

    device = devices.resolve("cpu")
    described = environment.describe(device.type, device.name, device.dtype, device.threads)
    versions = ", ".join(f"{name} {version}" for name, version in described.versions.items())
    return f"{described.cpu}, {described.cores} cores, {device.threads} threads, {described.os}; {versions}"


def _text(found: list[dict[str, Any]], rows: list[dict[str, Any]], busy: list[dict[str, Any]] | None) -> str:
    parts = [machine(), summary.table(found), summary.target_lines(summary.targets(rows))]
    flagged = [row["contender"] for row in found if row.get("others_cores", 0.0) > BUSY_CORES]
    if flagged:
        parts.append(f"Not a quiet machine: other programs used the cores beside {', '.join(flagged)}.")
    for row in busy or []:
        parts.append(
            f"{row['how']}: {row['quiet_ms']:.0f} ms a step, {row['busy_ms']:.0f} ms beside a busy core "
            f"({row['ratio']:.1f} ×)"
        )
    return "\n\n".join(parts)


def _say(message: str) -> None:
    print(message, file=sys.stderr, flush=True)


if __name__ == "__main__":
    raise SystemExit(main())
