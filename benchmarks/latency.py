"""Is our latency right? Five of the ten families, drawn at random, timed by us and by torch.utils.benchmark.

    python -m benchmarks.latency [--seed N] [--seq-len 128]

Both time the same loaded model in the same process, in turns, with the same threads. Prints the ratio of the medians
for each; exit 1 where one lies outside 0.9–1.1.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections.abc import Iterator
from pathlib import Path

from distill_core.machine.environment import prepare_process

TOLERANCE = 0.10
ROUNDS = 3


def both(key: str, seq_len: int) -> Iterator[tuple[float, float]]:
    """Milliseconds by us and by torch, round by round. Runs in a process of its own."""
    import torch
    from torch.utils.benchmark import Timer

    from distill_core.machine import devices
    from distill_core.measure import benchmark
    from distill_core.model_ref import parse
    from distill_core.models import loading
    from distill_core.runs.store import RunStore

    device = devices.resolve("cpu")
    loaded = loading.load(parse(f"{key}@structure"), RunStore(Path()))
    loaded.model.eval()
    inputs = benchmark.random_inputs(loaded.family, loaded.model.config, 1, seq_len)
    if loaded.family.architecture == "encoder-decoder":
        inputs["decoder_input_ids"] = inputs["input_ids"]
    timer = Timer("model(**inputs)", globals={"model": loaded.model, "inputs": inputs}, num_threads=device.threads)
    for _ in range(ROUNDS):
        ours = benchmark.measure(loaded, 1, seq_len, 2.0, device).latency_ms_p50
        with torch.inference_mode():
            theirs = timer.blocked_autorange(min_run_time=2.0).median * 1000
        yield ours, theirs


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=None, help="draw the same five again")
    parser.add_argument("--seq-len", type=int, default=128)
    arguments = parser.parse_args()
    prepare_process(None)
    from distill_core import families
    from distill_core.jobs.isolation import run_isolated

    seed = random.randrange(10**6) if arguments.seed is None else arguments.seed
    drawn = random.Random(seed).sample([family.key for family in families.FAMILIES], 5)
    print(f"seed {seed}, batch 1 × {arguments.seq_len} tokens")
    print(f"{'family':12}{'ours ms':>10}{'torch ms':>10}{'ratio':>8}")
    wrong = 0
    for key in drawn:
        rounds = sorted(run_isolated(both, key, arguments.seq_len), key=lambda pair: pair[0] / pair[1])
        ours, theirs = rounds[len(rounds) // 2]
        wrong += abs(ours / theirs - 1) > TOLERANCE
        print(f"{key:12}{ours:10.1f}{theirs:10.1f}{ours / theirs:8.3f}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
