"""How much work a training run is. The unit is one text through one layer of width 384.

A training step costs three passes (forward, and backward at twice that), a test or a teacher's reading one.
"""

from __future__ import annotations

import math
from functools import singledispatch

from distill_core import arms as arm_table
from distill_core.arms import WHOLE_STEP, FinetuneArm
from distill_core.datasets import catalogue, known_splits
from distill_core.model_ref import Ref
from distill_core.models.shapes import Shape, shape_of
from distill_core.plans import arms, student_plan, transfer_cells
from distill_core.plans.arms import DistillCell
from distill_core.plans.cells import StudentCell
from distill_core.runs.store import RunStore
from distill_core.specs import DistillSpec, FinetuneSpec, StudentsSpec, TrainSpec

BASE = Shape(12, 768)  # taken where only loading can tell
_ADAPT_PASSES = 3.5  # training, and the output layer over the vocabulary for the hidden words
_VALIDATION_TEXTS = 300  # of one look at the live curve
_LOOKS_AN_EPOCH, _MOST_LOOKS = 4, 10
_TEST_SHARE = 0.1
_OWN_FILE_ROWS = 2000
_NARROW = 0.2  # a layer of width 128 takes a fifth of the time of one of 384, not a ninth
_NARROW_BESIDE = 0.15  # … and less where several such models learn side by side, one thread each


@singledispatch
def work(spec: TrainSpec, store: RunStore) -> float:
    """Layer passes of a run, over all its arms, sizes and seeds. A kind without a rule of its own below is taken for
    one training of a model of the usual size on the whole training split."""
    trained = WHOLE_STEP * spec.epochs * most_texts(spec.dataset.key)
    watched = _looks(spec.dataset.key, spec.epochs) + _test_texts(spec.dataset.key, spec)
    return BASE.layers * (BASE.width / 384) ** 2 * (trained + watched)


# ── fine-tuning ──────────────────────────────────────────────────────────────────────────────────────────────────


@work.register
def _finetune(spec: FinetuneSpec, store: RunStore) -> float:
    """Every data set to train on, with every size, seed and arm; each of these is tested on all test sets."""
    names, tested = _names(spec), _tested(spec)
    test = sum(_test_texts(name, spec) for name in tested)
    rows = [arm_table.finetune(arm) for arm in spec.arms]
    total = 0.0
    for name in names:
        sizes = [texts_there(name, n) for n in spec.train_examples]
        for arm in rows:
            if arm.passes is not None:
                looks = sum(_looks(name, transfer_cells.epochs(spec, math.ceil(n))) + test for n in sizes)
                trained = sum(finetune_work(spec, arm, n, store) for n in sizes)
                total += (trained + _weighted_layers(spec.model, store) * looks) * spec.seeds
        total += _weighted_layers(spec.model, store) * (_features(rows, sizes, spec) + _adapted(rows, name, spec))
    if any(arm.reads_features for arm in rows):
        total += _weighted_layers(spec.model, store) * test
    return total


def _names(spec: FinetuneSpec) -> list[str]:
    """The data sets to train on."""
    return [ref.key for ref in spec.domains or (spec.dataset,)]


def _tested(spec: FinetuneSpec) -> set[str]:
    return {*_names(spec), *(ref.key for ref in spec.test_datasets)}


def finetune_work(spec: FinetuneSpec, arm: FinetuneArm, n: float, store: RunStore) -> float:
    """Layer passes of one training on `n` texts; 0 without gradient descent."""
    passes = arm.passes_through((shape_of(spec.model, store) or BASE).layers) or 0.0
    return _weighted_layers(spec.model, store) * passes * n * transfer_cells.epochs(spec, math.ceil(n))


def _features(rows: list[FinetuneArm], sizes: list[float], spec: FinetuneSpec) -> float:
    """Texts whose frozen features are computed, once for all sizes."""
    return max(sizes) * spec.seeds if any(arm.reads_features and arm.is_trained for arm in rows) else 0.0


def _adapted(rows: list[FinetuneArm], name: str, spec: FinetuneSpec) -> float:
    """Texts of the targets, times the passes for each: read once for all sizes and seeds."""
    if not any(arm.reads_targets for arm in rows):
        return 0.0
    others = [other for other in _tested(spec) if other != name] or [name]
    pool = sum(most_texts(other) for other in others)
    return spec.adapt_epochs * min(pool, spec.adapt_examples or pool) * _ADAPT_PASSES


# ── distillation ─────────────────────────────────────────────────────────────────────────────────────────────────


@work.register
def _distill(spec: DistillSpec, store: RunStore) -> float:
    teacher = _weighted_layers(spec.teacher, store)
    test = _test_texts(spec.dataset.key, spec)
    total = teacher * (_distill_texts(spec) + test)
    watched = _looks(spec.dataset.key, spec.epochs) + test
    for cell in arms.plan(spec):
        # for the live curve, the teacher speaks once about the validation texts
        total += distill_work(spec, cell, store) + _student(cell, store) * watched + teacher * _look(spec.dataset.key)
    return total


def distill_work(spec: DistillSpec, cell: DistillCell, store: RunStore) -> float:
    """Layer passes of the training of one student; a loss on inner states runs the teacher beside it."""
    n = _distill_texts(spec)
    read = cell.epochs * min(n, cell.texts or n)
    live_teacher = _weighted_layers(spec.teacher, store) * read if cell.weights.needs_live_teacher else 0.0
    return _student(cell, store) * WHOLE_STEP * read + live_teacher


def _student(cell: DistillCell, store: RunStore) -> float:
    """The student's layers, each counted by its number of weights."""
    layers = _weighted_layers(cell.student, store)
    if cell.spec.student is not None:
        return layers
    return layers * cell.spec.student_layers / (shape_of(cell.student, store) or BASE).layers


def _distill_texts(spec: DistillSpec) -> float:
    return texts_there(spec.dataset.key, spec.train_examples) if spec.train_examples else most_texts(spec.dataset.key)


# ── many students ────────────────────────────────────────────────────────────────────────────────────────────────


@work.register
def _students(spec: StudentsSpec, store: RunStore) -> float:
    n, test = round(most_texts(spec.dataset.key)), round(_test_texts(spec.dataset.key, spec))
    cells = student_plan.plan(spec, n)
    return teacher_work(spec, n, test, store) + sum(student_work(cell, n, test, store) for cell in cells)


def teacher_work(spec: StudentsSpec, train_texts: int, test_texts: int, store: RunStore) -> float:
    """Layer passes of the teacher of many students: its own training where it is made first, and one reading."""
    epochs = spec.teacher_epochs if spec.teacher is None else 0
    learned = epochs * WHOLE_STEP * spec.labels + _looks(spec.dataset.key, epochs)
    return _weighted_layers(spec.teacher or spec.base, store) * (learned + train_texts + test_texts)


def student_work(cell: StudentCell, train_texts: int, test_texts: int, store: RunStore) -> float:
    """Layer passes of one of many students in one arm; a model of two stacks passes through both."""
    family = cell.student.family
    stacks = 2 if family is not None and family.architecture == "encoder-decoder" else 1
    read = cell.epochs * (cell.texts or train_texts)
    layers = _weighted_layers(cell.student, store, _NARROW_BESIDE)
    return stacks * layers * (WHOLE_STEP * read + test_texts)


# ── texts and layers ─────────────────────────────────────────────────────────────────────────────────────────────


def most_texts(dataset: str) -> float:
    """Training texts that a data set gives; of an own file a guess."""
    return known_splits.train_size(dataset) or _rows(dataset) * (1 - 2 * _TEST_SHARE)


def texts_there(dataset: str, n: int) -> float:
    """`n` texts, or all that there are; of an own file as many as were asked for."""
    return min(n, most_texts(dataset)) if dataset in catalogue.names() else n


def _looks(dataset: str, epochs: int) -> float:
    """Validation texts read in one training, for the live curve."""
    return min(_LOOKS_AN_EPOCH * epochs, _MOST_LOOKS) * _look(dataset)


def _look(dataset: str) -> float:
    return min(_VALIDATION_TEXTS, _TEST_SHARE * _rows(dataset))


def _weighted_layers(ref: Ref, store: RunStore, narrow: float = _NARROW) -> float:
    """Layers, a wider one counted by its number of weights; none counts less than `narrow`."""
    shape = shape_of(ref, store) or BASE
    return shape.layers * max(narrow, (shape.width / 384) ** 2)


def _test_texts(dataset: str, spec: TrainSpec) -> float:
    there = _rows(dataset) * _TEST_SHARE
    return min(there, spec.eval_examples) if spec.eval_examples else there


def _rows(dataset: str) -> float:
    return catalogue.info(dataset).rows if dataset in catalogue.names() else _OWN_FILE_ROWS
