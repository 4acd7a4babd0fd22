"""The teacher of a distillation: a fine-tuned model that knows the classes of the data set, and what it is worth."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import pandas as pd
from torch import Tensor

from distill_core.datasets.dataset import Dataset
from distill_core.errors import DataError
from distill_core.jobs.reporting import Reporter
from distill_core.jobs.supervised import LiveAccuracy, save_model, supervised_step, train_settings
from distill_core.machine import devices
from distill_core.machine.devices import Device
from distill_core.measure import evaluate
from distill_core.model_ref import Ref
from distill_core.models import loading, parameters, students
from distill_core.models.loading import LoadedModel
from distill_core.models.tokens import Encoded
from distill_core.results import ModelReport, Score
from distill_core.runs.control import JobContext
from distill_core.runs.store import RunStore
from distill_core.specs import StudentsSpec
from distill_core.tasks.base import Task as AnyTask
from distill_core.tasks.base import labels_of
from distill_core.tasks.classification import TASK as CLASSIFICATION
from distill_core.training.loop import Hooks, fit
from distill_core.training.speed import fast

CURVE = "teacher"  # its points among those of the run


def load(ref: Ref, dataset: Dataset, store: RunStore) -> LoadedModel:
    """A classifier that can teach this data set. Raises SpecError without a head, or with other classes."""
    return CLASSIFICATION.teacher(ref, dataset, store)


def judge(
    teacher: LoadedModel,
    texts: Sequence[str],
    labels: Tensor,
    max_length: int,
    device: Device,
    check: Callable[[], None],
) -> tuple[Tensor, ModelReport]:
    """What the teacher says about the test texts (texts, classes), and its report without times. Texts are cut as when
    it was fine-tuned, at `max_length` tokens where that is not known.

    Raises DataError when it is never right: its accuracy divides that of its students.
    """
    probe = teacher.encode(texts, teacher.reads(max_length)).answered(labels)
    logits, report = judged(CLASSIFICATION, teacher, probe, device, check)
    return logits, report.model_copy(update={"max_length": teacher.reads(max_length)})


def judged(
    task: AnyTask, teacher: LoadedModel, probe: Encoded, device: Device, check: Callable[[], None]
) -> tuple[Tensor, ModelReport]:
    """As `judge`, for any task: the logits (positions, choices) at what the probe asks, and the report."""
    teacher.model.to(device.torch_device).eval()
    logits, targets = evaluate.answers(task, teacher.model, probe, device, check)
    scores = task.scores(logits, targets)
    if not scores or not scores[0].value:
        raise DataError(
            f"The teacher is right on none of the {len(targets)} {task.facts.asked}: a student can keep nothing of it.",
            "Choose another teacher, or test on more texts.",
        )
    return logits, ModelReport(**size_of(teacher.model), **accuracy_fields(scores))


def size_of(model: Any) -> dict[str, Any]:
    """Parameters and layers, as fields of a report."""
    return {
        "params": parameters.count(model),
        "params_by_part": parameters.count_by_part(model),
        "layers": students.n_layers(model.config),
    }


def accuracy_fields(scores: tuple[Score, ...]) -> dict[str, Any]:
    """The scores, and the first of them as the accuracy that older results have, as fields of a report."""
    first = scores[0]
    found = {"accuracy": first.value, "ci_low": first.low, "ci_high": first.high, "n_eval": first.n}
    return {**found, "scores": scores}


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
    if loaded.note:
        context.log(loaded.note)
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
    save_model(loaded, context, spec.max_length)
    return loaded, report.train_s
