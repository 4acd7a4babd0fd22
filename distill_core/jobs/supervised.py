"""What every job that learns from labeled texts shares: the step, the live accuracy, the settings, saving a model."""

from __future__ import annotations

import shutil
from collections.abc import Sequence

import pandas as pd
import torch
from torch import Tensor, nn

from distill_core import evaluate, losses
from distill_core.control import JobContext
from distill_core.datasets import Dataset
from distill_core.device import Device
from distill_core.models import LoadedModel
from distill_core.specs import DistillSpec, FinetuneSpec, StudentsSpec
from distill_core.tokens import Encoded
from distill_core.training import Loss, Step, TrainSettings

VALIDATION_TEXTS = 300  # for the live curve; the reported accuracy is the test split's


def labels_of(frame: pd.DataFrame) -> Tensor:
    """The labels of these rows. Shape: (rows,)."""
    return torch.tensor(frame["label"].to_numpy(copy=True))


class LiveAccuracy:
    """Accuracy on a part of the validation split, for the curve that moves while a model trains."""

    def __init__(self, loaded: LoadedModel, dataset: Dataset, max_length: int, here: Device) -> None:
        frame = dataset.split("validation")
        frame = frame.sample(min(len(frame), VALIDATION_TEXTS), random_state=0)  # files may be sorted by label
        self._encoded = loaded.encode(frame["text"].tolist(), max_length) if len(frame) else None
        self._labels = labels_of(frame)
        self._here = here

    def logits(self, model: nn.Module) -> Tensor:
        """Shape: (texts, classes); empty without validation texts."""
        return torch.empty(0, 0) if self._encoded is None else evaluate.predict(model, self._encoded, self._here)

    def of(self, logits: Tensor) -> dict[str, float]:
        """The accuracy of these logits; nothing without validation texts."""
        return {"accuracy": evaluate.accuracy(logits, self._labels).accuracy} if len(logits) else {}

    def __call__(self, model: nn.Module) -> dict[str, float]:
        return self.of(self.logits(model))


class Predictions:
    """Test texts with the logits of each arm, in predictions.parquet: one column a class, from which a page computes
    any temperature, slice or disagreement. Columns: text, label, "<arm>: logit 0", "<arm>: logit 1", …
    """

    def __init__(self, context: JobContext, texts: list[str], labels: Tensor) -> None:
        self._file = context.run.predictions_file
        self._frame = pd.DataFrame({"text": texts, "label": labels.tolist()})
        if self._file.is_file():  # an earlier try of this run
            before = pd.read_parquet(self._file)
            self._frame = before if before["text"].tolist() == texts else self._frame

    def add(self, arm: str, logits: Tensor) -> None:
        """Write the logits (texts, classes) of one arm."""
        said = {f"{arm}: logit {label}": logits[:, label].numpy() for label in range(logits.shape[-1])}
        self._frame = self._frame.assign(**said).copy()  # a copy: frames of hundreds of single columns are slow
        hidden = self._file.with_name(f".{self._file.name}")
        self._frame.to_parquet(hidden, index=False)
        hidden.replace(self._file)


def supervised_step(encoded: Encoded, labels: Tensor, here: Device) -> Step:
    """Cross-entropy with the true labels."""

    def step(model: nn.Module, indices: Sequence[int]) -> Loss:
        logits = model(**encoded.batch(indices, here.torch_device)).logits
        loss = losses.hard_label_loss(logits, labels[list(indices)].to(here.torch_device))
        return Loss(loss, {})

    return step


def train_settings(spec: FinetuneSpec | DistillSpec | StudentsSpec, seed: int) -> TrainSettings:
    return TrainSettings(
        epochs=spec.epochs, batch_size=spec.batch_size, learning_rate=spec.learning_rate,
        warmup_fraction=spec.warmup_fraction, weight_decay=spec.weight_decay, max_grad_norm=spec.max_grad_norm,
        seed=seed, checkpoint_every_s=spec.checkpoint_every_s,
    )  # fmt: skip


def drop_checkpoints(context: JobContext) -> None:
    """Delete the checkpoints of an arm whose result is written: each is three times the size of its model."""
    shutil.rmtree(context.run.checkpoint_dir, ignore_errors=True)


def save_model(loaded: LoadedModel, context: JobContext) -> None:
    """save_pretrained with safetensors and tokenizer, moved into place when whole."""
    hidden = context.run.path / ".new-model"
    shutil.rmtree(hidden, ignore_errors=True)
    loaded.model.save_pretrained(hidden)
    loaded.tokenizer.save_pretrained(hidden)
    shutil.rmtree(context.run.model_dir, ignore_errors=True)  # of a try that ended before it wrote its result
    hidden.rename(context.run.model_dir)
