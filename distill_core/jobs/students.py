"""Ten students, one teacher: get the teacher → it reads all texts once → measure all → fit → evaluate, row by row.

Where no teacher is given, MiniLM becomes one on the labeled texts, in the same run. The students split texts into
tokens of their own, so only logits are compared. One student's failure is its rows' error, never the end of the run.
What each arm sees and how often stands in `student_plan.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, TypeVar

import torch
from torch import Tensor

from distill_core import (
    datasets,
    device,
    environment,
    evaluate,
    models,
    parameters,
    student_plan,
    students,
    teacher_cache,
    teachers,
    training_cost,
)
from distill_core.benchmark import interleaved
from distill_core.control import JobContext, Stopped
from distill_core.datasets import Dataset
from distill_core.device import Device
from distill_core.distillation import DistillStep, Lesson
from distill_core.isolation import explained
from distill_core.jobs import accuracy, teacher
from distill_core.jobs.reporting import Reporter
from distill_core.jobs.supervised import Predictions, drop_checkpoints, labels_of, train_settings
from distill_core.model_ref import Ref
from distill_core.models import LoadedModel
from distill_core.results import ErrorInfo, StudentRow, StudentsResult, TeacherOfTen
from distill_core.specs import DistillSpec, StudentsSpec
from distill_core.student_plan import Cell
from distill_core.teacher_cache import TeacherOutputs
from distill_core.tokens import Encoded
from distill_core.training import Hooks, Progress, fit

T = TypeVar("T")
PROBE_TEXTS = 2  # read by every student before all are timed together: a broken one must not end the timing


def run(spec: StudentsSpec, context: JobContext) -> StudentsResult:
    """Train and evaluate every student in every arm; rows that an interrupted try has finished are kept."""
    here = device.resolve(spec.device, spec.dtype, spec.threads)
    context.set_environment(environment.describe(here.type, here.name, here.dtype, here.threads))
    dataset = datasets.load(spec.dataset, text_column=spec.text_column, label_column=spec.label_column)
    job = _Job(spec, context, here, dataset)
    job.get_teacher()
    job.measure()
    for cell in job.open_cells():
        job.teach(cell)
        context.set_result(job.result())
        drop_checkpoints(context)
    return job.result()


@dataclass
class _Job:
    """What the cells share: texts, labels, the teacher with its outputs, and the rows so far."""

    spec: StudentsSpec
    context: JobContext
    here: Device
    dataset: Dataset
    rows: dict[Cell, StudentRow] = field(default_factory=dict)
    report: TeacherOfTen | None = None
    pass_s: float | None = None
    _encoded: dict[Ref, tuple[Encoded, Encoded]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        spec = self.spec
        self.labeled = self.dataset.sample_train(spec.labels, spec.seed)
        self.train = self.dataset.sample_train(0, spec.seed)  # the labeled texts come first
        self.train_labels = labels_of(self.train)
        self.texts, self.labels = accuracy.test_texts(self.dataset, spec.eval_examples)
        self.predictions = Predictions(self.context, self.texts, self.labels)
        self._take_over(self.context.run.result())
        costs = {cell: self._cost(cell) for cell in self.rows}
        self.teacher_cost = training_cost.teacher_work(spec, len(self.train), len(self.texts), self.context.store)
        done = sum(cost for cell, cost in costs.items() if self.rows[cell].accuracy is not None)
        done += self.teacher_cost if self.report is not None else 0.0
        self.reporter = Reporter(self.context, sum(costs.values()) + self.teacher_cost, done)

    def _take_over(self, earlier: object) -> None:
        """Rows and teacher of an interrupted try; what has failed is tried again."""
        found: dict[tuple[str, str, int], StudentRow] = {}
        if isinstance(earlier, StudentsResult):
            found = {(row.student, row.arm, row.seed): row for row in earlier.rows if row.error is None}
            self.report, self.pass_s = earlier.teacher, earlier.teacher_pass_s
        for cell in student_plan.plan(self.spec):
            fresh = StudentRow(
                student=str(cell.student), title=cell.student.title, arm=cell.arm, seed=cell.seed,
                family=cell.student.family.key if cell.student.family else "",
                weights="random" if cell.starts_at_random else "pretrained",
            )  # fmt: skip
            self.rows[cell] = found.get((fresh.student, fresh.arm, fresh.seed), fresh)

    def _cost(self, cell: Cell) -> float:
        return training_cost.cell_work(self.spec, cell, len(self.train), len(self.texts), self.context.store)

    def open_cells(self) -> list[Cell]:
        """What is still to be learned; a student that does not load has failed in all its cells already."""
        return [cell for cell, row in self.rows.items() if row.accuracy is None and row.error is None]

    def result(self) -> StudentsResult:
        """The result so far."""
        return StudentsResult(
            dataset=self.spec.dataset, label_names=self.dataset.label_names, train_texts=len(self.train),
            labels=self.spec.labels, seq_len=self._seq_len, teacher=self.report, teacher_pass_s=self.pass_s,
            rows=tuple(self.rows.values()),
        )  # fmt: skip

    @property
    def _seq_len(self) -> int:
        return min(self.spec.max_length, 128)

    # ── the teacher ──────────────────────────────────────────────────────────────────────────────────────────

    def get_teacher(self) -> None:
        """Load it or make it, let it read all texts once, and judge it on the test texts."""
        self.reporter.starts(self.teacher_cost if self.report is None else 0.0)
        self.teacher, train_s = self._teacher()
        self.reporter.say("The teacher reads all texts once", 0.8)
        self.says, judged = teacher.judge(
            self.teacher, self.texts, self.labels, self.spec.max_length, self.here, self.context.check
        )
        self.predictions.add("teacher", self.says)
        self.taught = self._read_all()
        ref, labels = teachers.origin(self._teacher_ref, self.context.store)
        times = self.report.model_dump(include={"latency_ms_p50", "latency_ms_p95"}) if self.report else {}
        self.report = TeacherOfTen(
            **{**judged.model_dump(), **times}, ref=str(self._teacher_ref), title=ref.title,
            family=self.teacher.family.key, labels=labels, train_s=train_s,
        )  # fmt: skip
        self.context.set_result(self.result())
        self.reporter.arm_done()

    @property
    def _teacher_ref(self) -> Ref:
        """The one that was given, else the one that this run makes and keeps as its model."""
        return self.spec.teacher or Ref("run", self.context.run.id)

    def _teacher(self) -> tuple[LoadedModel, float | None]:
        """The teacher, and the seconds that its training took where this run has made it."""
        if self.spec.teacher is None and self.report is None:
            task = teacher.Task(self.spec, self.dataset, self.labeled, self.here)
            return teacher.fine_tune(task, self.context, self.reporter)
        self.reporter.say("Loading the teacher")
        loaded = teacher.load(self._teacher_ref, self.dataset, self.context.store)
        return loaded, self.report.train_s if self.report else None

    def _read_all(self) -> TeacherOutputs:
        """The teacher's logits on all training texts; none where no arm is taught."""
        if not any(cell.is_taught for cell in self.open_cells()):
            return TeacherOutputs(torch.empty(0, len(self.dataset.label_names)), None, (), 0.0)
        encoded = self.teacher.encode(self.train["text"].tolist(), self.spec.max_length)
        taught = teacher_cache.outputs(
            self.teacher.model, encoded, self.here, keep_hidden=False, check=self.context.check
        )
        self.pass_s = taught.seconds if self.pass_s is None else self.pass_s
        return taught

    # ── size and time ────────────────────────────────────────────────────────────────────────────────────────

    def measure(self) -> None:
        """Count every student and time all of them and the teacher in turns, before any of them learns: weights do not
        change the time, and a change of the machine's load meets all alike."""
        missing = {cell.student: cell for cell, row in self.rows.items() if row.latency_ms_p50 is None}
        self.reporter.say(f"Timing {len(missing)} students")
        opened = {ref: self._attempt(ref, partial(self._open, ref)) for ref in missing}
        there = {ref: student for ref, student in opened.items() if student is not None}
        if not there or self.report is None:
            self.context.set_result(self.result())
            return
        timings = interleaved((self.teacher, *there.values()), 1, self._seq_len, self.here)
        if self.report.latency_ms_p50 is None:
            self.report = self.report.model_copy(update=_latency(timings[0]))
        for (ref, student), timing in zip(there.items(), timings[1:], strict=True):
            facts = {
                "family": student.family.key, "params": parameters.count(student.model),
                "params_by_part": parameters.count_by_part(student.model),
                "layers": students.n_layers(student.model.config), **_latency(timing),
                "speedup": timings[0].latency_ms_p50 / timing.latency_ms_p50,
            }  # fmt: skip
            self._update(ref, facts)
        self.context.set_result(self.result())

    def _open(self, ref: Ref) -> LoadedModel:
        """A student that has shown that it reads."""
        student = models.load(ref, self.context.store, label_names=self.dataset.label_names)
        student.model.to(self.here.torch_device)
        evaluate.predict(student.model, student.encode(self.texts[:PROBE_TEXTS], self.spec.max_length), self.here)
        return student

    def _update(self, ref: Ref, facts: dict[str, Any]) -> None:
        """Set these fields in all rows of one student."""
        for cell, row in self.rows.items():
            if cell.student == ref:
                self.rows[cell] = row.model_copy(update=facts)

    def _attempt(self, ref: Ref, work: Callable[[], T], cell: Cell | None = None) -> T | None:
        """The result of `work`; None where it fails, with the reason in the row of the cell, or in all of the student.

        A full disk and a stop are everybody's.
        """
        try:
            return work()
        except (Stopped, OSError):
            raise
        except Exception as error:  # noqa: BLE001 - one student's failure is its own rows' error, whatever it is
            said = explained(error)
            self.context.log(f"{ref}: {said}")
            info = ErrorInfo(**said.as_json())
            for place, row in self.rows.items():
                if place.student == ref and cell in (None, place) and row.accuracy is None:
                    self.rows[place] = row.model_copy(update={"error": info})
            return None

    # ── one student in one arm ───────────────────────────────────────────────────────────────────────────────

    def teach(self, cell: Cell) -> None:
        """Train and test one student in one arm."""
        self.reporter.starts(self._cost(cell))
        learned = self._attempt(cell.student, partial(self._learn, cell), cell)
        if learned is not None:
            self.rows[cell] = learned
        self.reporter.arm_done()

    def _learn(self, cell: Cell) -> StudentRow:
        student = self._start(cell)
        train, test = self._tokens(student)
        lesson = self._lesson(cell, train)
        passes = student_plan.epochs(self.spec, cell, len(self.train))
        settings = replace(
            train_settings(self.spec, cell.seed), epochs=passes, evals_per_epoch=0, token_ids=lesson.encoded.token_ids
        )
        hooks = Hooks(
            on_event=partial(self._say, cell), check=self.context.check,
            checkpoint_dir=self.context.run.checkpoint_dir / f"{cell.place:02d}-{cell.arm}-{cell.seed}",
        )  # fmt: skip
        step = DistillStep(self._loss(cell), lesson, student, self.teacher, (), self.here)
        try:
            report = fit(student.model, lesson.encoded.lengths, step, settings, self.here, hooks)
        finally:
            step.close(student.model)
        logits = evaluate.predict(student.model, test, self.here, check=self.context.check)
        self.predictions.add(student_plan.key(self.spec, str(cell.student), cell.arm, cell.seed), logits)
        learned = {
            "train_texts": len(lesson.encoded), "labels": int(lesson.labeled[: len(lesson.encoded)].sum()),
            "epochs": passes, "train_s": report.train_s,
        }  # fmt: skip
        return self.rows[cell].model_copy(update={**learned, **self._grade(logits)})

    def _start(self, cell: Cell) -> LoadedModel:
        """The student before its first step. The head is fresh, and so is everything where the arm wants it so."""
        device.seed_everything(cell.seed)
        names = self.dataset.label_names
        student = models.load(cell.student, self.context.store, label_names=names)
        if not cell.starts_at_random:
            return student
        return replace(student, model=models.build_classifier(student.model.config, names), weights="random")

    def _tokens(self, student: LoadedModel) -> tuple[Encoded, Encoded]:
        """All training texts and the test texts as this student reads them: the same in every arm."""
        if student.ref not in self._encoded:
            length = self.spec.max_length
            self._encoded[student.ref] = (
                student.encode(self.train["text"].tolist(), length), student.encode(self.texts, length)
            )  # fmt: skip
        return self._encoded[student.ref]

    def _lesson(self, cell: Cell, train: Encoded) -> Lesson:
        labeled = torch.arange(len(train)) < (len(train) if cell.arm == "all-labels" else self.spec.labels)
        seen = replace(train, ids=train.ids[: self.spec.labels]) if cell.sees_labels_alone else train
        return Lesson(seen, self.train_labels, labeled, self.taught)

    def _loss(self, cell: Cell) -> DistillSpec:
        """The loss of the arm, in the words of a distillation; labels alone are plain cross-entropy."""
        soft, hard = (self.spec.soft, self.spec.hard) if cell.is_taught else (0.0, 1.0)
        return DistillSpec(
            teacher=self.spec.teacher or self.spec.base, student=cell.student, soft=soft, hard=hard,
            temperature=self.spec.temperature,
        )  # fmt: skip

    def _say(self, cell: Cell, progress: Progress) -> None:
        done = progress.step / progress.total_steps
        self.reporter.say(f"{cell.student.title}, {cell.arm}: step {progress.step} of {progress.total_steps}", done)

    def _grade(self, logits: Tensor) -> dict[str, Any]:
        found = evaluate.accuracy(logits, self.labels)
        agreed = evaluate.compare_with_teacher(logits, self.says, self.labels)
        best = self.report.accuracy if self.report else 0.0  # never 0: `teacher.judge` refuses such a teacher
        return {**found.model_dump(), "retained": found.accuracy / best if best else None, **vars(agreed)}


def _latency(timing: Any) -> dict[str, float]:
    return {"latency_ms_p50": timing.latency_ms_p50, "latency_ms_p95": timing.latency_ms_p95}
