"""What all results share, and the small records beside them: environment, state, metric, accuracy, error."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

Provenance = Literal["measured", "published", "exact"]
StateName = Literal["queued", "running", "paused", "done", "failed", "stopped", "lost", "damaged"]
FINAL: frozenset[str] = frozenset({"done", "failed", "stopped", "lost", "damaged"})
LIVE: frozenset[str] = frozenset({"queued", "running", "paused"})


class Record(BaseModel):
    """Frozen; unknown keys are kept out so that an old result still reads after a field was removed."""

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)


class ErrorInfo(Record):
    """An error as data: one model's failure is one row's error."""

    kind: str
    message: str
    hint: str = ""


class Overlap(Record):
    """How many of the `of` test texts of one data set stand, but for case and signs, in the training texts of another;
    `texts` is None where that cannot be told any more."""

    trained_on: str
    tested_on: str
    texts: int | None
    of: int


class Cut(Record):
    """The shares (0–1) of a data set's training and test texts that were longer than `max_length` tokens, and cut."""

    dataset: str
    max_length: int
    train: float | None = None
    test: float | None = None


class Result(Record):
    """What any run has measured so far. What differs between the kinds of run is a method here.

    `overlaps` and `cut` say what to know about its texts; older results have none.
    """

    kind: str
    overlaps: tuple[Overlap, ...] = ()
    cut: tuple[Cut, ...] = ()

    @property
    def measured(self) -> Sequence[Record]:
        """The rows, arms or students that were measured, in the order of the run."""
        return ()

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of the classes that the run's models tell apart, in the order of their logits; else empty."""
        return ()

    @property
    def failure(self) -> ErrorInfo | None:
        """The first error where nothing at all could be measured, so that the run has failed; else None."""
        return None

    def as_json(self, run_id: str) -> dict[str, Any]:
        """What the command line prints of the run of this id."""
        return self.model_dump(exclude={"kind"})


def all_failed(errors: Sequence[ErrorInfo | None]) -> ErrorInfo | None:
    """The first error where there is one in each row; None for no rows."""
    return errors[0] if errors and all(errors) else None


class Environment(Record):
    """The machine and the versions of a run: the provenance of all its numbers.

    `data` has the fingerprints of the data sets that it read, in the order of the request; None in an older run.
    """

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
    data: tuple[str, ...] | None = None


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
    """One point of a curve. `arm` names the curve (for instance "distilled"), `step` counts updates.

    A loss that runs away may be infinite or not a number: such a point is written, and no reader takes it."""

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=True)

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


class Score(Record):
    """How good a model is by one metric, with its 95 % interval over `n` answers."""

    metric: str
    value: float
    low: float
    high: float
    n: int
