"""Compare: each model alone in its process: build → measure → evaluate. A row is written as soon as it is there."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from distill_core.errors import DistillError
from distill_core.jobs import accuracy, cells
from distill_core.jobs.device import prepared_device
from distill_core.jobs.isolation import run_isolated
from distill_core.jobs.reporting import Reporter
from distill_core.machine import devices
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
    prepared_device(spec, context)
    job = _Job(spec, context)
    cells.finish(job, cells.in_turn(job.measure, job.open_models()))
    return job.result()


@dataclass
class _Job(cells.Job[Ref, None]):
    """The rows so far: one for each model, batch size and length."""

    spec: CompareSpec
    context: JobContext
    rows: dict[tuple[str, int, int], BenchmarkRow] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.rows = {_place(row): row for row in _finished_rows(self.context)}
        done = {row.model for row in self.rows.values()}
        self._open = [ref for ref in self.spec.models if str(ref) not in done]
        self.reporter = Reporter(self.context, len(self.spec.models), len(done))

    def open_models(self) -> list[Ref]:
        return self._open

    def measure(self, ref: Ref) -> None:
        """One model in a process of its own. A row is written as soon as it is there, and again with its accuracy."""
        self.reporter.say(f"Measuring {ref}")
        root, check = self.context.store.root, self.context.check
        for row in run_isolated(measure_model, ref, self.spec, root, check=check):
            self.rows[_place(row)] = row
            self.context.set_result(self.result())

    def keep(self, ref: Ref, found: None) -> None:
        """All rows of the model are there already."""

    def failed(self, ref: Ref, error: DistillError) -> None:
        """What was measured stays; the other rows of the model say why they are empty."""
        self.context.log(f"{ref}: {error}")
        for batch_size, seq_len in benchmark.cells(self.spec.batch_sizes, self.spec.seq_lens):
            place = str(ref), batch_size, seq_len
            row = self.rows.get(place) or _failed_row(ref, batch_size, seq_len, error)
            if row.error is None and not row.accuracy_note:
                row = row.model_copy(update={"accuracy_note": f"The accuracy could not be had: {error.message}"})
            self.rows[place] = row

    def result(self) -> CompareResult:
        """The result so far, in the order of the request."""
        order = {str(ref): place for place, ref in enumerate(self.spec.models)}
        rows = sorted(self.rows.values(), key=lambda row: (order[row.model], row.batch_size, row.seq_len))
        baseline = str(self.spec.baseline or self.spec.models[0])
        return CompareResult(baseline=baseline, dataset=self.spec.dataset.key, rows=tuple(rows))


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


def _place(row: BenchmarkRow) -> tuple[str, int, int]:
    return row.model, row.batch_size, row.seq_len
