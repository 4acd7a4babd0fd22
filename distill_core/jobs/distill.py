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

from distill_core.datasets import catalogue
from distill_core.errors import SpecError
from distill_core.jobs import teacher as own_teacher
from distill_core.jobs.device import prepared_device
from distill_core.jobs.distill_lesson import Classroom, Job, Tested
from distill_core.jobs.reporting import Reporter
from distill_core.jobs.supervised import Predictions, drop_checkpoints
from distill_core.models import students
from distill_core.models.loading import LoadedModel
from distill_core.models.text_classifier import TextClassifier
from distill_core.plans import arms
from distill_core.plans.arms import Arm
from distill_core.results import DistillResult
from distill_core.runs.control import JobContext
from distill_core.specs import DistillSpec
from distill_core.tasks import facts, table
from distill_core.tasks.base import labels_of, texts_of
from distill_core.training import teacher_cache


def run(spec: DistillSpec, context: JobContext) -> DistillResult:
    """Train and evaluate every arm beside the teacher; arms that an interrupted try has finished are kept."""
    device = prepared_device(spec, context)
    dataset = catalogue.load(spec.dataset, text_column=spec.text_column, label_column=spec.label_column)
    task = table.code_of(facts.of(spec.mode, dataset.task))
    planned = arms.plan(spec)
    reporter = Reporter(context, len(planned) + 1)
    reporter.say("Loading the teacher")
    job = Job(spec, context, device, dataset, task, reporter)
    classroom = _prepare(job, _load_teacher(job, planned))
    earlier = context.run.result()
    done = list(earlier.students) if isinstance(earlier, DistillResult) else []
    if isinstance(earlier, DistillResult) and earlier.teacher is not None:
        times = {name: getattr(earlier.teacher, name) for name in ("latency_ms_p50", "latency_ms_p95")}
        classroom.teacher_report = classroom.teacher_report.model_copy(update=times)
    result = classroom.result(done)
    context.set_result(result)
    reporter.arm_done()
    finished = {(student.arm, student.seed) for student in done}
    for arm in planned:
        if (arm.name, arm.seed) not in finished:
            done.append(classroom.teach(arm))
            result = classroom.result(done)
            context.set_result(result)
            drop_checkpoints(context)
        reporter.arm_done()
    return result


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
    encoded = task.encode(teacher, train, spec.max_length)
    taught = None
    if not task.facts.drawn_anew:
        job.reporter.say("The teacher reads all texts once")
        keep_hidden = spec.weights.needs("last_hidden")
        taught = teacher_cache.outputs(
            teacher.model, encoded, device, asking=task, keep_hidden=keep_hidden, check=check
        )
    test = task.test_rows(job.dataset, spec.eval_examples)
    logits, report = own_teacher.judged(task, teacher, task.probe(teacher, test, spec.max_length), device, check)
    predictions = None
    if task.facts.positions == "text":  # one row of logits a text
        predictions = Predictions(job.context, list(texts_of(test)), labels_of(test))
        predictions.add("teacher", logits)
    return Classroom(job, teacher, train, encoded, taught, Tested(test, logits, predictions), report)
