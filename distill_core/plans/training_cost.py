"""How long a training run will take here: said on the button before anybody presses it. A guess, and shown as one.

The unit of work is one text through one layer of width 384. A training step costs three passes (forward, and backward
at twice that), a test or a teacher's reading one. The pace comes from the newest finished training run on this machine;
without one, from a measurement on two cores of a server processor.
"""

from __future__ import annotations

import math

from distill_core.datasets import catalogue, known_splits
from distill_core.errors import DistillError
from distill_core.model_ref import Ref
from distill_core.models.shapes import Shape, shape_of
from distill_core.plans import arms, student_plan, transfer_cells
from distill_core.plans.student_plan import Cell
from distill_core.runs import run_list
from distill_core.runs.run import Run
from distill_core.runs.store import RunStore
from distill_core.specs import DistillSpec, FinetuneSpec, StudentsSpec

USUAL_PACE = 1750.0  # layer passes per second: 146 texts/s through a student of 3 layers, two cores
START_S = 8.0  # imports, the data set, the models
BASE = Shape(12, 768)  # taken where only loading can tell
_TRAINING_PASSES = 3
_ADAPT_PASSES = 3.5  # training, and the output layer over the vocabulary for the hidden words
_VALIDATION_TEXTS = 300  # of one look at the live curve
_LOOKS_AN_EPOCH, _MOST_LOOKS = 4, 10
_TEST_SHARE = 0.1
_OWN_FILE_ROWS = 2000
_NARROW = 0.2  # a layer of width 128 takes a fifth of the time of one of 384, not a ninth
_NARROW_BESIDE = 0.15  # … and less where several such models learn side by side, one thread each

TrainingSpec = FinetuneSpec | DistillSpec | StudentsSpec


def seconds(spec: TrainingSpec, store: RunStore, history: list[Run]) -> float:
    """Seconds that this run will take. `history`: finished training runs on this machine, the newest first."""
    return START_S + work(spec, store) / pace(history, store)


def pace(history: list[Run], store: RunStore) -> float:
    """Layer passes per second of the newest run that tells it."""
    for run in history:
        took = run_list.duration_s(run)
        try:
            spec = run.spec()
        except DistillError:
            continue
        if isinstance(spec, TrainingSpec) and took is not None and took > 1.5 * START_S:
            return work(spec, store) / (took - START_S)
    return USUAL_PACE


def work(spec: TrainingSpec, store: RunStore) -> float:
    """Layer passes of a run, over all its arms, sizes and seeds."""
    if isinstance(spec, StudentsSpec):
        return _students(spec, store)
    return _finetune(spec, store) if isinstance(spec, FinetuneSpec) else _distill(spec, store)


def _finetune(spec: FinetuneSpec, store: RunStore) -> float:
    """Every data set to train on, with every size, seed and arm; each of these is tested on all test sets."""
    names = [ref.key for ref in spec.domains or (spec.dataset,)]
    tested = {*names, *(ref.key for ref in spec.test_datasets)}
    test = sum(_test_texts(name, spec) for name in tested)
    n_layers = (shape_of(spec.model, store) or BASE).layers
    texts = 0.0
    for name in names:
        sizes = [min(n, _most(name)) for n in spec.train_examples]
        for arm in spec.arms:
            passes = _passes(arm, n_layers)
            if passes is not None:
                epochs = [transfer_cells.epochs(spec, math.ceil(n)) for n in sizes]
                looks = sum(_looks(name, most) for most in epochs) + len(sizes) * test
                read = sum(n * most for n, most in zip(sizes, epochs, strict=True))
                texts += (read * passes + looks) * spec.seeds
            if arm == "adapted":
                others = [other for other in tested if other != name] or [name]
                pool = sum(_most(other) for other in others)
                read = min(pool, spec.adapt_examples or pool)
                texts += spec.adapt_epochs * read * _ADAPT_PASSES  # once, for all sizes and seeds
        if "frozen" in spec.arms:
            texts += max(sizes) * spec.seeds  # the features are computed once
    if "frozen" in spec.arms or "zero-shot" in spec.arms:
        texts += test
    return _weighted_layers(spec.model, store) * texts


def _passes(arm: str, n_layers: int) -> float | None:
    """Passes through all layers for one training text; None for an arm without gradient descent.

    A forward pass is one and a backward pass two: one for the weights, one to hand the error down. Frozen weights need
    no gradient, and below the lowest layer that learns nothing is handed down.
    """
    if arm in ("bow", "frozen", "zero-shot"):
        return None
    if arm == "head":
        return 1.0
    if arm.startswith("top"):
        return 1 + 2 * min(1.0, int(arm.removeprefix("top")) / n_layers)
    return 2.2 if arm == "lora" else _TRAINING_PASSES


def _most(dataset: str) -> float:
    return known_splits.train_size(dataset) or _rows(dataset) * (1 - 2 * _TEST_SHARE)


def _distill(spec: DistillSpec, store: RunStore) -> float:
    shape = shape_of(spec.teacher, store) or BASE
    teacher = _weighted_layers(spec.teacher, store)
    n = spec.train_examples or _rows(spec.dataset.key) * (1 - 2 * _TEST_SHARE)
    test = _test_texts(spec.dataset.key, spec)
    total = teacher * (n + test)
    for arm in arms.plan(spec):
        student = teacher * arm.spec.student_layers / shape.layers
        if arm.spec.student is not None:
            student = _weighted_layers(arm.spec.student, store)
        read = n if arm.reads_unlabeled else min(n, spec.labeled_examples or n)
        inside = arm.spec.hidden + arm.spec.attention + arm.spec.relations > 0
        live_teacher = teacher * read * spec.epochs if inside else 0.0
        total += student * (_training_texts(read, spec) + test) + live_teacher
    return total


def _students(spec: StudentsSpec, store: RunStore) -> float:
    n, test = round(_most(spec.dataset.key)), round(_test_texts(spec.dataset.key, spec))
    cells = student_plan.plan(spec)
    return teacher_work(spec, n, test, store) + sum(cell_work(spec, cell, n, test, store) for cell in cells)


def teacher_work(spec: StudentsSpec, train_texts: int, test_texts: int, store: RunStore) -> float:
    """Layer passes of the teacher of many students: its own training where it is made first, and one reading."""
    epochs = spec.teacher_epochs if spec.teacher is None else 0
    learned = epochs * _TRAINING_PASSES * spec.labels + _looks(spec.dataset.key, epochs)
    return _weighted_layers(spec.teacher or spec.base, store) * (learned + train_texts + test_texts)


def cell_work(spec: StudentsSpec, cell: Cell, train_texts: int, test_texts: int, store: RunStore) -> float:
    """Layer passes of one student in one arm; a model of two stacks passes through both."""
    family = cell.student.family
    stacks = 2 if family is not None and family.architecture == "encoder-decoder" else 1
    read = student_plan.texts_read(spec, cell, train_texts)
    layers = _weighted_layers(cell.student, store, _NARROW_BESIDE)
    return stacks * layers * (_TRAINING_PASSES * read + test_texts)


def _training_texts(n: float, spec: DistillSpec) -> float:
    return spec.epochs * _TRAINING_PASSES * n + _looks(spec.dataset.key, spec.epochs)


def _looks(dataset: str, epochs: int) -> float:
    """Validation texts read in one training, for the live curve."""
    return min(_LOOKS_AN_EPOCH * epochs, _MOST_LOOKS) * min(_VALIDATION_TEXTS, _TEST_SHARE * _rows(dataset))


def _weighted_layers(ref: Ref, store: RunStore, narrow: float = _NARROW) -> float:
    """Layers, a wider one counted by its number of weights; none counts less than `narrow`."""
    shape = shape_of(ref, store) or BASE
    return shape.layers * max(narrow, (shape.width / 384) ** 2)


def _test_texts(dataset: str, spec: TrainingSpec) -> float:
    there = _rows(dataset) * _TEST_SHARE
    return min(there, spec.eval_examples) if spec.eval_examples else there


def _rows(dataset: str) -> float:
    return catalogue.info(dataset).rows if dataset in catalogue.names() else _OWN_FILE_ROWS


def offered_sizes(dataset: str, train_size: int | None = None) -> tuple[int, ...]:
    """Numbers of labeled texts that a form offers: those that the training split can give.

    With `train_size`, the exact number of training texts, all of them are offered too.
    """
    most = train_size or _most(dataset)
    sizes = [size for size in (50, 100, 200, 500, 1000, 2000, 4000, 8000, 16000) if size <= most]
    return tuple(dict.fromkeys([*sizes, *([train_size] if train_size else [])]))
