"""The teacher of a distillation: a fine-tuned model that knows the classes of the data set, and what it is worth."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
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
from distill_core.models import loading, parameters, students
from distill_core.models.loading import LoadedModel
from distill_core.models.tokens import Encoded
from distill_core.results import ModelReport, Score
from distill_core.runs.control import JobContext
from distill_core.specs import StudentsSpec
from distill_core.tasks.base import Task, labels_of
from distill_core.training.loop import Hooks, fit
from distill_core.training.speed import fast

CURVE = "teacher"  # its points among those of the run


def judged(
    task: Task, teacher: LoadedModel, probe: Encoded, device: Device, check: Callable[[], None]
) -> tuple[Tensor, ModelReport]:
    """What the teacher says at what the probe asks, (positions, choices), and its report without times.

    Raises DataError when it is never right: its accuracy divides that of its students.
    """
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


def fine_tune(
    spec: StudentsSpec, dataset: Dataset, train: pd.DataFrame, device: Device, context: JobContext, reporter: Reporter
) -> tuple[LoadedModel, float]:
    """Make a teacher of `base` on the labeled texts of `train`, and keep it as the model of the run.

    Returns it with the seconds of its training.
    """
    devices.seed_everything(spec.seed)
    loaded = loading.load(spec.base, context.store, label_names=dataset.label_names)
    if loaded.note:
        context.log(loaded.note)
    encoded = loaded.encode(train["text"].tolist(), spec.max_length)
    hooks = Hooks(
        on_event=partial(reporter.on_training, CURVE, f"Teacher {spec.base.title}"),
        check=context.check,
        evaluate=LiveAccuracy(loaded, dataset, spec.max_length, device),
        checkpoint_dir=context.run.checkpoint_dir / CURVE,
    )
    settings = replace(
        train_settings(spec, spec.seed),
        epochs=spec.teacher_epochs,
        learning_rate=spec.teacher_learning_rate,
        token_ids=encoded.token_ids,
    )
    step = supervised_step(encoded, labels_of(train), device)
    with fast.logits_alone(loaded.model):
        report = fit(loaded.model, encoded.lengths, step, settings, device, hooks)
    save_model(loaded, context, spec.max_length)
    return loaded, report.train_s
