"""What one student of a distillation does: start, learn, be measured beside its teacher."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from torch import Tensor, nn

from distill_core.datasets.dataset import Dataset
from distill_core.errors import SpecError
from distill_core.jobs.reporting import Reporter
from distill_core.jobs.supervised import LiveAccuracy, Predictions, save_model, train_settings
from distill_core.jobs.teacher import accuracy_fields, size_of
from distill_core.jobs.trained import Trained, learned_weights, taken_up
from distill_core.machine import devices
from distill_core.machine.devices import Device
from distill_core.measure import evaluate
from distill_core.measure.benchmark import Timing, interleaved
from distill_core.model_ref import Ref
from distill_core.models import loading, students
from distill_core.models.loading import LoadedModel
from distill_core.models.tokens import Encoded
from distill_core.plans import arms
from distill_core.plans.arms import Arm
from distill_core.results import DistillResult, FailedArm, Metric, ModelReport, StudentReport
from distill_core.runs.control import JobContext
from distill_core.specs import DistillSpec
from distill_core.tasks.base import Task, texts_of
from distill_core.terms import TOKEN_TERMS
from distill_core.training.distillation import DistillStep, Lesson
from distill_core.training.loop import FitReport, Hooks, fit
from distill_core.training.teacher_cache import TeacherOutputs

SAMPLE_TEXTS = 4  # test texts whose probabilities are followed while the student learns


@dataclass(frozen=True)
class Job:
    """What a run works with: what was asked, of which data and task, on which device, and whom it tells."""

    spec: DistillSpec
    context: JobContext
    device: Device
    dataset: Dataset
    task: Task
    reporter: Reporter


@dataclass(frozen=True)
class Tested:
    """The rows that every model is tested on, what the teacher says of them (positions, choices), and where the logits
    of each arm are written; None where a text may have more than one."""

    rows: pd.DataFrame
    teacher_logits: Tensor
    predictions: Predictions | None

    def samples(self) -> list[int]:
        """Test texts to follow, from the one of which the teacher is least sure to the surest."""
        if self.predictions is None:
            return []
        by_certainty = self.teacher_logits.softmax(-1).amax(-1).argsort().tolist()
        places = torch.linspace(0, len(by_certainty) - 1, min(SAMPLE_TEXTS, len(by_certainty))).tolist()
        return [by_certainty[int(place)] for place in places]


@dataclass
class Classroom:
    """What the arms share: texts with their questions, the teacher's outputs (None: it is asked at every step) and its
    report."""

    job: Job
    teacher: LoadedModel
    train: pd.DataFrame
    encoded: Encoded
    teacher_outputs: TeacherOutputs | None
    tested: Tested
    teacher_report: ModelReport

    def result(self, done: Sequence[StudentReport], failed: Sequence[FailedArm]) -> DistillResult:
        """The result so far."""
        samples = self.tested.samples()
        texts = texts_of(self.tested.rows)
        return DistillResult(
            dataset=self.job.spec.dataset.key,
            teacher_ref=str(self.job.spec.teacher),
            label_names=self.job.dataset.label_names if self.job.task.facts.choices == "classes" else (),
            teacher=self.teacher_report,
            teacher_pass_s=self.teacher_outputs.seconds if self.teacher_outputs is not None else None,
            students=tuple(done),
            failed=tuple(failed),
            sample_texts=tuple(texts[index] for index in samples),
            teacher_probabilities=tuple(map(tuple, self.tested.teacher_logits[samples].softmax(-1).tolist())),
        )

    def teach(self, arm: Arm) -> StudentReport:
        """Train one student, measure it beside the teacher, save the first one."""
        student = self._student(arm)
        encoded = self._texts_for(arm, student)
        student_time = self._time(arm, student)
        layers = () if arm.spec.student else students.choose_layers(self.teacher.model.config, arm.spec)
        lesson = Lesson(encoded, self.teacher_outputs, self.job.task)
        step = DistillStep(arm.spec.weights, lesson, student, self.teacher, layers, self.job.device)
        try:
            report = self._train(arm, student, encoded, step)
        finally:
            step.close()
        self.job.reporter.say(f"{arm.key}: testing", 0.97)
        with Trained(learned_weights(student.model), report).kept_when_stopped(self.checkpoint_dir(arm)):
            if arm.key == arms.kept(arms.plan(self.job.spec)).key:
                save_model(student, self.job.context, self.job.spec.max_length)
            return self._report(arm, student, student_time, report.train_s)

    def checkpoint_dir(self, arm: Arm) -> Path:
        """Where the training of this arm is gone on from."""
        return self.job.context.run.checkpoint_dir / arm.key.replace(" ", "-").replace(",", "")

    def _train(self, arm: Arm, student: LoadedModel, encoded: Encoded, step: DistillStep) -> FitReport:
        """Train, or take up what a try has left that was stopped after its training."""
        job, folder = self.job, self.checkpoint_dir(arm)
        hooks = Hooks(
            on_event=partial(job.reporter.on_training, arm.key, arm.key),
            evaluate=self._follower(student),
            check=job.context.check,
            checkpoint_dir=folder,
        )
        settings = replace(train_settings(job.spec, arm.seed), token_ids=encoded.token_ids)
        return taken_up(folder, student.model, job.device) or fit(
            student.model, encoded.lengths, step, settings, job.device, hooks
        )

    def _student(self, arm: Arm) -> LoadedModel:
        devices.seed_everything(arm.seed)
        spec, teacher = arm.spec, self.teacher
        if spec.student is not None:
            return self._other_student(spec.student, spec.init)
        layers = students.choose_layers(teacher.model.config, spec)
        copied = spec.init == "teacher-layers"
        model = students.shallow_student(
            teacher.model, layers, copy_weights=copied, student_width=spec.student_width, head=self.job.task.head
        )
        weights: loading.Weights = "pretrained" if copied else "random"
        return LoadedModel(teacher.ref, teacher.family, model, teacher.tokenizer, weights, teacher.label_names)

    def _other_student(self, ref: Ref, init: str) -> LoadedModel:
        """A student of a shape of its own, from its own weights or, where the arm wants it so, from none."""
        loaded = self.job.task.learner(ref, self.job.dataset, self.job.context.store)
        if init == "random":
            return replace(loaded, model=self.job.task.head(loaded.model.config), weights="random")
        if loaded.note:
            self.job.context.log(f"{ref}: {loaded.note}")
        return loaded

    def _texts_for(self, arm: Arm, student: LoadedModel) -> Encoded:
        """What this student reads: all texts, or those with a label. Raises SpecError for a loss on tokens where the
        student has tokens of its own."""
        encoded = self.encoded
        if self.job.task.facts.drawn_anew:
            return encoded  # each text holds its own answers
        same_words = students.same_vocabulary(self.teacher.tokenizer, student.tokenizer)
        own = self.job.spec.max_length
        if not same_words or self.teacher.reads(own) != own:
            encoded = self.job.task.encode(student, self.train, own)
            if arm.spec.weights.compares_tokens and (not same_words or encoded.lengths != self.encoded.lengths):
                raise self._other_tokens(student, same_words=same_words)
        n_labeled = self.job.spec.labeled_examples or len(encoded)
        return encoded.answered_first(n_labeled) if arm.reads_unlabeled else encoded.part(slice(n_labeled))

    def _other_tokens(self, student: LoadedModel, *, same_words: bool) -> SpecError:
        """Why the states of this student's tokens cannot be compared with those of its teacher's."""
        if not same_words:
            return SpecError(
                f"{student.ref} splits texts into other tokens than {self.teacher.ref}; only logits can be compared.",
                f"Set {TOKEN_TERMS} to 0, or take a student with the teacher's vocabulary.",
            )
        own, teachers = self.job.spec.max_length, self.teacher.reads(self.job.spec.max_length)
        return SpecError(
            f"The teacher was trained on texts cut at {teachers} tokens, the student reads {own}; only logits can be "
            "compared.",
            f"Set max_length to {teachers}, or {TOKEN_TERMS} to 0.",
        )

    def _follower(self, student: LoadedModel) -> Callable[[nn.Module], dict[str, float]]:
        """What moves while this student learns."""
        own = self._live(student)
        return own if self.tested.predictions is None else _LiveStudent(student, self, own, self._live(self.teacher))

    def _live(self, loaded: LoadedModel) -> LiveAccuracy:
        length = loaded.reads(self.job.spec.max_length)
        return LiveAccuracy(loaded, self.job.dataset, length, self.job.device, self.job.task)

    def _time(self, arm: Arm, student: LoadedModel) -> Timing:
        """Teacher and student at batch size 1, in turns. Before training, so that a page can already place the student
        in the plane of accuracy and latency; weights do not change the time."""
        self.job.reporter.say(f"{arm.key}: timing")
        length = min(self.job.spec.max_length, 128)
        teacher_time, student_time = interleaved((self.teacher, student), 1, length, self.job.device)
        self.teacher_report = self.teacher_report.model_copy(update=_latency(teacher_time))
        self.job.context.metrics(
            [
                Metric(arm=name, step=0, epoch=0.0, split="test", name="latency_ms_p50", value=timing.latency_ms_p50)
                for name, timing in (("teacher", teacher_time), (arm.key, student_time))
            ]
        )
        return student_time

    def _report(self, arm: Arm, student: LoadedModel, timing: Timing, train_s: float) -> StudentReport:
        probe = self.job.task.probe(student, self.tested.rows, self.job.spec.max_length)
        logits, targets = evaluate.answers(self.job.task, student.model, probe, self.job.device, self.job.context.check)
        if self.tested.predictions is not None:
            self.tested.predictions.add(arm.key, logits)
        scored = accuracy_fields(self.job.task.scores(logits, targets))
        agreed = evaluate.compare_with_teacher(logits, self.tested.teacher_logits, targets)
        size = size_of(student.model)
        teacher_ms = self.teacher_report.latency_ms_p50
        return StudentReport(
            arm=arm.name,
            seed=arm.seed,
            ingredients=arm.ingredients,
            train_s=train_s,
            params_saved=1 - size["params"] / self.teacher_report.params,
            retained=scored["accuracy"] / self.teacher_report.accuracy,
            speedup=teacher_ms / timing.latency_ms_p50 if teacher_ms else None,
            **size,
            **scored,
            max_length=self.job.spec.max_length,
            **vars(agreed),
            **_latency(timing),
        )


class _LiveStudent:
    """What moves while a student learns: accuracy and agreement on validation texts, and its view of some texts."""

    def __init__(self, student: LoadedModel, classroom: Classroom, own: LiveAccuracy, teachers: LiveAccuracy) -> None:
        self._own, self._device = own, classroom.job.device
        logits, targets = teachers.answers(classroom.teacher.model)
        self._teacher_says = logits.argmax(-1) if len(logits) else torch.empty(0)
        self._teacher_accuracy = teachers.of(logits, targets).get("accuracy", 0.0)
        texts = texts_of(classroom.tested.rows)
        samples = [texts[index] for index in classroom.tested.samples()]
        self._samples = student.encode(samples, classroom.job.spec.max_length)

    def __call__(self, model: nn.Module) -> dict[str, float]:
        logits, targets = self._own.answers(model)
        values = self._own.of(logits, targets)
        if len(logits):
            values["agreement"] = float((logits.argmax(-1) == self._teacher_says).double().mean())
            values["teacher accuracy"] = self._teacher_accuracy  # on the same texts, for a fair picture
        shares = evaluate.predict(model, self._samples, self._device).softmax(-1)
        for text, row in enumerate(shares.tolist()):
            values |= {f"text {text} class {label}": share for label, share in enumerate(row)}
        return values


def _latency(timing: Timing) -> dict[str, Any]:
    return {"latency_ms_p50": timing.latency_ms_p50, "latency_ms_p95": timing.latency_ms_p95}
