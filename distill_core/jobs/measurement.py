"""What a process of a comparison does with its model: memory while it is alone, time in turns with the baseline, and
accuracy. The memory is read before the baseline is loaded beside the model.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from distill_core.errors import DistillError
from distill_core.jobs import accuracy
from distill_core.machine import devices
from distill_core.machine.devices import Device
from distill_core.measure import benchmark, turns
from distill_core.measure.memory import PeakMemory
from distill_core.model_ref import Ref
from distill_core.models import loading, parameters
from distill_core.models.loading import LoadedModel
from distill_core.models.quick_weights import RepeatedNumbers
from distill_core.results import BenchmarkRow, ErrorInfo
from distill_core.runs.store import RunStore
from distill_core.specs import CompareSpec

Cell = tuple[int, int]  # batch size, tokens


def measure_model(ref: Ref, spec: CompareSpec, runs_dir: Path) -> Iterator[BenchmarkRow]:
    """Rows with speed first, then the same rows with accuracy."""
    device = devices.resolve(spec.device, spec.dtype, spec.threads)
    devices.seed_everything(spec.seed)
    peak, store, start = PeakMemory(device), RunStore(runs_dir), time.perf_counter()
    loaded = _load(ref, store, device)
    known: dict[str, Any] = _facts(loaded, device) | {"load_s": time.perf_counter() - start}
    dataset = accuracy.load_dataset(spec)
    texts = accuracy.sample_texts(dataset)
    alone: dict[Cell, dict[str, float | None]] = {}
    for cell in benchmark.cells(spec.batch_sizes, spec.seq_lens):
        try:
            first_ms, peak_mib = benchmark.first_calls(loaded, *cell, device, peak)
        except DistillError as error:
            yield failed_row(ref, *cell, error)
            continue
        alone[cell] = {"first_forward_ms": first_ms, "peak_memory_mib": peak_mib}
    timer = _Timer(loaded, _baseline(ref, spec, store, device), spec, device)
    rows = []
    for cell, fields in alone.items():
        try:
            timed = timer.fields(cell)
        except DistillError as error:
            yield failed_row(ref, *cell, error)
            continue
        tokenize_ms = accuracy.tokenize_ms(loaded, texts, *cell)
        merged = {**known, "batch_size": cell[0], "seq_len": cell[1], "tokenize_ms": tokenize_ms, **timed, **fields}
        rows.append(BenchmarkRow(**merged))
        yield rows[-1]
    found, note = accuracy.of_model(loaded, dataset, spec.eval_examples, device)
    numbers = found.model_dump() if found else {}
    for row in rows:
        yield row.model_copy(update={**numbers, "accuracy_note": note})


def _load(ref: Ref, store: RunStore, device: Device) -> LoadedModel:
    if ref.source == "structure":  # its weights are random, and never learn
        with RepeatedNumbers():
            loaded = loading.load(ref, store)
    else:
        loaded = loading.load(ref, store)
    loaded.model.eval().to(device.torch_device)
    return loaded


def _baseline(ref: Ref, spec: CompareSpec, store: RunStore, device: Device) -> LoadedModel | None:
    """The model to take turns with; None for itself, and where it does not load: its own row says why."""
    if ref == spec.timed_against:
        return None
    try:
        return _load(spec.timed_against, store, device)
    except (DistillError, MemoryError):
        return None


@dataclass(frozen=True)
class _Timer:
    """Times a model in turns with the baseline, or alone where there is none."""

    loaded: LoadedModel
    baseline: LoadedModel | None
    spec: CompareSpec
    device: Device

    def fields(self, cell: Cell) -> dict[str, Any]:
        """Fields of the row. Raises ModelError when the model does not fit."""
        if self.baseline is not None:
            pace = turns.Pace(benchmark.MIN_CALLS, self.spec.min_time_s)
            try:
                _, (found,) = turns.in_turns(self.baseline, (self.loaded,), *cell, self.device, pace)
                return asdict(found.timing) | found.ratio_fields
            except DistillError:  # the baseline's: this model has just read as many tokens
                pass
        return asdict(benchmark.measure(self.loaded, *cell, self.spec.min_time_s, self.device))


def _facts(loaded: loading.LoadedModel, device: Device) -> dict[str, Any]:
    return {
        "model": str(loaded.ref),
        "title": loaded.title,
        "family": loaded.family.key,
        "weights": loaded.weights,
        "params": parameters.count(loaded.model),
        "params_by_part": parameters.count_by_part(loaded.model),
        "device": device.type,
        "dtype": device.dtype,
        "threads": device.threads,
        "commit": loaded.commit,
    }


def failed_row(ref: Ref, batch_size: int, seq_len: int, error: DistillError) -> BenchmarkRow:
    """A row of a cell that could not be measured."""
    family = ref.family
    return BenchmarkRow(
        model=str(ref),
        title=ref.title,
        family=family.key if family else "",
        batch_size=batch_size,
        seq_len=seq_len,
        error=ErrorInfo(**error.as_json()),
    )
