"""One student in one arm: load → train → answer the test texts. In the run's own process, or in one beside others.

All that it needs comes in a `Task`, and all that it brings home goes into `Learned`: plain values and numpy arrays,
which may cross from one process to another.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from distill_core.jobs.supervised import train_settings
from distill_core.jobs.trained import Trained, learned_weights, taken_up
from distill_core.machine import capacity, devices
from distill_core.machine.devices import Device
from distill_core.measure import evaluate
from distill_core.models import loading
from distill_core.models.loading import LoadedModel
from distill_core.plans import student_plan
from distill_core.plans.student_plan import Cell
from distill_core.runs.store import RunStore
from distill_core.specs import StudentsSpec
from distill_core.terms import LABELS_ALONE, LossWeights
from distill_core.training.distillation import DistillStep, Lesson
from distill_core.training.loop import Hooks, Progress, fit
from distill_core.training.teacher_cache import TeacherOutputs


@dataclass(frozen=True)
class Classroom:
    """What all students of a run share. The labeled texts come first; `teacher_logits` are on all texts, shape
    (texts, classes), or (0, classes) where no arm is taught."""

    spec: StudentsSpec
    label_names: tuple[str, ...]
    texts: list[str]
    labels: np.ndarray
    test_texts: list[str]
    teacher_logits: np.ndarray
    runs_dir: Path
    threads: int


@dataclass(frozen=True)
class Task:
    """One student in one arm. A checkpoint found in `checkpoint_dir` is gone on from."""

    room: Classroom
    cell: Cell
    checkpoint_dir: Path


@dataclass(frozen=True)
class Learned:
    """What came of it: the logits on the test texts, shape (texts, classes), and what the training took."""

    logits: np.ndarray
    train_texts: int
    labels: int
    epochs: int
    train_s: float


def lessons_at_once(device: Device, needed: Sequence[float]) -> int:
    """How many of these lessons, each with the bytes that it needs, go at the same time; 0: all in this process.

    The steps of a small model are too short to be divided: two lessons with one thread each take half of the time of
    one after the other with two. An accelerator does one at a time.
    """
    if device.is_accelerator or not needed:
        return 0
    fit_in = int(capacity.available_bytes() // max(needed))
    at_once = min(device.threads, len(needed), fit_in)
    return at_once if at_once > 1 else 0


def learn(task: Task, tell: Callable[[Progress], None], check: Callable[[], None]) -> Learned:
    """Train and test one student. Raises what loading and training raise, and Stopped."""
    room, cell, spec = task.room, task.cell, task.room.spec
    device = devices.resolve(spec.device, spec.dtype, room.threads)
    student = _start(room, cell)
    lesson = _lesson(room, cell, student)
    passes = student_plan.epochs(spec, cell, len(room.texts))
    settings = replace(
        train_settings(spec, cell.seed), epochs=passes, evals_per_epoch=0, token_ids=lesson.encoded.token_ids
    )
    hooks = Hooks(on_event=tell, check=check, checkpoint_dir=task.checkpoint_dir)
    step = DistillStep(_weights(spec, cell), lesson, student, None, (), device)
    try:
        report = taken_up(task.checkpoint_dir, student.model, device) or fit(
            student.model, lesson.encoded.lengths, step, settings, device, hooks
        )
    finally:
        step.close()
    with Trained(learned_weights(student.model), report).kept_when_stopped(task.checkpoint_dir):
        test = student.encode(room.test_texts, spec.max_length)
        logits = evaluate.predict(student.model, test, device, check=check)
    return Learned(logits.numpy(), len(lesson.encoded), lesson.encoded.n_known, passes, report.train_s)


def _start(room: Classroom, cell: Cell) -> LoadedModel:
    """The student before its first step. The head is fresh, and so is everything where the arm wants it so."""
    devices.seed_everything(cell.seed)
    student = loading.load(cell.student, RunStore(room.runs_dir), label_names=room.label_names)
    if not cell.row.starts_at_random:
        return student
    return replace(student, model=loading.build_classifier(student.model.config, room.label_names), weights="random")


def _lesson(room: Classroom, cell: Cell, student: LoadedModel) -> Lesson:
    texts = room.texts[: room.spec.labels] if cell.row.sees_labels_alone else room.texts
    encoded = student.encode(texts, room.spec.max_length).answered(torch.from_numpy(room.labels[: len(texts)]))
    if not cell.row.has_all_labels:
        encoded = encoded.answered_first(room.spec.labels)
    return Lesson(encoded, TeacherOutputs(torch.from_numpy(room.teacher_logits), None, (), 0.0))


def _weights(spec: StudentsSpec, cell: Cell) -> LossWeights:
    """The loss of the arm; labels alone are plain cross-entropy."""
    if not cell.row.is_taught:
        return LossWeights(LABELS_ALONE)
    return LossWeights({"soft": spec.soft, "hard": spec.hard}, spec.temperature)
