"""How fast is a model: latency, throughput and memory of one loaded model, over batch sizes × sequence lengths.

The model is alone in its process (`jobs/isolation.py`). Each cell is warmed up until its time is stable, then timed
for at least ten calls and a minimum time, synchronized on an accelerator. Memory is read in a pass of its own.
"""

from __future__ import annotations

import contextlib
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from distill_core.errors import ModelError
from distill_core.families import Family
from distill_core.machine.devices import Device, time_calls
from distill_core.measure.load import OtherLoad
from distill_core.measure.memory import PeakMemory
from distill_core.models.loading import LoadedModel
from distill_core.models.tokens import check_length

MIN_CALLS = 10
WARM_UP_LIMIT_S = 1.0
SLOW_CALL_S = 0.1  # from here on warm-up calls are counted one by one
CELL_LIMIT_S = 60.0  # a cell slower than this is timed with fewer calls, and the row says how many


@dataclass(frozen=True)
class Timing:
    """One cell of a benchmark. Milliseconds of one forward pass of the whole batch."""

    latency_ms_p50: float
    latency_ms_p90: float
    latency_ms_p95: float
    latency_ms_p99: float
    examples_per_s: float
    first_forward_ms: float
    n_iterations: int
    peak_memory_mib: float | None
    busy_cores: float


def random_inputs(family: Family, config: Any, batch_size: int, seq_len: int, seed: int = 0) -> dict[str, Tensor]:
    """Random token ids without special tokens, as a full batch. Shape: (batch, seq).

    T5 and BART read the state at </s>: each row ends with one. A bare encoder–decoder gets the same ids on both sides,
    as its classifier does.
    """
    check_length(seq_len, family)
    generator = torch.Generator().manual_seed(seed)
    ids = torch.randint(
        min(1000, config.vocab_size // 2), config.vocab_size, (batch_size, seq_len), generator=generator
    )
    for special in (config.pad_token_id, config.eos_token_id):
        if special is not None:
            ids[ids == special] = config.vocab_size // 2 + 1
    if family.pooled_token == "eos":
        ids[:, -1] = config.eos_token_id
    return {"input_ids": ids, "attention_mask": torch.ones_like(ids)}


def measure(
    loaded: LoadedModel,
    batch_size: int,
    seq_len: int,
    min_time_s: float,
    device: Device,
    peak: PeakMemory | None = None,
) -> Timing:
    """Time one cell. `peak` was made before the model was loaded, so that its weights count.

    Raises ModelError when the model has too few positions or the device too little memory.
    """
    with ready(batch_size, seq_len, device):
        call = caller(loaded, batch_size, seq_len, device)
        first_s, peak_mib = _first(call, device, peak)
        warm_up(call, device)
        load = OtherLoad()
        seconds = sorted(_sample(call, min_time_s, device))
        return timing_of(seconds, batch_size, first_s, peak_mib, load.cores())


def first_calls(
    loaded: LoadedModel, batch_size: int, seq_len: int, device: Device, peak: PeakMemory
) -> tuple[float, float | None]:
    """Milliseconds of the first forward pass, and the peak memory (MiB) of another. `peak` and errors as above."""
    with ready(batch_size, seq_len, device):
        first_s, peak_mib = _first(caller(loaded, batch_size, seq_len, device), device, peak)
        return first_s * 1000, peak_mib


def _first(call: Callable[[], object], device: Device, peak: PeakMemory | None) -> tuple[float, float | None]:
    first_s = time_calls(call, device, 1)[0]
    return first_s, _peak_of(call, peak) if peak is not None else None


@contextlib.contextmanager
def ready(batch_size: int, seq_len: int, device: Device) -> Iterator[None]:
    """Forward passes without gradients, in the device's number format. Raises ModelError for too little memory."""
    try:
        with (
            torch.inference_mode(),
            torch.autocast(device.type, dtype=device.torch_dtype, enabled=device.dtype != "float32"),
        ):
            yield
    except (torch.OutOfMemoryError, MemoryError, RuntimeError) as error:
        if isinstance(error, RuntimeError) and "memory" not in str(error).lower():
            raise
        raise ModelError(
            f"Not enough memory for {batch_size} × {seq_len} tokens.", "Choose a smaller batch or shorter texts."
        ) from error


def caller(loaded: LoadedModel, batch_size: int, seq_len: int, device: Device) -> Callable[[], object]:
    """One forward pass of this model on a random batch. Raises ModelError when it has too few positions."""
    inputs = random_inputs(loaded.family, loaded.model.config, batch_size, seq_len)
    if loaded.label_names is None and loaded.family.architecture == "encoder-decoder":
        inputs["decoder_input_ids"] = inputs["input_ids"]
    inputs = {name: tensor.to(device.torch_device) for name, tensor in inputs.items()}
    return lambda: loaded.model(**inputs)


def timing_of(ordered: list[float], batch_size: int, first_s: float, peak_mib: float | None, busy: float) -> Timing:
    """What sorted seconds of calls come to, with the load that was there meanwhile."""
    p50, p90, p95, p99 = (quantile(ordered, q) * 1000 for q in (0.5, 0.9, 0.95, 0.99))
    return Timing(
        latency_ms_p50=p50,
        latency_ms_p90=p90,
        latency_ms_p95=p95,
        latency_ms_p99=p99,
        examples_per_s=batch_size / (p50 / 1000),
        first_forward_ms=first_s * 1000,
        n_iterations=len(ordered),
        peak_memory_mib=peak_mib,
        busy_cores=busy,
    )


def _peak_of(call: Callable[[], object], peak: PeakMemory) -> float | None:
    peak.reset()
    call()
    return peak.read()


def warm_up(call: Callable[[], object], device: Device) -> float:
    """At least ten calls, until the last five are within 5 % of the five before, or the limit is reached: a slow model
    has fewer. Returns the seconds of a usual call at the end."""
    seconds = time_calls(call, device, 1)
    start = time.monotonic()
    while time.monotonic() - start < WARM_UP_LIMIT_S:
        seconds += time_calls(call, device, 1 if seconds[-1] >= SLOW_CALL_S else 5)
        if len(seconds) >= MIN_CALLS:
            before, last = statistics.median(seconds[-10:-5]), statistics.median(seconds[-5:])
            if abs(last - before) <= 0.05 * before:
                break
    return statistics.median(seconds[-5:])


def _sample(call: Callable[[], object], min_time_s: float, device: Device) -> list[float]:
    seconds: list[float] = []
    start = time.monotonic()
    while (elapsed := time.monotonic() - start) < CELL_LIMIT_S or not seconds:
        if len(seconds) >= MIN_CALLS and elapsed >= min_time_s:
            break
        seconds += time_calls(call, device, 5 if elapsed < CELL_LIMIT_S / 4 else 1)
    return seconds


def quantile(ordered: list[float], share: float) -> float:
    """Linear interpolation between the closest ranks of sorted values (numpy's default)."""
    place = share * (len(ordered) - 1)
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)


def cells(batch_sizes: tuple[int, ...], seq_lens: tuple[int, ...]) -> Iterator[tuple[int, int]]:
    """All (batch size, sequence length), smallest work first."""
    return iter(sorted(((b, s) for b in batch_sizes for s in seq_lens), key=lambda cell: cell[0] * cell[1]))
