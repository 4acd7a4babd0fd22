"""Does it all hold on an accelerator? One script of under five minutes; one JSON document.

    python -m benchmarks.gpu [--device auto|cpu|cuda|mps|xpu] [--sections a,b] [--small] [--out FILE]

card          its name, versions, bfloat16, the peak that its maker states
families      ten families counted and timed: float32, bfloat16, float16; batch 1 and 64; events beside the wall clock
parity        logits on the CPU against the device at batch 1, 8, 9 and 40, ten families, three number formats
self_test     what the product asks of a device before its first result, and its own timing beside this script's
memory        does a training give its memory back
out_of_memory a measurement that asks for more than there is: an error of its own, and the next one works
interruption  paused, stopped and resumed: the weights of an undisturbed training, as far as the device repeats itself
learning      fine-tuned and distilled on the CPU and on the device: the same accuracy?
rivals        samples per second beside a transformers.Trainer subclass and TextBrewer's loop, on this card
peak          6 · N · tokens/s of a BERT-base training against the card's dense bfloat16 peak

It needs the checkout, torch and transformers; `card`, `families` and `parity` need nothing else, and what the others
lack is said in `missing`. A section that fails is its own error, and the rest goes on. Exit 1 where a check failed.
"""

from __future__ import annotations

import os

os.environ.setdefault(
    "CUBLAS_WORKSPACE_CONFIG", ":4096:8"
)  # read when CUDA starts: `interruption` wants repeatable sums
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # as in every run of the product: machine/environment.py
os.environ.setdefault("GOMP_SPINCOUNT", "0")

import argparse
import contextlib
import importlib
import importlib.util
import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.card.budget import Deadline, released
from benchmarks.card.plan import Plan

_CORE = ("pydantic", "pydantic_settings", "psutil", "filelock", "safetensors", "accelerate", "pandas")
TOTAL_S = 270.0  # the imports before and the last row after it come on top


class Section(NamedTuple):
    """A function `run(plan, deadline)` in a module of benchmarks/card, the packages that it needs, its seconds."""

    module: str
    run: str
    needs: tuple[str, ...]
    budget_s: float


SECTIONS: dict[str, Section] = {
    "card": Section("facts", "card", (), 10),
    "families": Section("families", "timings", (), 80),
    "parity": Section("families", "parities", (), 30),
    "self_test": Section("product", "self_test_and_timing", _CORE, 20),
    "memory": Section("product", "memory_given_back", _CORE, 15),
    "out_of_memory": Section("product", "out_of_memory", _CORE, 15),
    "interruption": Section("learning", "interruption", _CORE, 20),
    "learning": Section("learning", "accuracies", (*_CORE, "pyarrow"), 60),
    "rivals": Section("rivals", "samples_per_s", (*_CORE, "pyarrow"), 45),
    "peak": Section("rivals", "share_of_peak", _CORE, 20),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and write. Exit 0; 1 where a check failed or a section ended with an error; 2 for wrong usage."""
    options = _options(arguments)
    from benchmarks.card import facts

    overall = Deadline(TOTAL_S)
    with tempfile.TemporaryDirectory() as folder:
        plan = Plan(facts.resolve(options.device), options.small, Path(folder))
        sections = {name: _section(name, plan, overall) for name in options.sections}
    failed = [name for name, found in sections.items() if "error" in found or found.get("holds") is False]
    report = {"seconds": overall.elapsed_s(), "small": plan.small, **_missing(), "failed": failed, **sections}
    text = json.dumps(report, indent=1)
    if options.out is None:
        print(text)
    else:
        options.out.write_text(text + "\n", encoding="utf-8")
    return 1 if failed else 0


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("--device", default="auto", help="auto (default), cpu, cuda, mps or xpu")
    parser.add_argument("--sections", default=",".join(SECTIONS), help="some of them, separated by commas")
    parser.add_argument(
        "--small", action="store_true", help="tiny models and few steps: tries the script, not the card"
    )
    parser.add_argument("--out", type=Path, help="file for the JSON (default: stdout)")
    options = parser.parse_args(arguments)
    wanted = [name.strip() for name in options.sections.split(",") if name.strip()]
    unknown = [name for name in wanted if name not in SECTIONS]
    if unknown:
        parser.error(f"unknown section {unknown[0]!r}; known: {', '.join(SECTIONS)}")
    options.sections = wanted
    return options


def _section(name: str, plan: Plan, overall: Deadline) -> dict[str, Any]:
    """What a section found, with its seconds; or why there is nothing."""
    section = SECTIONS[name]
    if lacking := _lacking(section):
        return {"skipped": f"needs {', '.join(lacking)}"}
    print(f"{name} …", file=sys.stderr, flush=True)
    deadline = Deadline(min(section.budget_s, overall.left_s()))
    try:
        run = getattr(importlib.import_module(f"benchmarks.card.{section.module}"), section.run)
        with contextlib.redirect_stdout(sys.stderr):  # Trainer prints what it did: stdout is for the JSON
            found: dict[str, Any] = run(plan, deadline)
    except Exception as error:  # noqa: BLE001 - one section's failure is its own entry, and the rest goes on
        found = {"error": f"{type(error).__name__}: {error}"[:500]}
    released(plan.device)
    return {**found, "seconds": deadline.elapsed_s()}


def _lacking(section: Section) -> list[str]:
    return [package for package in section.needs if importlib.util.find_spec(package) is None]


def _missing() -> dict[str, Any]:
    """The packages that sections lack, in one sentence."""
    lacking = {
        name: [need for need in row.needs if importlib.util.find_spec(need) is None] for name, row in SECTIONS.items()
    }
    packages = sorted({package for needs in lacking.values() for package in needs})
    if not packages:
        return {"missing": [], "note": "All packages that the sections need are installed."}
    left_out = ", ".join(name for name, needs in lacking.items() if needs)
    without = "it" if len(packages) == 1 else "them"
    note = f"Not installed: {', '.join(packages)}; without {without} these are left out: {left_out}."
    return {"missing": packages, "note": note}


if __name__ == "__main__":
    raise SystemExit(main())
