"""One teacher and many small students."""

from __future__ import annotations

from typing import Any, Literal

from distill_core.results.distill import ModelReport
from distill_core.results.records import ErrorInfo, Record, Result, all_failed


class TeacherOfTen(ModelReport):
    """The teacher of many students. `labels` is how many labeled texts it has learned from, where that is known."""

    ref: str
    title: str
    family: str
    labels: int | None = None
    train_s: float | None = None


class StudentRow(Record):
    """One student in one arm. Size and time are there before it learns; what could not be had is None.

    It passes `epochs` times over `train_texts` texts, of which `labels` have their label. `retained` = accuracy /
    teacher's; `kl_to_teacher` in nats. Counts of errors are test texts. `speedup` = teacher / student with its 95 %
    interval, `baseline_ms`, `busy_cores` and `n_iterations` as in `StudentReport`.
    """

    student: str
    title: str
    family: str
    arm: str
    seed: int = 0
    weights: Literal["random", "pretrained", "fine-tuned"] = "pretrained"
    params: int | None = None
    params_by_part: dict[str, int] | None = None
    layers: int | None = None
    latency_ms_p50: float | None = None
    latency_ms_p95: float | None = None
    speedup: float | None = None
    speedup_low: float | None = None
    speedup_high: float | None = None
    baseline_ms: float | None = None
    busy_cores: float | None = None
    n_iterations: int | None = None
    train_texts: int | None = None
    labels: int | None = None
    epochs: int | None = None
    train_s: float | None = None
    accuracy: float | None = None
    ci_low: float | None = None
    ci_high: float | None = None
    n_eval: int | None = None
    retained: float | None = None
    agreement: float | None = None
    kl_to_teacher: float | None = None
    inherited_errors: int | None = None
    new_errors: int | None = None
    repaired_errors: int | None = None
    error: ErrorInfo | None = None


class StudentsResult(Result):
    """One teacher and its students, `rows` in the order of the request. `seq_len`: tokens at which all were timed."""

    kind: Literal["students"] = "students"
    dataset: str
    label_names: tuple[str, ...] = ()
    train_texts: int | None = None
    labels: int | None = None
    seq_len: int | None = None
    teacher: TeacherOfTen | None = None
    teacher_pass_s: float | None = None
    rows: tuple[StudentRow, ...] = ()

    @property
    def classes(self) -> tuple[str, ...]:
        return self.label_names

    @property
    def measured(self) -> tuple[StudentRow, ...]:
        return self.rows

    @property
    def failure(self) -> ErrorInfo | None:
        return all_failed([row.error for row in self.rows])

    def as_json(self, run_id: str) -> dict[str, Any]:
        teacher = self.teacher.model_dump() if self.teacher else None
        return {"teacher": teacher, "students": [row.model_dump() for row in self.rows]}
