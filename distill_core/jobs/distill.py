"""Distill: load data → teacher outputs (cached) → build student → fit → evaluate both → save.

    distilled          the student that was asked for, taught with soft targets, labels and inner states
    labeled-only       the same, but it reads the texts with a label alone: what do the others add?
    init-only          the same layers of the teacher, trained on the labels alone
    scratch            random weights, labels alone
    scratch-distilled  random weights, taught

An ablation or a sweep is the same job with other arms (`plans/arms.py`). What is asked of teacher and students is the
task's (`tasks/`): the classes of a data set, or in general distillation the masked words of raw text.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from distill_core.datasets import catalogue
from distill_core.errors import DistillError, SpecError
from distill_core.jobs import cells
from distill_core.jobs import teacher as own_teacher
from distill_core.jobs.device import prepared_device
from distill_core.jobs.distill_lesson import Classroom, Job, Tested
from distill_core.jobs.reporting import Reporter
from distill_core.jobs.supervised import Predictions
from distill_core.models import students
from distill_core.models.loading import LoadedModel
from distill_core.models.text_classifier import TextClassifier
from distill_core.plans import arms
from distill_core.plans.arms import Arm
from distill_core.results import DistillResult, ErrorInfo, FailedArm, StudentReport
from distill_core.runs.control import JobContext
from distill_core.specs import DistillSpec
from distill_core.tasks import facts, table
from distill_core.tasks.base import labels_of, texts_of
from distill_core.training import teacher_cache


def run(spec: DistillSpec, context: JobContext) -> DistillResult:
    """Train and evaluate every arm beside the teacher; arms that an interrupted try has finished are kept.

    Raises DistillError where no arm at all could be taught.
    """
    device = prepared_device(spec, context)
    dataset = catalogue.load(spec.dataset)
    task = table.code_of(facts.of(spec.mode, dataset.task))
    planned, earlier = arms.plan(spec), context.run.result_as(DistillResult)
    done = list(earlier.students) if earlier is not None else []
    reporter = Reporter(context, len(planned) + 1, len(done))
    reporter.say("Loading the teacher")
    job = Job(spec, context, device, dataset, task, reporter)
    classroom = _prepare(job, _load_teacher(job, planned))
    if earlier is not None and earlier.teacher is not None:
        times = earlier.teacher.model_dump(include={"latency_ms_p50", "latency_ms_p95"})
        classroom.teacher_report = classroom.teacher_report.model_copy(update=times)
    learned = _Students(classroom, context, reporter, done)
    context.set_result(learned.result())
    reporter.arm_done()
    finished = {(student.arm, student.seed) for student in done}
    left = [arm for arm in planned if (arm.name, arm.seed) not in finished]
    cells.finish(learned, cells.in_turn(classroom.teach, left))
    learned.check_some_learned()
    return learned.result()


@dataclass
class _Students:
    """The students so far, and the arms that came to nothing."""

    classroom: Classroom
    context: JobContext
    reporter: Reporter
    done: list[StudentReport]
    failures: list[FailedArm] = field(default_factory=list)
    errors: list[DistillError] = field(default_factory=list)

    def keep(self, arm: Arm, report: StudentReport) -> None:
        self.done.append(report)

    def failed(self, arm: Arm, error: DistillError) -> None:
        self.context.log(f"{arm.key}: {error}")
        self.errors.append(error)
        self.failures.append(FailedArm(arm=arm.name, seed=arm.seed, error=ErrorInfo(**error.as_json())))

    def cost(self, arm: Arm) -> float:
        """All arms move the bar alike."""
        return 1.0

    def checkpoint_dir(self, arm: Arm) -> Path:
        return self.classroom.checkpoint_dir(arm)

    def result(self) -> DistillResult:
        return self.classroom.result(self.done, self.failures)

    def check_some_learned(self) -> None:
        """Raises the first error where no student came of the run."""
        if self.errors and not self.done:
            raise self.errors[0]


def _load_teacher(job: Job, planned: list[Arm]) -> LoadedModel:
    """The teacher, checked against data and students before any work is done."""
    spec, task = job.spec, job.task.facts
    unfit = [term.key for term in spec.weights.used if term.key not in task.terms]
    if unfit:
        raise SpecError(
            f"{', '.join(unfit)} means nothing for {task.title.lower()}.",
            f"Set it to 0. It has {', '.join(task.terms)}.",
        )
    teacher = job.task.teacher(spec.teacher, job.dataset, job.context.store)
    if isinstance(teacher.model, TextClassifier) and spec.student is None:
        raise SpecError(
            f"{spec.teacher} answers in words: it has no head that a shallower copy of it could begin with.",
            "Name a student, for instance minilm, or fine-tune the teacher first and name run:ID.",
        )
    if spec.student is None:
        for arm in planned:
            students.choose_layers(teacher.model.config, arm.spec)
    return teacher


def _prepare(job: Job, teacher: LoadedModel) -> Classroom:
    """Tokenize, run the teacher once over all texts unless they are drawn anew, and measure it."""
    spec, task, device, check = job.spec, job.task, job.device, job.context.check
    train = job.dataset.sample_train(spec.train_examples, spec.seed, clamp=True)
    teacher.model.to(device.torch_device).eval()
    length = teacher.reads(spec.max_length)
    encoded = task.encode(teacher, train, length)
    teacher_outputs = None
    if not task.facts.drawn_anew:
        job.reporter.say("The teacher reads all texts once")
        keep_hidden = spec.weights.needs("last_hidden")
        teacher_outputs = teacher_cache.outputs(
            teacher.model, encoded, device, asking=task, keep_hidden=keep_hidden, check=check
        )
    test = task.test_rows(job.dataset, spec.eval_examples)
    logits, report = own_teacher.judged(task, teacher, task.probe(teacher, test, length), device, check)
    report = report.model_copy(update={"max_length": length})
    predictions = None
    if task.facts.positions == "text":  # one row of logits a text
        predictions = Predictions(job.context, list(texts_of(test)), labels_of(test))
        predictions.add("teacher", logits)
    return Classroom(job, teacher, train, encoded, teacher_outputs, Tested(test, logits, predictions), report)
