"""One of many students in one arm: begin → learn → answer the test texts. In the run's own process, or in one beside.

All that it needs comes in an `Assignment`, and all that it brings home goes into `Learned`: what may cross from one
process to another.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from distill_core.jobs.classroom import Classroom
from distill_core.machine import capacity, devices
from distill_core.machine.devices import Device
from distill_core.models import shapes
from distill_core.plans.cells import StudentCell
from distill_core.runs.store import RunStore
from distill_core.specs import StudentsSpec
from distill_core.training.loop import Hooks, Progress


@dataclass(frozen=True)
class Assignment:
    """One student in one arm. A checkpoint found in `checkpoint_dir` is gone on from."""

    room: Classroom
    cell: StudentCell
    threads: int
    checkpoint_dir: Path


@dataclass(frozen=True)
class Learned:
    """What came of it: the logits on the test texts, shape (texts, classes), and what the training took, as fields of
    a row."""

    logits: np.ndarray
    took: dict[str, float]


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


def lesson_bytes(spec: StudentsSpec, cell: StudentCell, params: int, store: RunStore) -> float:
    """About how much memory one lesson takes in a process of its own."""
    shape = shapes.shape_of(cell.student, store) or shapes.MINILM
    stacks = 2 if cell.student.family and cell.student.family.architecture == "encoder-decoder" else 1
    return capacity.training_bytes(params, stacks * shape.layers, shape.width, spec.batch_size * spec.max_length)


def learn(given: Assignment, tell: Callable[[Progress], None], check: Callable[[], None]) -> Learned:
    """Train and test one student. Raises what loading and training raise, and Stopped."""
    room, cell = given.room, given.cell
    device = devices.resolve(room.spec.device, room.spec.dtype, given.threads)
    student = room.begin(cell)
    lesson = room.lesson(cell, student)
    hooks = Hooks(on_event=tell, check=check, checkpoint_dir=given.checkpoint_dir)
    trained = room.teach(cell, student, lesson, device, hooks)
    with trained.kept_when_stopped():
        logits, _ = room.answers(student, device, check)
    read = {"train_texts": len(lesson.encoded), "labels": lesson.encoded.n_known, "epochs": cell.epochs}
    return Learned(logits.numpy(), {**read, "train_s": trained.report.train_s})
