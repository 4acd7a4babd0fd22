"""Does a busy core change how many times as fast DistilBERT is than BERT?

    python -m benchmarks.busy_ratio [--small] [--blocks N] [--json]

Both are timed in turns, in blocks with and without a process beside them that keeps a core busy; the blocks alternate,
so that what else goes on meets both kinds. Beside the ratio of the turns stands what two medians would say that were
taken one after the other: the quiet time of the one over the disturbed time of the other. Exit 1 where the ratio of the
turns differs by more than 10 %. `--small` takes networks of 12 and 6 layers and a tenth of the width.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from collections.abc import Sequence
from typing import Any

from benchmarks.busy import busy_core
from distill_core.machine.environment import prepare_process

NAMES = ("bert", "distilbert")
TOLERANCE = 0.10
SMALL = {"hidden_size": 96, "num_attention_heads": 6, "intermediate_size": 384, "vocab_size": 2000}


def pair(*, small: bool) -> tuple[Any, Any]:
    """BERT and DistilBERT with random weights; `small` makes both narrow, with as many layers."""
    from dataclasses import replace
    from pathlib import Path

    from distill_core.model_ref import parse
    from distill_core.models import loading
    from distill_core.models.quick_weights import RepeatedNumbers
    from distill_core.runs.store import RunStore

    if not small:
        with RepeatedNumbers():
            bert, distilbert = (loading.load(parse(f"{key}@structure"), RunStore(Path())) for key in NAMES)
        return bert, distilbert
    bert = loading.LoadedModel(parse("bert@structure"), loading.families.get("bert"), None, None, "random")
    deep, shallow = (
        replace(bert, model=loading.build_backbone(bert.family, {**SMALL, "num_hidden_layers": layers}))
        for layers in (12, 6)
    )
    return deep, shallow


def measure(blocks: int, *, small: bool) -> dict[str, float]:
    """Median ratios over the blocks of both kinds, how far they are apart, and the load that was seen."""
    from distill_core.machine import devices
    from distill_core.measure.turns import Beside, Pace, in_turns

    device = devices.resolve("cpu")
    large, fast = pair(small=small)
    found: dict[bool, list[Beside]] = {False: [], True: []}
    for block in range(2 * blocks):
        busy = block % 4 in (1, 2)  # quiet, busy, busy, quiet, …
        if busy:
            with busy_core():
                _, (beside,) = in_turns(large, [fast], 1, 128, device, Pace(10))
        else:
            _, (beside,) = in_turns(large, [fast], 1, 128, device, Pace(10))
        found[busy].append(beside)
    return _compared(found[False], found[True])


def _compared(quiet: Sequence[Any], busy: Sequence[Any]) -> dict[str, float]:
    ratio = {name: statistics.median(one.speedup for one in own) for name, own in (("quiet", quiet), ("busy", busy))}
    one_after_the_other = statistics.median(
        before.baseline_ms / after.timing.latency_ms_p50 for before, after in zip(quiet, busy, strict=True)
    )
    return {
        "quiet": ratio["quiet"],
        "busy": ratio["busy"],
        "change": ratio["busy"] / ratio["quiet"] - 1,
        "one_after_the_other": one_after_the_other,
        "quiet_cores": statistics.median(one.timing.busy_cores for one in quiet),
        "busy_cores": statistics.median(one.timing.busy_cores for one in busy),
        "quiet_ms": statistics.median(one.timing.latency_ms_p50 for one in quiet),
        "busy_ms": statistics.median(one.timing.latency_ms_p50 for one in busy),
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Print what was found; 1 where the ratio has changed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.busy_ratio", description=__doc__.split("\n")[0])
    parser.add_argument("--small", action="store_true", help="narrow networks instead of the official sizes")
    parser.add_argument("--blocks", type=int, default=4, help="blocks of ten turns, of each kind (default 4)")
    parser.add_argument("--json", action="store_true", help="one JSON object")
    options = parser.parse_args(arguments)
    prepare_process(None)
    found = measure(options.blocks, small=options.small)
    if options.json:
        print(json.dumps(found))
    else:
        print(f"quiet {found['quiet']:.2f} ×, beside a busy core {found['busy']:.2f} × ({found['change']:+.1%})")
        print(f"two medians, one of each: {found['one_after_the_other']:.2f} ×")
        print(f"other programs used {found['quiet_cores']:.2f} and {found['busy_cores']:.2f} cores")
    return 1 if abs(found["change"]) > TOLERANCE else 0


if __name__ == "__main__":
    sys.exit(main())
