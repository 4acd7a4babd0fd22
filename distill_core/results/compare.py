"""Models side by side: one row a model, batch size and length."""

from __future__ import annotations

from typing import Any, Literal

from distill_core.results.records import Accuracy, ErrorInfo, Provenance, Record, Result, all_failed


class ClassAccuracy(Accuracy):
    """An accuracy with what it is made of, as in `BenchmarkRow`."""

    answered: int
    class_counts: dict[str, int]
    recalls: dict[str, float]


class BenchmarkRow(Record):
    """One model at one batch size and length. With `error` set, the numbers that could not be had are None.

    Beside its accuracy: how many classes it answers, how many test texts each class has, and which share of each it
    finds (0–1).

    `speedup` is how many times as fast as the run's baseline the model is: the median over pairs of neighbouring turns,
    with its 95 % interval; `baseline_ms` is the baseline's median in these turns. None of the baseline itself, where
    the two could not be timed together, and in older results. Other programs used `busy_cores` meanwhile.
    """

    model: str
    title: str
    family: str
    weights: Literal["random", "pretrained", "fine-tuned", "unknown"] = "unknown"
    params: int | None = None
    params_by_part: dict[str, int] | None = None
    batch_size: int
    seq_len: int
    latency_ms_p50: float | None = None
    latency_ms_p90: float | None = None
    latency_ms_p95: float | None = None
    latency_ms_p99: float | None = None
    examples_per_s: float | None = None
    peak_memory_mib: float | None = None
    tokenize_ms: float | None = None
    load_s: float | None = None
    first_forward_ms: float | None = None
    n_iterations: int | None = None
    busy_cores: float | None = None
    baseline_ms: float | None = None
    speedup: float | None = None
    speedup_low: float | None = None
    speedup_high: float | None = None
    device: str = "cpu"
    dtype: str = "float32"
    threads: int | None = None
    accuracy: float | None = None
    ci_low: float | None = None
    ci_high: float | None = None
    n_eval: int | None = None
    accuracy_note: str = ""
    answered: int | None = None
    class_counts: dict[str, int] | None = None
    recalls: dict[str, float] | None = None
    commit: str | None = None
    provenance: Provenance = "measured"
    error: ErrorInfo | None = None


class CompareResult(Result):
    kind: Literal["compare"] = "compare"
    baseline: str
    dataset: str
    rows: tuple[BenchmarkRow, ...] = ()

    @property
    def measured(self) -> tuple[BenchmarkRow, ...]:
        return self.rows

    @property
    def failure(self) -> ErrorInfo | None:
        return all_failed([row.error for row in self.rows])

    def as_json(self, run_id: str) -> dict[str, Any]:
        return {"rows": [row.model_dump() for row in self.rows]}
