"""A teacher and its students."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from distill_core.results.records import ErrorInfo, Record, Result, Score


class ModelReport(Record):
    """Size, speed and accuracy of one model, measured in the same run and process as its rival.

    It was timed with one text of `seq_len` tokens, by `n_iterations` calls, while others used `busy_cores`; older
    results do not say. `scores` are the metrics of its task, the one that is drawn first. Older results have none;
    `accuracy` with its interval is always the first of them. `max_length`: tokens at which a text was
    cut for it, where that is known.
    """

    params: int
    params_by_part: dict[str, int] = Field(default_factory=dict)
    layers: int
    accuracy: float
    ci_low: float
    ci_high: float
    n_eval: int
    latency_ms_p50: float | None = None
    latency_ms_p95: float | None = None
    busy_cores: float | None = None
    n_iterations: int | None = None
    seq_len: int | None = None
    scores: tuple[Score, ...] = ()
    max_length: int | None = None


class StudentReport(ModelReport):
    """A student beside its teacher.

    `retained` = student accuracy / teacher accuracy; `agreement` = share of test texts on which both say the same;
    `kl_to_teacher` in nats; `ingredients` are the settings in which arms may differ. `speedup` = teacher / student: the
    median over pairs of neighbouring turns, with its 95 % interval, and `baseline_ms` is the teacher's median in these
    turns. Older results have the ratio of two medians, and no interval. It has learned from `train_texts` texts,
    `labels` of them with their label, in `steps` at this highest `learning_rate`; older results have none of these.
    """

    arm: str
    seed: int = 0
    params_saved: float
    retained: float
    speedup: float | None = None
    speedup_low: float | None = None
    speedup_high: float | None = None
    baseline_ms: float | None = None
    agreement: float
    kl_to_teacher: float
    inherited_errors: int = 0
    new_errors: int = 0
    repaired_errors: int = 0
    train_s: float = 0.0
    train_texts: int | None = None
    labels: int | None = None
    steps: int | None = None
    learning_rate: float | None = None
    ingredients: dict[str, str | float | int | None] = Field(default_factory=dict)


class FailedArm(Record):
    """An arm that came to nothing, and why: the others go on."""

    arm: str
    seed: int = 0
    error: ErrorInfo


class DistillResult(Result):
    kind: Literal["distill"] = "distill"
    dataset: str
    teacher_ref: str
    label_names: tuple[str, ...] = ()
    teacher: ModelReport | None = None
    teacher_pass_s: float | None = None
    sample_texts: tuple[str, ...] = ()
    teacher_probabilities: tuple[tuple[float, ...], ...] = ()
    students: tuple[StudentReport, ...] = ()
    failed: tuple[FailedArm, ...] = ()

    @property
    def classes(self) -> tuple[str, ...]:
        return self.label_names

    @property
    def measured(self) -> tuple[StudentReport, ...]:
        return self.students

    def as_json(self, run_id: str) -> dict[str, Any]:
        teacher = self.teacher.model_dump() if self.teacher else None
        return {"teacher": teacher, "students": [student.model_dump() for student in self.students]}
