"""The teacher of a distillation: a fine-tuned model that knows the classes of the data set, and what it is worth."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

import pandas as pd
from torch import Tensor

from distill_core.datasets.dataset import Dataset
from distill_core.errors import DataError, SpecError
from distill_core.jobs import accuracy
from distill_core.jobs.reporting import Reporter
from distill_core.jobs.supervised import LiveAccuracy, labels_of, save_model, supervised_step, train_settings
from distill_core.machine import devices
from distill_core.machine.devices import Device
from distill_core.measure import evaluate
from distill_core.model_ref import Ref
from distill_core.models import loading, parameters, students
from distill_core.models.loading import LoadedModel
from distill_core.results import ModelReport
from distill_core.runs.control import JobContext
from distill_core.runs.store import RunStore
from distill_core.specs import StudentsSpec
from distill_core.training.loop import Hooks, fit
from distill_core.training.speed import fast

CURVE = "teacher"  # its points among those of the run


def load(ref: Ref, dataset: Dataset, store: RunStore) -> LoadedModel:
    """A model that can teach this data set. Raises SpecError without a head, or with other classes."""
    teacher = loading.load(ref, store)
    if teacher.label_names is None:
        raise SpecError(f"{ref} has no classification head, so it cannot teach.", "Fine-tune it first.")
    columns = accuracy.class_columns(teacher, dataset)
    if columns != list(range(len(dataset.label_names))):
        other = "other classes" if columns is None else "the classes in another order"
        raise SpecError(
            f"The teacher knows {other}: {', '.join(teacher.label_names)}, where {dataset.title} has "
            f"{', '.join(dataset.label_names)}.",
            "Choose a teacher that was fine-tuned on data with the same classes in the same order.",
        )
    return teacher


def judge(
    teacher: LoadedModel,
    texts: Sequence[str],
    labels: Tensor,
    max_length: int,
    device: Device,
    check: Callable[[], None],
) -> tuple[Tensor, ModelReport]:
    """What the teacher says about the test texts (texts, classes), and its report without times.

    Raises DataError when it is never right: its accuracy divides that of its students.
    """
    teacher.model.to(device.torch_device).eval()
    logits = evaluate.predict(teacher.model, teacher.encode(texts, max_length), device, check=check)
    found = evaluate.accuracy(logits, labels)
    if not found.accuracy:
        raise DataError(
            f"The teacher is right on none of the {len(texts)} test texts, so a student can keep nothing of it.",
            "Choose another teacher, or test on more texts.",
        )
    report = ModelReport(
        params=parameters.count(teacher.model),
        params_by_part=parameters.count_by_part(teacher.model),
        layers=students.n_layers(teacher.model.config),
        **found.model_dump(),
    )
    return logits, report


@dataclass(frozen=True)
class Task:
    """What a model that is to teach learns from: the labeled texts of `train`."""

    spec: StudentsSpec
    dataset: Dataset
    train: pd.DataFrame
    device: Device


def fine_tune(task: Task, context: JobContext, reporter: Reporter) -> tuple[LoadedModel, float]:
    """Make a teacher of `base`, and keep it as the model of the run. Returns it with the seconds of its training."""
    spec, device = task.spec, task.device
    devices.seed_everything(spec.seed)
    loaded = loading.load(spec.base, context.store, label_names=task.dataset.label_names)
    encoded = loaded.encode(task.train["text"].tolist(), spec.max_length)
    hooks = Hooks(
        on_event=partial(reporter.on_training, CURVE, f"Teacher {spec.base.title}"),
        check=context.check,
        evaluate=LiveAccuracy(loaded, task.dataset, spec.max_length, device),
        checkpoint_dir=context.run.checkpoint_dir / CURVE,
    )
    settings = replace(
        train_settings(spec, spec.seed),
        epochs=spec.teacher_epochs,
        learning_rate=spec.teacher_learning_rate,
        token_ids=encoded.token_ids,
    )
    step = supervised_step(encoded, labels_of(task.train), device)
    with fast.logits_alone(loaded.model):
        report = fit(loaded.model, encoded.lengths, step, settings, device, hooks)
    save_model(loaded, context)
    return loaded, report.train_s
