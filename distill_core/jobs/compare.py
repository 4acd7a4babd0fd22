"""Compare: each model alone in its process: build → measure → evaluate. A row is written as soon as it is there."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from distill_core.errors import DistillError
from distill_core.jobs import accuracy
from distill_core.jobs.isolation import run_isolated
from distill_core.jobs.reporting import Reporter
from distill_core.machine import devices, environment
from distill_core.machine.devices import Device
from distill_core.measure import benchmark
from distill_core.measure.memory import PeakMemory
from distill_core.model_ref import Ref
from distill_core.models import loading, parameters
from distill_core.results import BenchmarkRow, CompareResult, ErrorInfo
from distill_core.runs.control import JobContext
from distill_core.runs.store import RunStore
from distill_core.specs import CompareSpec


def run(spec: CompareSpec, context: JobContext) -> CompareResult:
    """Measure all models of the spec; rows that an interrupted try has finished are kept."""
    device = devices.resolve(spec.device, spec.dtype, spec.threads)
    context.set_environment(environment.describe(device.type, device.name, device.dtype, device.threads))
    rows = _finished_rows(context)
    done = {row.model for row in rows}
    reporter = Reporter(context, len(spec.models), len(done))
    for ref in spec.models:
        if str(ref) in done:
            continue
        reporter.say(f"Measuring {ref}")
        for row in _measure_isolated(ref, spec, context):
            rows = [old for old in rows if _cell(old) != _cell(row)] + [row]
            context.set_result(_result(spec, rows))
        reporter.arm_done()
    return _result(spec, rows)


def _measure_isolated(ref: Ref, spec: CompareSpec, context: JobContext) -> Iterator[BenchmarkRow]:
    """The rows of one model; its failure becomes a row with an error."""
    cells = list(benchmark.cells(spec.batch_sizes, spec.seq_lens))
    finished: dict[tuple[int, int], BenchmarkRow] = {}
    try:
        for row in run_isolated(measure_model, ref, spec, context.store.root, check=context.check):
            finished[row.batch_size, row.seq_len] = row
            yield row
    except DistillError as error:
        context.log(f"{ref}: {error}")
        for batch_size, seq_len in cells:
            row = finished.get((batch_size, seq_len)) or _failed_row(ref, batch_size, seq_len, error)
            if row.error is None and not row.accuracy_note:
                row = row.model_copy(update={"accuracy_note": f"The accuracy could not be had: {error.message}"})
            yield row


def measure_model(ref: Ref, spec: CompareSpec, runs_dir: Path) -> Iterator[BenchmarkRow]:
    """What the child process does: rows with speed first, then the same rows with accuracy."""
    device = devices.resolve(spec.device, spec.dtype, spec.threads)
    devices.seed_everything(spec.seed)
    peak = PeakMemory(device)
    start = time.perf_counter()
    loaded = loading.load(ref, RunStore(runs_dir))
    loaded.model.eval().to(device.torch_device)
    known: dict[str, Any] = _facts(loaded, device) | {"load_s": time.perf_counter() - start}
    dataset = accuracy.load_dataset(spec)
    texts = accuracy.sample_texts(dataset)
    rows = []
    for batch_size, seq_len in benchmark.cells(spec.batch_sizes, spec.seq_lens):
        try:
            timing = benchmark.measure(loaded, batch_size, seq_len, spec.min_time_s, device, peak)
        except DistillError as error:
            yield _failed_row(ref, batch_size, seq_len, error)
            continue
        tokenize_ms = accuracy.tokenize_ms(loaded, texts, batch_size, seq_len)
        row = BenchmarkRow(**known, batch_size=batch_size, seq_len=seq_len, tokenize_ms=tokenize_ms, **asdict(timing))
        rows.append(row)
        yield row
    found, note = accuracy.of_model(loaded, dataset, spec.eval_examples, device)
    numbers = found.model_dump() if found else {}
    for row in rows:
        yield row.model_copy(update={**numbers, "accuracy_note": note})


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


def _failed_row(ref: Ref, batch_size: int, seq_len: int, error: DistillError) -> BenchmarkRow:
    family = ref.family
    return BenchmarkRow(
        model=str(ref),
        title=family.title if family and ref.source == "structure" else str(ref),
        family=family.key if family else "",
        batch_size=batch_size,
        seq_len=seq_len,
        error=ErrorInfo(**error.as_json()),
    )


def _finished_rows(context: JobContext) -> list[BenchmarkRow]:
    """Rows of an earlier try whose model was measured to its end; an error is tried again."""
    result = context.run.result()
    if not isinstance(result, CompareResult):
        return []
    broken = {
        row.model for row in result.rows if row.error is not None or (not row.accuracy_note and row.accuracy is None)
    }
    return [row for row in result.rows if row.model not in broken]


def _cell(row: BenchmarkRow) -> tuple[str, int, int]:
    return row.model, row.batch_size, row.seq_len


def _result(spec: CompareSpec, rows: list[BenchmarkRow]) -> CompareResult:
    order = {str(ref): place for place, ref in enumerate(spec.models)}
    ordered = sorted(rows, key=lambda row: (order[row.model], row.batch_size, row.seq_len))
    return CompareResult(baseline=str(spec.baseline or spec.models[0]), dataset=spec.dataset.key, rows=tuple(ordered))
