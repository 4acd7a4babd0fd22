"""Distill: load data → teacher outputs (cached) → build student → fit → evaluate both → save.

    distilled          the student that was asked for, taught with soft targets, labels and inner states
    labeled-only       the same, but it reads the texts with a label alone: what do the others add?
    init-only          the same layers of the teacher, trained on the labels alone
    scratch            random weights, labels alone
    scratch-distilled  random weights, taught

An ablation or a sweep is the same job with other arms (`plans/arms.py`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

import pandas as pd
import torch
from torch import Tensor, nn

from distill_core.datasets import catalogue
from distill_core.datasets.dataset import Dataset
from distill_core.errors import SpecError
from distill_core.jobs import accuracy, general
from distill_core.jobs import teacher as own_teacher
from distill_core.jobs.reporting import Reporter
from distill_core.jobs.supervised import (
    LiveAccuracy,
    Predictions,
    drop_checkpoints,
    labels_of,
    save_model,
    train_settings,
)
from distill_core.machine import devices, environment
from distill_core.machine.devices import Device
from distill_core.measure import evaluate
from distill_core.measure.benchmark import Timing, interleaved
from distill_core.model_ref import Ref
from distill_core.models import loading, parameters, students
from distill_core.models.loading import LoadedModel
from distill_core.models.text_classifier import TextClassifier
from distill_core.models.tokens import Encoded
from distill_core.plans import arms
from distill_core.plans.arms import Arm
from distill_core.results import DistillResult, Metric, ModelReport, StudentReport
from distill_core.runs.control import JobContext
from distill_core.specs import DistillSpec
from distill_core.training import teacher_cache
from distill_core.training.distillation import DistillStep, Lesson
from distill_core.training.loop import Hooks, fit
from distill_core.training.teacher_cache import TeacherOutputs

SAMPLE_TEXTS = 4  # test texts whose probabilities are followed while the student learns


def run(spec: DistillSpec, context: JobContext) -> DistillResult:
    """Train and evaluate every arm beside the teacher; arms that an interrupted try has finished are kept."""
    if spec.mode == "general":
        return general.run(spec, context)
    device = devices.resolve(spec.device, spec.dtype, spec.threads)
    context.set_environment(environment.describe(device.type, device.name, device.dtype, device.threads))
    dataset = catalogue.load(spec.dataset)
    planned = arms.plan(spec)
    reporter = Reporter(context, len(planned) + 1)
    reporter.say("Loading the teacher")
    teacher = _load_teacher(spec, planned, dataset, context)
    classroom = _prepare(spec, context, device, dataset, teacher, reporter)
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


def _load_teacher(spec: DistillSpec, planned: list[Arm], dataset: Dataset, context: JobContext) -> LoadedModel:
    """The teacher, checked against data and students before any work is done."""
    teacher = own_teacher.load(spec.teacher, dataset, context.store)
    if isinstance(teacher.model, TextClassifier) and spec.student is None:
        raise SpecError(
            f"{spec.teacher} answers in words: it has no head that a shallower copy of it could begin with.",
            "Name a student, for instance minilm, or fine-tune the teacher first and name run:ID.",
        )
    if spec.student is None:
        for arm in planned:
            students.choose_layers(teacher.model.config, arm.spec)
    return teacher


def _prepare(
    spec: DistillSpec, context: JobContext, device: Device, dataset: Dataset, teacher: LoadedModel, reporter: Reporter
) -> Classroom:
    """Tokenize, run the teacher once over all texts, and measure it."""
    train = dataset.sample_train(spec.train_examples, spec.seed, clamp=True)
    teacher.model.to(device.torch_device).eval()
    encoded = teacher.encode(train["text"].tolist(), spec.max_length)
    reporter.say("The teacher reads all texts once")
    taught = teacher_cache.outputs(teacher.model, encoded, device, keep_hidden=spec.cosine > 0, check=context.check)
    texts, labels = accuracy.test_texts(dataset, spec.eval_examples)
    logits, report = own_teacher.judge(teacher, texts, labels, spec.max_length, device, context.check)
    predictions = Predictions(context, texts, labels)
    predictions.add("teacher", logits)
    return Classroom(
        spec,
        context,
        device,
        dataset,
        teacher,
        reporter,
        train,
        encoded,
        taught,
        logits,
        report,
        predictions,
        texts,
    )


@dataclass
class Classroom:
    """What the arms share: texts, labels, the teacher's outputs and its report."""

    spec: DistillSpec
    context: JobContext
    device: Device
    dataset: Dataset
    teacher: LoadedModel
    reporter: Reporter
    train: pd.DataFrame
    encoded: Encoded
    taught: TeacherOutputs
    teacher_test_logits: Tensor
    teacher_report: ModelReport
    predictions: Predictions
    test_texts: list[str]

    @property
    def samples(self) -> list[int]:
        """Test texts to follow, from the one of which the teacher is least sure to the surest."""
        by_certainty = self.teacher_test_logits.softmax(-1).amax(-1).argsort().tolist()
        places = torch.linspace(0, len(by_certainty) - 1, min(SAMPLE_TEXTS, len(by_certainty))).tolist()
        return [by_certainty[int(place)] for place in places]

    def result(self, done: list[StudentReport]) -> DistillResult:
        """The result so far."""
        return DistillResult(
            dataset=self.spec.dataset.key,
            teacher_ref=str(self.spec.teacher),
            label_names=self.dataset.label_names,
            teacher=self.teacher_report,
            teacher_pass_s=self.taught.seconds,
            students=tuple(done),
            sample_texts=tuple(self.test_texts[index] for index in self.samples),
            teacher_probabilities=tuple(map(tuple, self.teacher_test_logits[self.samples].softmax(-1).tolist())),
        )

    def teach(self, arm: Arm) -> StudentReport:
        """Train one student, measure it beside the teacher, save the first one."""
        student = self._student(arm)
        same_tokens = students.same_vocabulary(self.teacher.tokenizer, student.tokenizer)
        if not same_tokens and arm.spec.cosine + arm.spec.hidden + arm.spec.attention + arm.spec.relations > 0:
            raise SpecError(
                f"{student.ref} splits texts into other tokens than {self.teacher.ref}; only logits can be compared.",
                "Set cosine, hidden, attention and relations to 0, or take a student with the teacher's vocabulary.",
            )
        encoded = self.encoded if same_tokens else student.encode(self.train["text"].tolist(), self.spec.max_length)
        student_time = self._time(arm, student)
        lesson, step = self._lesson(arm, student, encoded)
        hooks = Hooks(
            on_event=partial(self.reporter.on_training, arm.key, arm.key),
            evaluate=_LiveStudent(student, self),
            check=self.context.check,
            checkpoint_dir=self.context.run.checkpoint_dir / arm.key.replace(" ", "-").replace(",", ""),
        )
        settings = replace(train_settings(self.spec, arm.seed), token_ids=lesson.encoded.token_ids)
        report = fit(student.model, lesson.encoded.lengths, step, settings, self.device, hooks)
        step.close(student.model)
        self.reporter.say(f"{arm.key}: testing", 0.97)
        if arm.key == arms.kept(arms.plan(self.spec)).key:
            save_model(student, self.context)
        return self._report(arm, student, student_time, report.train_s)

    def _student(self, arm: Arm) -> LoadedModel:
        devices.seed_everything(arm.seed)
        spec, teacher = arm.spec, self.teacher
        if spec.student is not None:
            return self._other_student(spec.student, spec.init)
        layers = students.choose_layers(teacher.model.config, spec)
        copied = spec.init == "teacher-layers"
        model = students.shallow_student(teacher.model, layers, copy_weights=copied, student_width=spec.student_width)
        weights: loading.Weights = "pretrained" if copied else "random"
        return LoadedModel(teacher.ref, teacher.family, model, teacher.tokenizer, weights, teacher.label_names)

    def _other_student(self, ref: Ref, init: str) -> LoadedModel:
        """A student of a shape of its own, from its own weights or, where the arm wants it so, from none."""
        names = self.dataset.label_names
        loaded = loading.load(ref, self.context.store, label_names=names)
        if init == "random":
            return replace(loaded, model=loading.build_classifier(loaded.model.config, names), weights="random")
        return loaded

    def _lesson(self, arm: Arm, student: LoadedModel, encoded: Encoded) -> tuple[Lesson, DistillStep]:
        """What this arm sees: all texts, or those with a label."""
        labels = labels_of(self.train)
        n_labeled = self.spec.labeled_examples or len(labels)
        labeled = torch.arange(len(labels)) < n_labeled
        if not arm.reads_unlabeled:
            encoded = Encoded(encoded.ids[:n_labeled], encoded.pad_id, encoded.padding_side)
        lesson = Lesson(encoded, labels, labeled, self.taught)
        layers = () if arm.spec.student else students.choose_layers(self.teacher.model.config, arm.spec)
        return lesson, DistillStep(arm.spec, lesson, student, self.teacher, layers, self.device)

    def _time(self, arm: Arm, student: LoadedModel) -> Timing:
        """Teacher and student at batch size 1, in turns. Before training, so that a page can already place the student
        in the plane of accuracy and latency; weights do not change the time."""
        self.reporter.say(f"{arm.key}: timing")
        length = min(self.spec.max_length, 128)
        teacher_time, student_time = interleaved((self.teacher, student), 1, length, self.device)
        self.teacher_report = self.teacher_report.model_copy(update=_latency(teacher_time))
        self.context.metrics(
            [
                Metric(arm=name, step=0, epoch=0.0, split="test", name="latency_ms_p50", value=timing.latency_ms_p50)
                for name, timing in (("teacher", teacher_time), (arm.key, student_time))
            ]
        )
        return student_time

    def _report(self, arm: Arm, student: LoadedModel, timing: Timing, train_s: float) -> StudentReport:
        texts, labels = accuracy.test_texts(self.dataset, self.spec.eval_examples)
        encoded = student.encode(texts, self.spec.max_length)
        logits = evaluate.predict(student.model, encoded, self.device, check=self.context.check)
        self.predictions.add(arm.key, logits)
        found = evaluate.accuracy(logits, labels)
        agreed = evaluate.compare_with_teacher(logits, self.teacher_test_logits, labels)
        params = parameters.count(student.model)
        teacher_ms = self.teacher_report.latency_ms_p50
        return StudentReport(
            arm=arm.name,
            seed=arm.seed,
            params=params,
            params_by_part=parameters.count_by_part(student.model),
            layers=students.n_layers(student.model.config),
            ingredients=arm.ingredients,
            train_s=train_s,
            params_saved=1 - params / self.teacher_report.params,
            retained=found.accuracy / self.teacher_report.accuracy,
            speedup=teacher_ms / timing.latency_ms_p50 if teacher_ms else None,
            **found.model_dump(),
            **vars(agreed),
            **_latency(timing),
        )


class _LiveStudent:
    """What moves while a student learns: accuracy and agreement on validation texts, and its view of some texts."""

    def __init__(self, student: LoadedModel, classroom: Classroom) -> None:
        length = classroom.spec.max_length
        self._accuracy = LiveAccuracy(student, classroom.dataset, length, classroom.device)
        teacher = LiveAccuracy(classroom.teacher, classroom.dataset, length, classroom.device)
        teacher_logits = teacher.logits(classroom.teacher.model)
        self._teacher_says = teacher_logits.argmax(-1)
        self._teacher_accuracy = teacher.of(teacher_logits).get("accuracy", 0.0)
        self._samples = student.encode([classroom.test_texts[index] for index in classroom.samples], length)
        self._device = classroom.device

    def __call__(self, model: nn.Module) -> dict[str, float]:
        logits = self._accuracy.logits(model)
        values = self._accuracy.of(logits)
        if len(logits):
            values["agreement"] = float((logits.argmax(-1) == self._teacher_says).double().mean())
            values["teacher accuracy"] = self._teacher_accuracy  # on the same texts, for a fair picture
        shares = evaluate.predict(model, self._samples, self._device).softmax(-1)
        for text, row in enumerate(shares.tolist()):
            values |= {f"text {text} class {label}": share for label, share in enumerate(row)}
        return values


def _latency(timing: Timing) -> dict[str, float]:
    return {"latency_ms_p50": timing.latency_ms_p50, "latency_ms_p95": timing.latency_ms_p95}
