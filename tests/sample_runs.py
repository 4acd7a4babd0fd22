"""Run directories made by hand for tests: the numbers are invented, and never leave the tests."""

from __future__ import annotations

from distill_core import families
from distill_core.results import BenchmarkRow, CompareResult, Environment, ErrorInfo
from distill_core.runs.run import Run
from distill_core.runs.store import RunStore
from distill_core.specs import CompareSpec

MS_AT_128 = {
    "bert": 58.0,
    "gpt": 59.5,
    "roberta": 58.8,
    "t5": 121.0,
    "xlnet": 83.0,
    "albert": 56.0,
    "distilbert": 29.4,
    "ernie": 58.3,
    "electra": 57.6,
    "bart": 71.0,
}
ENVIRONMENT = Environment(
    machine="x86_64 Linux, 2 cores, 24 GiB",
    cpu="Test CPU 3000",
    cores=2,
    memory_gib=23.5,
    device="cpu",
    device_name="CPU",
    dtype="float32",
    threads=2,
    omp_wait_policy="passive",
    os="Linux",
    python="3.11.2",
    versions={},
    started_at="2025-11-22T07:55:00.000+00:00",
)


def row(family: str, batch_size: int = 1, seq_len: int = 128, **more: object) -> BenchmarkRow:
    """One measured row of a family's structure."""
    sizes = families.exact_parameters()[family]
    p50 = MS_AT_128[family] * batch_size * seq_len / 128
    values = {
        "model": f"{family}@structure",
        "title": families.get(family).title,
        "family": family,
        "weights": "random",
        "params": sum(sizes.values()),
        "params_by_part": sizes,
        "batch_size": batch_size,
        "seq_len": seq_len,
        "latency_ms_p50": p50,
        "latency_ms_p90": p50 * 1.03,
        "latency_ms_p95": p50 * 1.05,
        "latency_ms_p99": p50 * 1.12,
        "examples_per_s": batch_size / p50 * 1000,
        "peak_memory_mib": sum(sizes.values()) * 4 / 2**20 + 40,
        "load_s": 1.5,
        "first_forward_ms": p50 * 2,
        "n_iterations": 17,
        "busy_cores": 0.1,
        "threads": 2,
        "accuracy_note": "Random weights: size and speed are real, accuracy is not claimed.",
    }
    return BenchmarkRow.model_validate({**values, **more})


def failed_row(family: str) -> BenchmarkRow:
    """A row of a model that could not be measured."""
    error = ErrorInfo(kind="model", message="Not enough memory for 1 × 128 tokens.", hint="Choose a smaller batch.")
    return BenchmarkRow(
        model=f"{family}@structure",
        title=families.get(family).title,
        family=family,
        batch_size=1,
        seq_len=128,
        error=error,
    )


def in_turns(row: BenchmarkRow, baseline: BenchmarkRow, off: float = 0.03) -> BenchmarkRow:
    """The row as timed in turns with the baseline; the limits of the ratio are so far off (share of it)."""
    if row.latency_ms_p50 is None or baseline.latency_ms_p50 is None:
        return row
    ratio = baseline.latency_ms_p50 / row.latency_ms_p50
    limits = {"speedup_low": ratio * (1 - off), "speedup_high": ratio * (1 + off)}
    return row.model_copy(update={"speedup": ratio, "baseline_ms": baseline.latency_ms_p50, **limits})


def _all_in_turns(rows: list[BenchmarkRow]) -> list[BenchmarkRow]:
    at = {(one.batch_size, one.seq_len): one for one in reversed(rows) if one.model == rows[0].model}
    bases = [at.get((one.batch_size, one.seq_len)) for one in rows]
    return [
        one if base is None or base.model == one.model else in_turns(one, base)
        for one, base in zip(rows, bases, strict=True)
    ]


def compare_run(
    store: RunStore,
    rows: list[BenchmarkRow] | None = None,
    state: str = "done",
    *,
    paired: bool = True,
    **spec: object,
) -> Run:
    """A compare run with these rows; by default the ten families at 1 × 128. Without `paired` it is an older one, whose
    models took no turns with the first."""
    rows = [row(key) for key in families.BY_KEY] if rows is None else rows
    rows = _all_in_turns(rows) if paired and rows else rows
    models = list(dict.fromkeys(one.model for one in rows)) or ["bert@structure"]
    run = store.create(CompareSpec.model_validate({"models": models, **spec}))
    run.set_environment(ENVIRONMENT)
    run.set_result(CompareResult(baseline=models[0], dataset=str(spec.get("dataset", "none")), rows=tuple(rows)))
    run.set_state(state=state, progress=1.0, message="" if state != "failed" else "The run failed.")
    return run
