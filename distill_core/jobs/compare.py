"""Compare: each model in a process of its own, timed in turns with the baseline. A row is written as soon as it is
there; what the process does stands in `measurement.py`."""

from __future__ import annotations

from dataclasses import dataclass, field

from distill_core.data_ref import NONE
from distill_core.errors import AssetError, DataError, DistillError
from distill_core.jobs import cells, data, overlaps
from distill_core.jobs.device import prepared_device
from distill_core.jobs.isolation import run_isolated
from distill_core.jobs.measurement import failed_row, measure_model
from distill_core.jobs.reporting import Reporter
from distill_core.measure import benchmark
from distill_core.measure.load import Quiet
from distill_core.model_ref import Ref
from distill_core.results import BenchmarkRow, CompareResult, Overlap
from distill_core.runs.control import JobContext
from distill_core.specs import CompareSpec


def run(spec: CompareSpec, context: JobContext) -> CompareResult:
    """Measure all models of the spec; rows that an interrupted try has finished are kept."""
    prepared_device(spec, context)
    job = _Job(spec, context, _overlaps(spec, context))
    cells.finish(job, cells.in_turn(job.measure, job.open_models()))
    return job.result()


def _overlaps(spec: CompareSpec, context: JobContext) -> tuple[Overlap, ...]:
    """Test texts that a model has met before. Raises RunError where the data set changed since an earlier try."""
    if spec.dataset == NONE:
        return ()
    try:
        loaded = data.load((spec.dataset,), context)
    except (DataError, AssetError):  # each model still has its speed, and its row says why it has no accuracy
        return ()
    return overlaps.of_models(spec.models, loaded, context.store)


@dataclass
class _Job(cells.Job[Ref, None]):
    """The rows so far: one for each model, batch size and length."""

    spec: CompareSpec
    context: JobContext
    overlaps: tuple[Overlap, ...]
    rows: dict[tuple[str, int, int], BenchmarkRow] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.rows = {_place(row): row for row in _finished_rows(self.context)}
        done = {row.model for row in self.rows.values()}
        self._open = [ref for ref in self.spec.models if str(ref) not in done]
        self.reporter = Reporter(self.context, len(self.spec.models), len(done))
        self.quiet = Quiet(self.reporter.say, self.context.check)

    def open_models(self) -> list[Ref]:
        return self._open

    def measure(self, ref: Ref) -> None:
        """One model in a process of its own. A row is written as soon as it is there, and again with its accuracy."""
        self.quiet.wait()
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
            row = self.rows.get(place) or failed_row(ref, batch_size, seq_len, error)
            if row.error is None and not row.accuracy_note:
                row = row.model_copy(update={"accuracy_note": f"The accuracy could not be had: {error.message}"})
            self.rows[place] = row

    def result(self) -> CompareResult:
        """The result so far, in the order of the request."""
        order = {str(ref): place for place, ref in enumerate(self.spec.models)}
        rows = sorted(self.rows.values(), key=lambda row: (order[row.model], row.batch_size, row.seq_len))
        baseline = str(self.spec.timed_against)
        return CompareResult(baseline=baseline, dataset=self.spec.dataset.key, rows=tuple(rows), overlaps=self.overlaps)


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
