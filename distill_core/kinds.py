"""The kinds of run, one row each: what is asked, what is measured, which function does it, which page shows it.

To add a kind, write its spec, its result, its job and its page, and a row in KINDS. Command line, checks, launchers,
run lists and the Runs page read the row; what differs between kinds is a method of `Spec` or `Result`.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from distill_core.errors import SpecError
from distill_core.results import (
    CompareResult,
    DistillResult,
    FinetuneResult,
    PretrainResult,
    Result,
    StudentsResult,
)
from distill_core.specs import CompareSpec, DistillSpec, FinetuneSpec, PretrainSpec, Spec, StudentsSpec
from distill_core.specs.sentences import explain

Job = Callable[[Any, Any], Result]


@dataclass(frozen=True)
class Kind:
    """One kind of run.

    `purpose` is its sentence on the command line. `job` is a function `(spec, context) → Result`, or its name as
    "module:function", so that only the process of a run imports it. `page` is the script in pages/ that shows a run of
    this kind, named by the query parameter `parameter`.
    """

    key: str
    title: str
    purpose: str
    spec: type[Spec]
    result: type[Result]
    job: str | Job
    page: str
    parameter: str

    def load_job(self) -> Job:
        """The job's function, imported now."""
        if not isinstance(self.job, str):
            return self.job
        module, _, name = self.job.partition(":")
        return getattr(importlib.import_module(module), name)  # type: ignore[no-any-return]


_ROWS = (
    Kind(
        "compare",
        "Compare",
        "Measure models side by side: size, speed, memory, accuracy.",
        CompareSpec,
        CompareResult,
        "distill_core.jobs.compare:run",
        "compare",
        "cmp_run",
    ),
    Kind(
        "finetune",
        "Fine-tune",
        "Fine-tune a pre-trained model on labeled texts, beside reference arms.",
        FinetuneSpec,
        FinetuneResult,
        "distill_core.jobs.finetune:run",
        "finetune",
        "ft_run",
    ),
    Kind(
        "distill",
        "Distill",
        "Teach a student network with a teacher's soft labels.",
        DistillSpec,
        DistillResult,
        "distill_core.jobs.distill:run",
        "distill",
        "d_run",
    ),
    Kind(
        "students",
        "Ten students",
        "Teach many small students with one teacher, beside the same students without it.",
        StudentsSpec,
        StudentsResult,
        "distill_core.jobs.students:run",
        "students",
        "ts_run",
    ),
    Kind(
        "pretrain",
        "Pre-train",
        "Teach a small model of one family from raw text.",
        PretrainSpec,
        PretrainResult,
        "distill_core.jobs.pretrain:run",
        "pretrain",
        "pt_run",
    ),
)
KINDS: dict[str, Kind] = {kind.key: kind for kind in _ROWS}


def of_spec(wanted: type[Spec]) -> tuple[str, ...]:
    """The kinds whose spec is of this type: `of_spec(TrainSpec)` are those that learn from labeled texts."""
    return tuple(key for key, kind in KINDS.items() if issubclass(kind.spec, wanted))


def parse_spec(data: dict[str, Any]) -> Spec:
    """A spec from untrusted values. Raises SpecError with the first problem in the user's words."""
    kind = KINDS.get(str(data.get("kind")))  # str: a list cannot be looked up
    if kind is None:
        raise SpecError(f"Unknown kind of run {str(data.get('kind'))[:200]!r}.", f"Known: {', '.join(KINDS)}.")
    try:
        return kind.spec.model_validate(data)
    except ValidationError as error:
        raise explain(error, kind.spec) from error


def read_spec(data: dict[str, Any]) -> Spec:
    """The spec of a run that is there. What it lists twice, as an earlier version allowed, is read as listed once.

    Raises SpecError as `parse_spec`.
    """
    kind = KINDS.get(str(data.get("kind")))
    once = {
        name: list({str(entry): entry for entry in data[name]}.values())
        for name in (kind.spec.LISTED_ONCE if kind is not None else ())
        if isinstance(data.get(name), list)
    }
    return parse_spec({**data, **once})


def parse_result(data: dict[str, Any]) -> Result | None:
    """The typed result of result.json; None where it is of no known kind. Raises ValidationError for wrong values."""
    kind = KINDS.get(str(data.get("kind")))
    return kind.result.model_validate(data) if kind else None
