"""What was measured: frozen types with units in their names. A number that is missing is None, never 0 or a guess."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

Provenance = Literal["measured", "published", "exact"]
StateName = Literal["queued", "running", "paused", "done", "failed", "stopped", "lost", "damaged"]
FINAL: frozenset[str] = frozenset({"done", "failed", "stopped", "lost", "damaged"})
LIVE: frozenset[str] = frozenset({"queued", "running", "paused"})


class Record(BaseModel):
    """Frozen; unknown keys are kept out so that an old result still reads after a field was removed."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class ErrorInfo(Record):
    """An error as data: one model's failure is one row's error."""

    kind: str
    message: str
    hint: str = ""


class Environment(Record):
    """The machine and the versions of a run: the provenance of all its numbers."""

    machine: str
    cpu: str
    cores: int
    memory_gib: float
    device: str
    device_name: str
    dtype: str
    threads: int
    omp_wait_policy: str
    os: str
    python: str
    versions: dict[str, str]
    started_at: str


class State(Record):
    """Where a run stands. `progress` is 0–1; `eta_s` is the run's own estimate of the time left."""

    state: StateName
    message: str = ""
    hint: str = ""
    error_kind: str = ""
    progress: float = 0.0
    eta_s: float | None = None
    created_at: str = ""
    started_at: str = ""
    ended_at: str = ""
    pid: int | None = None


class Metric(Record):
    """One point of a curve. `arm` names the curve (for instance "distilled"), `step` counts updates."""

    arm: str = ""
    step: int
    epoch: float
    split: Literal["train", "validation", "test"]
    name: str
    value: float
    examples: int = 0
    elapsed_s: float = 0.0


class Accuracy(Record):
    """Share of right answers with its 95 % Wilson interval (fractions 0–1)."""

    accuracy: float
    ci_low: float
    ci_high: float
    n_eval: int


class BenchmarkRow(Record):
    """One model at one batch size and length. With `error` set, the numbers that could not be had are None."""

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
    device: str = "cpu"
    dtype: str = "float32"
    threads: int | None = None
    accuracy: float | None = None
    ci_low: float | None = None
    ci_high: float | None = None
    n_eval: int | None = None
    accuracy_note: str = ""
    commit: str | None = None
    provenance: Provenance = "measured"
    error: ErrorInfo | None = None


class CompareResult(Record):
    kind: Literal["compare"] = "compare"
    baseline: str
    dataset: str
    rows: tuple[BenchmarkRow, ...] = ()


class FinetuneArmResult(Record):
    """One arm at one training size and seed, tested on one data set.

    `train_tflop`: floating-point operations of the training in units of 10¹², estimated as 6 · parameters · tokens for
    a full step and 2 for a forward pass (Kaplan et al., arXiv:2001.08361 §2.1), embeddings not counted.
    """

    arm: str
    train_examples: int
    seed: int
    accuracy: float | None = None
    ci_low: float | None = None
    ci_high: float | None = None
    n_eval: int | None = None
    train_s: float | None = None
    train_tflop: float | None = None
    params: int | None = None
    params_trained: int | None = None
    dataset: str = ""
    test_dataset: str = ""
    error: ErrorInfo | None = None


class Movement(Record):
    """What fine-tuning moved, on some test texts. `cka` (one value a layer, embeddings first): linear CKA of the states
    before and after, 1 = nothing moved. `before` and `after`: texts in the plane of the two main axes (PCA)."""

    layers: tuple[str, ...]
    cka: tuple[float, ...]
    before: tuple[tuple[float, float], ...]
    after: tuple[tuple[float, float], ...]
    labels: tuple[int, ...]


class FinetuneResult(Record):
    kind: Literal["finetune"] = "finetune"
    model: str
    dataset: str
    label_names: tuple[str, ...] = ()
    arms: tuple[FinetuneArmResult, ...] = ()
    moved: Movement | None = None


class ModelReport(Record):
    """Size, speed and accuracy of one model, measured in the same run and process as its rival."""

    params: int
    params_by_part: dict[str, int] = {}
    layers: int
    accuracy: float
    ci_low: float
    ci_high: float
    n_eval: int
    latency_ms_p50: float | None = None
    latency_ms_p95: float | None = None


class StudentReport(ModelReport):
    """A student beside its teacher.

    `retained` = student accuracy / teacher accuracy; `speedup` = teacher p50 / student p50; `agreement` = share of test
    texts on which both say the same; `kl_to_teacher` in nats; `ingredients` are the settings in which arms may differ.
    """

    arm: str
    seed: int = 0
    params_saved: float
    retained: float
    speedup: float | None = None
    agreement: float
    kl_to_teacher: float
    inherited_errors: int = 0
    new_errors: int = 0
    repaired_errors: int = 0
    train_s: float = 0.0
    ingredients: dict[str, str | float | int | None] = {}


class DistillResult(Record):
    kind: Literal["distill"] = "distill"
    dataset: str
    teacher_ref: str
    label_names: tuple[str, ...] = ()
    teacher: ModelReport | None = None
    teacher_pass_s: float | None = None
    sample_texts: tuple[str, ...] = ()
    teacher_probabilities: tuple[tuple[float, ...], ...] = ()
    students: tuple[StudentReport, ...] = ()


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
    teacher's; `speedup` = teacher's p50 / its own; `kl_to_teacher` in nats. Counts of errors are test texts.
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


class StudentsResult(Record):
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


class Guess(Record):
    """A token with its probability (0–1)."""

    token: str
    probability: float


class ClozeLook(Record):
    """What a model said about one sentence with a gap after `tokens` tokens read.

    `guesses` are the likeliest tokens, and `probability` is that of `wanted`. For ELECTRA the sentence has a wrong
    word, `wanted`; `guesses` are its tokens in their order, each with the probability of being a replaced one.
    """

    tokens: int
    sentence: str
    wanted: str
    probability: float
    guesses: tuple[Guess, ...] = ()


class PretrainResult(Record):
    """A small model that has learned from raw text.

    `held_out` and `held_out_before`: each loss on sentences that were not read, after and before the training.
    `signals` counts the tokens (or, for embeddings, the sentences) that gave a target in all. `corpus_sha256` is of
    the whole corpus, of which `texts` texts were read. `unigram_nats`: the loss of one who knows nothing but how often
    each token occurs. `linear_probe`: a linear classifier on the frozen network, learned from `probe_labels` labels of
    `probe_dataset`.
    """

    kind: Literal["pretrain"] = "pretrain"
    family: str
    lesson: Literal["objective", "embeddings"]
    params: int | None = None
    vocab_size: int | None = None
    texts: int | None = None
    tokens: int | None = None
    signals: int | None = None
    sources: tuple[str, ...] = ()
    corpus_sha256: str = ""
    held_out_before: dict[str, float] = {}
    held_out: dict[str, float] = {}
    unigram_nats: float | None = None
    cloze: tuple[ClozeLook, ...] = ()
    probe_dataset: str = ""
    probe_labels: int | None = None
    linear_probe_before: Accuracy | None = None
    linear_probe: Accuracy | None = None
    train_s: float | None = None


Result = CompareResult | FinetuneResult | DistillResult | StudentsResult | PretrainResult
RESULTS: dict[str, type[Result]] = {
    "compare": CompareResult,
    "finetune": FinetuneResult,
    "distill": DistillResult,
    "students": StudentsResult,
    "pretrain": PretrainResult,
}


def parse_result(data: dict[str, Any]) -> Result | None:
    """The typed result of result.json; None where it is of no known kind."""
    kind = RESULTS.get(str(data.get("kind")))
    return kind.model_validate(data) if kind else None
