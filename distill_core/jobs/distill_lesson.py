"""What a distillation does beside each lesson: the student is timed, followed while it learns, measured beside its
teacher, and the first one is saved."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn

from distill_core.jobs import cells
from distill_core.jobs.classroom import Classroom
from distill_core.jobs.reporting import Reporter
from distill_core.jobs.supervised import LiveAccuracy, Predictions, save_model
from distill_core.jobs.teacher import accuracy_fields, size_of
from distill_core.machine import devices
from distill_core.machine.devices import Device
from distill_core.measure import evaluate
from distill_core.measure.load import Quiet
from distill_core.measure.turns import Beside, in_turns, time_fields
from distill_core.models import loading, students
from distill_core.models.loading import LoadedModel
from distill_core.models.tokens import Encoded
from distill_core.plans import arms
from distill_core.plans.arms import DistillCell
from distill_core.results import Cut, DistillResult, FailedArm, Metric, ModelReport, Overlap, StudentReport
from distill_core.runs.control import JobContext
from distill_core.specs import DistillSpec
from distill_core.tasks.base import texts_of
from distill_core.training.loop import Hooks

PLANE = ("latency_ms_p50", "speedup", "speedup_low", "speedup_high", "busy_cores")  # of the times, what a page follows
SAMPLE_TEXTS = 4  # test texts whose probabilities are followed while the student learns


@dataclass(frozen=True)
class Read:
    """What is to be known of the texts: which of them the models have met before, and how many were cut."""

    overlaps: tuple[Overlap, ...]
    cut: tuple[Cut, ...]


@dataclass
class Lessons:
    """The classroom and its teacher, whom the run tells, and what the teacher says of the test: (positions, choices).

    The logits of each arm go into `predictions`; None where a text may have more than one row of them.
    """

    room: Classroom
    spec: DistillSpec
    teacher: LoadedModel
    context: JobContext
    device: Device
    reporter: Reporter
    teacher_logits: Tensor
    predictions: Predictions | None
    teacher_report: ModelReport
    read: Read

    def result(self, done: Sequence[StudentReport], failed: Sequence[FailedArm]) -> DistillResult:
        """The result so far."""
        room, samples = self.room, self.samples()
        texts = texts_of(room.test)
        return DistillResult(
            dataset=self.spec.dataset.key,
            teacher_ref=str(self.spec.teacher),
            label_names=room.dataset.label_names if room.task.facts.choices == "classes" else (),
            teacher=self.teacher_report,
            teacher_pass_s=room.teacher_outputs.seconds if room.teacher_outputs is not None else None,
            students=tuple(done),
            failed=tuple(failed),
            sample_texts=tuple(texts[index] for index in samples),
            teacher_probabilities=tuple(map(tuple, self.teacher_logits[samples].softmax(-1).tolist())),
            overlaps=self.read.overlaps,
            cut=self.read.cut,
        )

    def samples(self) -> list[int]:
        """Test texts to follow, from the one of which the teacher is least sure to the surest."""
        if self.predictions is None:
            return []
        by_certainty = self.teacher_logits.softmax(-1).amax(-1).argsort().tolist()
        places = torch.linspace(0, len(by_certainty) - 1, min(SAMPLE_TEXTS, len(by_certainty))).tolist()
        return [by_certainty[int(place)] for place in places]

    def teach(self, cell: DistillCell) -> StudentReport:
        """Train one student, measure it beside the teacher, save the first one."""
        student = self._student(cell)
        lesson = self.room.lesson(cell, student)
        timing = self._time(cell, student)
        layers = () if self.spec.student else students.choose_layers(self.teacher.model.config, cell.spec)
        hooks = Hooks(
            on_event=partial(self.reporter.on_training, cell.key, cell.key),
            evaluate=self._follower(student),
            check=self.context.check,
            checkpoint_dir=cells.checkpoint_dir(self.context, cell),
        )
        trained = self.room.teach(cell, student, lesson, self.device, hooks, layers)
        self.reporter.say(f"{cell.key}: testing", 0.97)
        with trained.kept_when_stopped():
            if cell == arms.kept(arms.plan(self.spec)):
                save_model(student, self.context, self.spec.max_length)
            report = self._report(cell, student, timing, trained.report.train_s)
            schedule = {"steps": trained.report.steps, "learning_rate": self.spec.learning_rate * cell.rate}
            return report.model_copy(update={**self._used(lesson.encoded), **schedule})

    def _used(self, encoded: Encoded) -> dict[str, int]:
        """How many texts a student has read, and how many of them with their label."""
        labels = {} if self.room.task.facts.drawn_anew else {"labels": encoded.n_known}
        return {"train_texts": len(encoded), **labels}

    def _student(self, cell: DistillCell) -> LoadedModel:
        """The student before its first step: of a shape of its own, or some of the teacher's layers."""
        if self.spec.student is not None:
            student = self.room.begin(cell)
            if student.note and not cell.starts_at_random:
                self.context.log(f"{cell.student}: {student.note}")
            return student
        devices.seed_everything(cell.seed)
        spec, teacher = cell.spec, self.teacher
        model = students.shallow_student(
            teacher.model,
            students.choose_layers(teacher.model.config, spec),
            copy_weights=not cell.starts_at_random,
            student_width=spec.student_width,
            head=self.room.task.head,
        )
        weights: loading.Weights = "random" if cell.starts_at_random else "pretrained"
        return LoadedModel(teacher.ref, teacher.family, model, teacher.tokenizer, weights, teacher.label_names)

    def _follower(self, student: LoadedModel) -> Callable[[nn.Module], dict[str, float]]:
        """What moves while this student learns."""
        own = self._live(student)
        return own if self.predictions is None else _LiveStudent(student, self, own, self._live(self.teacher))

    def _live(self, loaded: LoadedModel) -> LiveAccuracy:
        length = loaded.reads(self.spec.max_length)
        return LiveAccuracy(loaded, self.room.dataset, length, self.device, self.room.task)

    def _time(self, cell: DistillCell, student: LoadedModel) -> Beside:
        """Teacher and student at batch size 1, in turns. Before training, so that a page can already place the student
        in the plane of accuracy and latency; weights do not change the time. The teacher's times are those that it had
        beside the student with the quietest turns."""
        length = self._seq_len
        Quiet(partial(_say, self.reporter, cell.key), self.context.check).wait()
        self.reporter.say(f"{cell.key}: timing")
        own, (beside,) = in_turns(self.teacher, (student,), 1, length, self.device)
        least = self.teacher_report.busy_cores
        if self.teacher_report.latency_ms_p50 is None or (least is not None and own.busy_cores < least):
            update = {**time_fields(own), "seq_len": length}
            self.teacher_report = self.teacher_report.model_copy(update=update)
        values = {(cell.key, name): value for name, value in beside.fields.items() if value is not None}
        values["teacher", "latency_ms_p50"] = self.teacher_report.latency_ms_p50
        self.context.metrics(
            [
                Metric(arm=curve, step=0, epoch=0.0, split="test", name=name, value=value)
                for (curve, name), value in values.items()
                if name in PLANE
            ]
        )
        return beside

    @property
    def _seq_len(self) -> int:
        """Tokens at which all are timed."""
        return min(self.spec.max_length, 128)

    def _report(self, cell: DistillCell, student: LoadedModel, beside: Beside, train_s: float) -> StudentReport:
        logits, targets = self.room.answers(student, self.device, self.context.check)
        if self.predictions is not None:
            self.predictions.add(cell.key, logits)
        scored = accuracy_fields(self.room.task.scores(logits, targets))
        agreed = evaluate.compare_with_teacher(logits, self.teacher_logits, targets)
        size = size_of(student.model)
        return StudentReport(
            arm=cell.arm,
            seed=cell.seed,
            ingredients=cell.ingredients,
            train_s=train_s,
            params_saved=1 - size["params"] / self.teacher_report.params,
            retained=scored["accuracy"] / self.teacher_report.accuracy,
            **size,
            **scored,
            max_length=self.spec.max_length,
            **vars(agreed),
            **beside.fields,
            seq_len=self._seq_len,
        )


class _LiveStudent:
    """What moves while a student learns: accuracy and agreement on validation texts, and its view of some texts."""

    def __init__(self, student: LoadedModel, lessons: Lessons, own: LiveAccuracy, teachers: LiveAccuracy) -> None:
        self._own, self._device = own, lessons.device
        logits, targets = teachers.answers(lessons.teacher.model)
        self._teacher_says = logits.argmax(-1) if len(logits) else torch.empty(0)
        self._teacher_accuracy = teachers.of(logits, targets).get("accuracy", 0.0)
        texts = texts_of(lessons.room.test)
        samples = [texts[index] for index in lessons.samples()]
        self._samples = student.encode(samples, lessons.spec.max_length)

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


def _say(reporter: Reporter, arm: str, message: str) -> None:
    reporter.say(f"{arm}: {message[:1].lower()}{message[1:]}")
