"""Which runs can show soft labels: their teachers, the students of a teacher, and what each can be asked."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from distill_core.arms import SAVED
from distill_core.errors import RunError
from distill_core.plans import arms
from distill_core.results import FinetuneResult
from distill_core.runs.run import Run
from distill_core.specs import DistillSpec, FinetuneSpec, dataset_name
from distill_core.tables import predictions as tables_predictions
from distill_core.tables.predictions import Version, version
from distill_core.tables.training import arm_title


@dataclass(frozen=True)
class Source:
    """A run that knows a teacher. `arm` is the teacher's; `arms` are all that spoke about the test texts.

    `reads` is the arm whose model the run has saved: that one can read any text; None where no model is saved.
    `teacher_ref` names the teacher of a distillation.
    """

    run: Run
    title: str
    dataset: str
    label_names: tuple[str, ...]
    arm: str | None
    arms: tuple[str, ...]
    reads: str | None
    teacher_ref: str = ""

    @property
    def label(self) -> str:
        """Its name in lists and in the page's address."""
        if self.teacher_ref:
            return f"Teacher of {self.run.id} on {dataset_name(self.dataset)}"
        return f"{self.title} · {self.run.id}"

    @property
    def has_examples(self) -> bool:
        return self.arm is not None

    @property
    def can_read(self) -> bool:
        """Whether its teacher can be asked about a typed text."""
        return self.reads is not None and not self.teacher_ref


@dataclass(frozen=True)
class Student:
    """A student that learned from a teacher, in one run. `can_read`: its model is saved."""

    run: Run
    arm: str
    can_read: bool

    @property
    def label(self) -> str:
        return f"{arm_title(self.arm)} · {self.run.id}"


def source_of(run: Run) -> Source | None:
    """What a training run can show; None where it has neither predictions nor a model, or no classes are known."""
    files = (run.predictions_file, run.path / "result.json", run.model_dir / "config.json")
    return _source(run.path, tuple(version(file) for file in files))


@lru_cache(maxsize=512)
def _source(path: Path, versions: tuple[Version, ...]) -> Source | None:
    run = Run(path)
    result = run.result()
    try:
        spec, distilled = run.spec(), run.spec_as(DistillSpec)
    except RunError:
        return None
    if not isinstance(spec, FinetuneSpec | DistillSpec) or result is None or not result.classes:
        return None
    spoke = _arms(run, len(result.classes))
    found = Source(
        run,
        spec.heading,
        spec.dataset,
        result.classes,
        tables_predictions.teacher_arm(spoke),
        spoke,
        _saved(run) if versions[2] != (0, 0) else None,
        str(distilled.teacher) if distilled is not None else "",
    )
    return found if found.has_examples or found.can_read else None


def _arms(run: Run, classes: int) -> tuple[str, ...]:
    """Who spoke about exactly these classes, from the file's header alone."""
    try:
        names = pq.read_schema(run.predictions_file).names
    except (OSError, pa.ArrowException, ValueError):
        return ()
    found = tables_predictions.arms_among(names)
    return tuple(arm for arm in found if sum(name.startswith(f"{arm}: logit ") for name in names) == classes)


def _saved(run: Run) -> str | None:
    """The arm whose model a run keeps, by its name among the predictions."""
    distilled, tuned = run.spec_as(DistillSpec), run.result_as(FinetuneResult)
    if distilled is not None:
        return arms.kept(arms.plan(distilled)).key
    learned = tuned.arms if tuned is not None else ()
    return SAVED if any(row.arm == SAVED and row.error is None for row in learned) else None


def teachers(runs: Iterable[Run]) -> list[Source]:
    """All teachers, in the order of the runs. A distillation stands for its teacher only where that one is missing."""
    found = [source for source in map(source_of, runs) if source is not None]
    known = {f"run:{source.run.id}" for source in found if not source.teacher_ref and source.has_examples}
    kept = []
    for source in found:
        if source.teacher_ref not in known:
            kept.append(source)
            known |= {source.teacher_ref} - {""}
    return kept


def students(teacher: Source, runs: Iterable[Run]) -> list[Student]:
    """The students that learned from this teacher."""
    refs = {f"run:{teacher.run.id}", teacher.teacher_ref} - {""}
    return [
        Student(source.run, arm, source.reads == arm)
        for source in map(source_of, runs)
        if source is not None and source.teacher_ref in refs
        for arm in source.arms
        if arm != "teacher"
    ]
