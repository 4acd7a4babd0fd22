"""A classroom: what all students of one teacher share, and how each of them learns: begin → read → learn → answer.

To distill one student is to teach ten with a list of one. What a job does beside it (timing, following, saving) is its
own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import pandas as pd
from torch import Tensor

from distill_core.datasets.dataset import Dataset
from distill_core.errors import SpecError
from distill_core.jobs.supervised import train_settings
from distill_core.jobs.trained import Trained, train
from distill_core.machine import devices
from distill_core.machine.devices import Device
from distill_core.measure import evaluate
from distill_core.models import students
from distill_core.models.loading import LoadedModel
from distill_core.models.tokens import Encoded
from distill_core.plans.cells import StudentCell
from distill_core.runs.store import RunStore
from distill_core.specs import DistillSpec, StudentsSpec
from distill_core.tasks.base import Task
from distill_core.terms import TOKEN_TERMS
from distill_core.training.distillation import DistillStep, Lesson
from distill_core.training.loop import Hooks
from distill_core.training.teacher_cache import TeacherOutputs


@dataclass(frozen=True)
class Classroom:
    """What the students of a run share: texts, those with a label first, and what the teacher says of them, which is
    None where it is asked at every step.

    The teacher itself, with the texts in its tokens, is there where students may begin with its layers or be compared
    with more than its outputs. Without it a classroom can cross to another process.
    """

    spec: DistillSpec | StudentsSpec
    task: Task
    dataset: Dataset
    train: pd.DataFrame
    test: pd.DataFrame
    store: RunStore
    teacher_outputs: TeacherOutputs | None
    teacher: LoadedModel | None = None
    encoded: Encoded | None = None

    def begin(self, cell: StudentCell) -> LoadedModel:
        """A student of a shape of its own before its first step: its head is fresh, and so is everything where the arm
        wants it so."""
        devices.seed_everything(cell.seed)
        student = self.task.learner(cell.student, self.dataset, self.store)
        if not cell.starts_at_random:
            return student
        return replace(student, model=self.task.head(student.model.config), weights="random")

    def lesson(self, cell: StudentCell, student: LoadedModel) -> Lesson:
        """What this student reads and sees. Raises SpecError for a loss on tokens where it has tokens of its own."""
        encoded = self._encoded(cell, student)
        known = len(encoded) if cell.labels is None else cell.labels
        return Lesson(encoded.part(slice(cell.texts)).answered_first(known), self.teacher_outputs, self.task)

    def _encoded(self, cell: StudentCell, student: LoadedModel) -> Encoded:
        """The texts in the student's tokens: the teacher's where both split and cut them alike."""
        length, teacher = self.spec.max_length, self.teacher
        if teacher is None or self.encoded is None:
            return self.task.encode(student, self.train.iloc[: cell.texts], length)
        same_words = students.same_vocabulary(teacher.tokenizer, student.tokenizer)
        if same_words and teacher.reads(length) == length:
            return self.encoded
        own = self.task.encode(student, self.train.iloc[: cell.texts], length)
        if cell.weights.compares_tokens and (not same_words or own.lengths != self.encoded.lengths[: len(own)]):
            raise _other_tokens(teacher, student, length, same_words=same_words)
        return own

    def teach(
        self,
        cell: StudentCell,
        student: LoadedModel,
        lesson: Lesson,
        device: Device,
        hooks: Hooks,
        layers: Sequence[int] = (),
    ) -> Trained:
        """Train the student, or take up what a stopped try has left; `layers` are those of the teacher that its own
        learn from. Raises what training raises, and Stopped."""
        settings = replace(
            train_settings(self.spec, cell.seed),
            epochs=cell.epochs,
            learning_rate=self.spec.learning_rate * cell.rate,
            token_ids=lesson.encoded.token_ids,
        )
        step = DistillStep(cell.weights, lesson, student, self.teacher, layers, device)
        try:
            return train(student.model, lesson.encoded.lengths, step, settings, device, hooks)
        finally:
            step.close()

    def answers(self, student: LoadedModel, device: Device, check: Callable[[], None]) -> tuple[Tensor, Tensor]:
        """What it says about the test, and what is right: (positions, choices), (positions,)."""
        probe = self.task.probe(student, self.test, self.spec.max_length)
        return evaluate.answers(self.task, student.model, probe, device, check)


def _other_tokens(teacher: LoadedModel, student: LoadedModel, length: int, *, same_words: bool) -> SpecError:
    """Why the states of this student's tokens cannot be compared with those of its teacher's."""
    if not same_words:
        return SpecError(
            f"{student.ref} splits texts into other tokens than {teacher.ref}; only logits can be compared.",
            f"Set {TOKEN_TERMS} to 0, or take a student with the teacher's vocabulary.",
        )
    teachers = teacher.reads(length)
    return SpecError(
        f"The teacher was trained on texts cut at {teachers} tokens, the student reads {length}; only logits can be "
        "compared.",
        f"Set max_length to {teachers}, or {TOKEN_TERMS} to 0.",
    )
