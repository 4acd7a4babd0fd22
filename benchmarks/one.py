"""One contender in a process of its own: `python -m benchmarks.one NAME FOLDER` prints one line of JSON.

Timed from strings and loaded models to the trained student. The processor time is given beside the wall time: other
programs on the machine lengthen the one, not the other.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

from distill_core.machine.environment import prepare_process


def main(name: str, folder: Path) -> dict[str, Any]:
    """Run the contender and judge its student. A toolkit that is not installed gives {"error": …}."""
    prepare_process(None)  # before torch is imported; the same for all contenders
    import psutil
    import torch

    from benchmarks import contenders, workload
    from distill_core.machine import devices
    from distill_core.measure import memory

    device = devices.resolve("cpu")
    material = workload.load(folder)
    if name == "ours-second":
        contenders.fill_cache(material)
    torch.manual_seed(material.recipe.seed)
    tokens = _count_tokens(material)
    material.student.train()
    peak = memory.PeakMemory(device)
    base = psutil.Process().memory_info().rss / 2**20
    peak.reset()
    wall, cpu = time.perf_counter(), time.process_time()
    try:
        contenders.CONTENDERS[name](material)
    except ImportError as error:
        return {"contender": name, "error": f"{error}; make bench installs it"}
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    samples = material.recipe.examples * material.recipe.epochs
    return {
        "contender": name,
        "seconds": wall,
        "cpu_seconds": cpu,
        "samples": samples,
        "samples_per_s": samples / wall,
        "steps": tokens["steps"],
        "padding_factor": tokens["seen"] / max(1, tokens["real"]),
        "peak_memory_mib": (peak.read() or 0.0) + base,
        "threads": device.threads,
        **workload.judge(material),
        "process_cpu_seconds": time.process_time(),
    }


def _count_tokens(material: Any) -> dict[str, int]:
    """Counts what the student really gets: its steps, its tokens with padding, and its tokens without."""
    counts = {"steps": 0, "seen": 0, "real": 0}
    pad = material.student.config.pad_token_id

    def count(_module: Any, inputs: tuple[Any, ...]) -> None:
        if material.student.training:
            counts["steps"] += 1
            counts["seen"] += inputs[0].numel()
            counts["real"] += int((inputs[0] != pad).sum())

    material.student.get_input_embeddings().register_forward_pre_hook(count)
    return counts


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1], Path(sys.argv[2]))))
