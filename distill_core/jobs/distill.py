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

from distill_core.datasets.dataset import Dataset
from distill_core.errors import DistillError, SpecError
from distill_core.jobs import cells, data, overlaps
from distill_core.jobs.classroom import Classroom
from distill_core.jobs.device import prepared_device
from distill_core.jobs.distill_lesson import Lessons, Read
from distill_core.jobs.reporting import Reporter
from distill_core.jobs.supervised import Predictions, drop_checkpoints
from distill_core.jobs.teacher import judged
from distill_core.machine.devices import Device
from distill_core.measure.turns import TIMES
from distill_core.models import students
from distill_core.models.loading import LoadedModel
from distill_core.models.text_classifier import TextClassifier
from distill_core.plans import arms
from distill_core.plans.arms import DistillCell
from distill_core.results import Cut, DistillResult, ErrorInfo, FailedArm, StudentReport
from distill_core.runs.control import JobContext
from distill_core.specs import DistillSpec
from distill_core.tasks import facts, table
from distill_core.tasks.base import Task, labels_of, texts_of
from distill_core.training import teacher_cache


def run(spec: DistillSpec, context: JobContext) -> DistillResult:
    """Train and evaluate every arm beside the teacher; arms that an interrupted try has finished are kept.

    Raises DistillError where no arm at all could be taught.
    """
    device = prepared_device(spec, context)
    dataset = data.load((spec.dataset,), context)[spec.dataset.key]
    spec.check_texts(dataset.train_size)
    n = min(spec.train_examples or dataset.train_size, dataset.train_size)
    planned, earlier = arms.plan(spec, n), context.run.result_as(DistillResult)
    done = list(earlier.students) if earlier is not None else []
    reporter = Reporter(context, len(planned) + 1, len(done))
    reporter.say("Loading the teacher")
    lessons = _lessons(spec, dataset, context, device, reporter, planned)
    if earlier is not None and earlier.teacher is not None:
        times = earlier.teacher.model_dump(include={*TIMES, "seq_len"})
        lessons.teacher_report = lessons.teacher_report.model_copy(update=times)
    job = _Job(context, reporter, lessons, done)
    context.set_result(job.result())
    reporter.arm_done()
    finished = {(student.arm, student.seed) for student in done}
    left = [cell for cell in planned if (cell.arm, cell.seed) not in finished]
    cells.finish(job, cells.in_turn(lessons.teach, left))
    drop_checkpoints(context)
    job.check_some_learned()
    return job.result()


@dataclass
class _Job(cells.Job[DistillCell, StudentReport]):
    """The students so far, and the arms that came to nothing."""

    context: JobContext
    reporter: Reporter
    lessons: Lessons
    done: list[StudentReport]
    failures: list[FailedArm] = field(default_factory=list)
    errors: list[DistillError] = field(default_factory=list)

    def keep(self, cell: DistillCell, report: StudentReport) -> None:
        self.done.append(report)

    def failed(self, cell: DistillCell, error: DistillError) -> None:
        self.context.log(f"{cell.key}: {error}")
        self.errors.append(error)
        self.failures.append(FailedArm(arm=cell.arm, seed=cell.seed, error=ErrorInfo(**error.as_json())))

    def result(self) -> DistillResult:
        return self.lessons.result(self.done, self.failures)

    def check_some_learned(self) -> None:
        """Raises the first error where no student came of the run."""
        if self.errors and not self.done:
            raise self.errors[0]


def _lessons(
    spec: DistillSpec,
    dataset: Dataset,
    context: JobContext,
    device: Device,
    reporter: Reporter,
    planned: list[DistillCell],
) -> Lessons:
    """Tokenize, run the teacher once over all texts unless they are drawn anew, and measure it."""
    task, check = table.code_of(facts.of(spec.mode, dataset.task)), context.check
    teacher = _load_teacher(spec, task, dataset, context, planned)
    train = dataset.sample_train(spec.train_examples, spec.seed, clamp=True)
    teacher.model.to(device.torch_device).eval()
    length = teacher.reads(spec.max_length)
    encoded = task.encode(teacher, train, length)
    outputs = None
    if not task.facts.drawn_anew:
        reporter.say("The teacher reads all texts once")
        keep_hidden = spec.weights.needs("last_hidden")
        outputs = teacher_cache.outputs(
            teacher.model, encoded, device, asking=task, keep_hidden=keep_hidden, check=check
        )
    test = task.test_rows(dataset, spec.eval_examples)
    probe = task.probe(teacher, test, length)
    logits, report = judged(task, teacher, probe, device, check)
    report = report.model_copy(update={"max_length": length})
    predictions = None
    if task.facts.positions == "text":  # one row of logits a text
        predictions = Predictions(context, list(texts_of(test)), labels_of(test))
        predictions.add("teacher", logits)
    room = Classroom(spec, task, dataset, train, test, context.store, outputs, teacher, encoded)
    key = spec.dataset.key
    read = Read(
        overlaps.of_models((spec.teacher, spec.student), {key: dataset}, context.store),
        (Cut(dataset=key, max_length=spec.max_length, train=encoded.cut_share, test=probe.cut_share),),
    )
    return Lessons(room, spec, teacher, context, device, reporter, logits, predictions, report, read)


def _load_teacher(
    spec: DistillSpec, task: Task, dataset: Dataset, context: JobContext, planned: list[DistillCell]
) -> LoadedModel:
    """The teacher, checked against data and students before any work is done."""
    task.facts.check(arms=spec.arms, terms=[term.key for term in spec.weights.used])
    teacher = task.teacher(spec.teacher, dataset, context.store)
    if isinstance(teacher.model, TextClassifier) and spec.student is None:
        raise SpecError(
            f"{spec.teacher} answers in words: it has no head that a shallower copy of it could begin with.",
            "Name a student, for instance minilm, or fine-tune the teacher first and name run:ID.",
        )
    if spec.student is None:
        for cell in planned:
            students.choose_layers(teacher.model.config, cell.spec)
    return teacher
