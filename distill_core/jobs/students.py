"""Ten students, one teacher: get the teacher → it reads all texts once → measure all → teach, several at once.

Where no teacher is given, MiniLM becomes one on the labeled texts, in the same run. The students split texts into
tokens of their own, so only logits are compared. One student's failure is its rows' error, never the end of the run.
What each arm sees and how often stands in `plans/student_plan.py`; what one student does in one arm stands in
`student_lesson.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch
from torch import Tensor

from distill_core.datasets.dataset import Dataset
from distill_core.errors import DistillError
from distill_core.jobs import cells as runner
from distill_core.jobs import data, overlaps, teacher
from distill_core.jobs.classroom import Classroom
from distill_core.jobs.device import prepared_device
from distill_core.jobs.isolation import Outcome, attempt, side_by_side
from distill_core.jobs.reporting import Reporter
from distill_core.jobs.student_lesson import Assignment, Learned, learn, lesson_bytes, lessons_at_once
from distill_core.jobs.supervised import Predictions, drop_checkpoints
from distill_core.machine.devices import Device
from distill_core.measure import evaluate
from distill_core.measure.load import Quiet
from distill_core.measure.turns import TIMES, in_turns, time_fields
from distill_core.model_ref import Ref
from distill_core.models import loading
from distill_core.models.loading import LoadedModel
from distill_core.plans import student_plan, teachers, work
from distill_core.plans.cells import StudentCell
from distill_core.results import Cut, ErrorInfo, StudentRow, StudentsResult, TeacherOfTen
from distill_core.runs.control import JobContext
from distill_core.specs import StudentsSpec
from distill_core.tasks.base import labels_of, texts_of
from distill_core.tasks.classification import TASK as CLASSIFICATION
from distill_core.training import teacher_cache
from distill_core.training.loop import Progress
from distill_core.training.teacher_cache import TeacherOutputs

PROBE_TEXTS = 2  # read by every student before all are timed together: a broken one must not end the timing


def run(spec: StudentsSpec, context: JobContext) -> StudentsResult:
    """Train and evaluate every student in every arm; rows that an interrupted try has finished are kept."""
    device = prepared_device(spec, context)
    dataset = data.load((spec.dataset,), context)[spec.dataset.key]
    job = _Job(spec, context, device, dataset)
    job.get_teacher()
    job.measure()
    job.teach()
    return job.result()


@dataclass
class _Job(runner.Job[StudentCell, Learned]):
    """What the cells share: texts, labels, the teacher with its outputs, and the rows so far."""

    spec: StudentsSpec
    context: JobContext
    device: Device
    dataset: Dataset
    rows: dict[StudentCell, StudentRow] = field(default_factory=dict)
    report: TeacherOfTen | None = None
    pass_s: float | None = None
    shares: dict[StudentCell, float] = field(default_factory=dict)
    cut: tuple[Cut, ...] = ()

    def __post_init__(self) -> None:
        spec = self.spec
        self.labeled = self.dataset.sample_train(spec.labels, spec.seed)
        self.train = self.dataset.sample_train(0, spec.seed)  # the labeled texts come first
        self.test = CLASSIFICATION.test_rows(self.dataset, spec.eval_examples)
        self.texts, self.labels = list(texts_of(self.test)), labels_of(self.test)
        self.predictions = Predictions(self.context, self.texts, self.labels)
        met = (spec.teacher, spec.base, *spec.students)
        self.overlaps = overlaps.of_models(met, {spec.dataset.key: self.dataset}, self.context.store)
        self._take_over(self.context.run.result())
        n_texts, store = (len(self.train), len(self.texts)), self.context.store
        self.costs = {cell: work.student_work(cell, *n_texts, store) for cell in self.rows}
        self.teacher_cost = work.teacher_work(spec, *n_texts, store)
        done = sum(cost for cell, cost in self.costs.items() if self.rows[cell].accuracy is not None)
        done += self.teacher_cost if self.report is not None else 0.0
        self.reporter = Reporter(self.context, sum(self.costs.values()) + self.teacher_cost, done)

    def _take_over(self, earlier: object) -> None:
        """Rows and teacher of an interrupted try; what has failed is tried again."""
        found: dict[tuple[str, str, int], StudentRow] = {}
        if isinstance(earlier, StudentsResult):
            found = {(row.student, row.arm, row.seed): row for row in earlier.rows if row.error is None}
            self.report, self.pass_s = earlier.teacher, earlier.teacher_pass_s
        for cell in student_plan.plan(self.spec, len(self.train)):
            fresh = StudentRow(
                student=str(cell.student),
                title=cell.student.title,
                arm=cell.arm,
                seed=cell.seed,
                family=cell.student.family.key if cell.student.family else "",
                weights="random" if cell.starts_at_random else "pretrained",
            )
            self.rows[cell] = found.get((fresh.student, fresh.arm, fresh.seed), fresh)

    def open_cells(self) -> list[StudentCell]:
        """What is still to be learned; a student that does not load has failed in all its cells already."""
        return [cell for cell, row in self.rows.items() if row.accuracy is None and row.error is None]

    def result(self) -> StudentsResult:
        """The result so far."""
        return StudentsResult(
            dataset=self.spec.dataset.key,
            label_names=self.dataset.label_names,
            train_texts=len(self.train),
            labels=self.spec.labels,
            seq_len=self._seq_len,
            teacher=self.report,
            teacher_pass_s=self.pass_s,
            rows=tuple(self.rows.values()),
            overlaps=self.overlaps,
            cut=self.cut,
        )

    @property
    def _seq_len(self) -> int:
        return min(self.spec.max_length, 128)

    # ── the teacher ──────────────────────────────────────────────────────────────────────────────────────────

    def get_teacher(self) -> None:
        """Load it or make it, let it read all texts once, and judge it on the test texts."""
        self.reporter.starts(self.teacher_cost if self.report is None else 0.0)
        self.teacher, train_s = self._teacher()
        self.reporter.say("The teacher reads all texts once", 0.8)
        length = self.teacher.reads(self.spec.max_length)
        probe = CLASSIFICATION.probe(self.teacher, self.test, length)
        self.teacher_logits, judged = teacher.judged(
            CLASSIFICATION, self.teacher, probe, self.device, self.context.check
        )
        self.predictions.add("teacher", self.teacher_logits)
        self.room = Classroom(
            self.spec, CLASSIFICATION, self.dataset, self.train, self.test, self.context.store, self._read_all()
        )
        texts = {"train": self.train["text"].tolist(), "test": self.texts}
        self.cut = (data.cut(self.teacher, self.spec.dataset.key, self.spec.max_length, **texts),)
        ref, labels = teachers.origin(self._teacher_ref, self.context.store)
        times = self.report.model_dump(include={*TIMES, "seq_len"}) if self.report else {}
        self.report = TeacherOfTen(
            **{**judged.model_dump(), "max_length": length, **times},
            ref=str(self._teacher_ref),
            title=ref.title,
            family=self.teacher.family.key,
            labels=labels,
            train_s=train_s,
        )
        self.context.set_result(self.result())
        self.reporter.arm_done()

    @property
    def _teacher_ref(self) -> Ref:
        """The one that was given, else the one that this run makes and keeps as its model."""
        return self.spec.teacher or Ref("run", self.context.run.id)

    def _teacher(self) -> tuple[LoadedModel, float | None]:
        """The teacher, and the seconds that its training took where this run has made it."""
        if self.spec.teacher is None and self.report is None:
            return teacher.fine_tune(self.spec, self.dataset, self.labeled, self.device, self.context, self.reporter)
        self.reporter.say("Loading the teacher")
        loaded = CLASSIFICATION.teacher(self._teacher_ref, self.dataset, self.context.store)
        return loaded, self.report.train_s if self.report else None

    def _read_all(self) -> TeacherOutputs:
        """The teacher's logits on all training texts; none where no arm is taught."""
        if not any(cell.is_taught for cell in self.open_cells()):
            return TeacherOutputs(torch.empty(0, len(self.dataset.label_names)), None, (), 0.0)
        encoded = self.teacher.encode(self.train["text"].tolist(), self.teacher.reads(self.spec.max_length))
        teacher_outputs = teacher_cache.outputs(
            self.teacher.model, encoded, self.device, keep_hidden=False, check=self.context.check
        )
        self.pass_s = teacher_outputs.seconds if self.pass_s is None else self.pass_s
        return teacher_outputs

    # ── size and time ────────────────────────────────────────────────────────────────────────────────────────

    def measure(self) -> None:
        """Count every student and time all of them and the teacher in turns, before any of them learns: weights do not
        change the time, and a change of the machine's load meets all alike."""
        missing = {cell.student: cell for cell, row in self.rows.items() if row.latency_ms_p50 is None}
        self.reporter.say(f"Timing {len(missing)} students")
        opened = {ref: self._attempt(ref) for ref in missing}
        there = {ref: student for ref, student in opened.items() if student is not None}
        if not there or self.report is None:
            self.context.set_result(self.result())
            return
        Quiet(self.reporter.say, self.context.check).wait()
        self.reporter.say(f"Timing {len(missing)} students")
        own, timed = in_turns(self.teacher, list(there.values()), 1, self._seq_len, self.device)
        if self.report.latency_ms_p50 is None:
            self.report = self.report.model_copy(update={**time_fields(own), "seq_len": self._seq_len})
        for (ref, student), beside in zip(there.items(), timed, strict=True):
            size = teacher.size_of(student.model)
            self._update(ref, {"family": student.family.key, **size, **beside.fields})
        self.context.set_result(self.result())

    def _open(self, ref: Ref) -> LoadedModel:
        """A student that has shown that it reads."""
        student = loading.load(ref, self.context.store, label_names=self.dataset.label_names)
        if student.note:
            self.context.log(f"{ref}: {student.note}")
        student.model.to(self.device.torch_device)
        evaluate.predict(student.model, student.encode(self.texts[:PROBE_TEXTS], self.spec.max_length), self.device)
        return student

    def _update(self, ref: Ref, facts: dict[str, Any]) -> None:
        """Set these fields in all rows of one student."""
        for cell, row in self.rows.items():
            if cell.student == ref:
                self.rows[cell] = row.model_copy(update=facts)

    def _attempt(self, ref: Ref) -> LoadedModel | None:
        """The student, opened; None where that fails, with the reason in all of its open rows. Raises Stopped and
        OSError, which end the run."""
        outcome = attempt(ref, partial(self._open, ref))
        if outcome.error is None:
            return outcome.result  # type: ignore[no-any-return]
        for cell, row in self.rows.items():
            if cell.student == ref and row.accuracy is None:
                self.failed(cell, outcome.error)
        return None

    def failed(self, cell: StudentCell, error: DistillError) -> None:
        """Write the error into the row of the cell."""
        self.context.log(f"{cell.student}, {cell.arm}: {error}")
        self.rows[cell] = self.rows[cell].model_copy(update={"error": ErrorInfo(**error.as_json())})

    # ── the lessons ──────────────────────────────────────────────────────────────────────────────────────────────

    def teach(self) -> None:
        """All open cells, several at once where the machine has cores for them. One whose process was killed, for
        instance for lack of memory, tries once more with the machine to itself."""
        cells = self.open_cells()
        self.reporter.say(f"{len(cells)} lessons")
        store = self.context.store
        needed = [lesson_bytes(self.spec, cell, self.rows[cell].params or 0, store) for cell in cells]
        killed = self._teach(cells, lessons_at_once(self.device, needed))
        if killed:
            self.context.log(f"{len(killed)} lessons were ended from outside; each tries again alone.")
            self._teach(killed, 1, last_try=True)
        drop_checkpoints(self.context)

    def _teach(self, cells: list[StudentCell], at_once: int, *, last_try: bool = False) -> list[StudentCell]:
        """The cells that were killed; on the last try that is an error like any other."""
        threads = max(1, self.device.threads // max(1, at_once))
        folder = partial(runner.checkpoint_dir, self.context)
        given = ((cell, Assignment(self.room, cell, threads, folder(cell))) for cell in cells)
        killed: list[StudentCell] = []

        def ended() -> Iterator[Outcome]:
            for outcome in side_by_side(learn, given, at_once, self.context, self._hear):
                self.shares.pop(outcome.key, None)
                if outcome.killed and not last_try:
                    killed.append(outcome.key)
                else:
                    yield outcome

        runner.finish(self, ended())
        return killed

    def _hear(self, cell: StudentCell, progress: Progress) -> None:
        """The bar stands at the sum of the cells that are at work."""
        self.shares[cell] = progress.step / progress.total_steps
        whole = sum(self.costs[other] for other in self.shares)
        done = sum(self.costs[other] * share for other, share in self.shares.items())
        self.reporter.starts(whole)
        at = f"step {progress.step} of {progress.total_steps}"
        self.reporter.say(f"{cell.student.title}, {cell.arm}: {at}", done / whole)

    def cost(self, cell: StudentCell) -> float:
        """Layer passes of its training and its test."""
        return self.costs[cell]

    def keep(self, cell: StudentCell, learned: Learned) -> None:
        """Grade what it says about the test texts."""
        logits = torch.from_numpy(learned.logits)
        self.predictions.add(cell.key, logits)
        self.rows[cell] = self.rows[cell].model_copy(update={**learned.took, **self._grade(logits)})

    def _grade(self, logits: Tensor) -> dict[str, Any]:
        found = evaluate.accuracy(logits, self.labels)
        agreed = evaluate.compare_with_teacher(logits, self.teacher_logits, self.labels)
        best = self.report.accuracy if self.report else 0.0  # never 0: `teacher.judged` refuses such a teacher
        return {**found.model_dump(), "retained": found.accuracy / best if best else None, **vars(agreed)}
