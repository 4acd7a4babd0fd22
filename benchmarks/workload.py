"""What every contender gets: the same teacher, the same student weights, the same texts, and one judge for all.

`prepare` writes it all into a folder, once; each contender's own process reads it from there with `load`.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from distill_core.datasets import catalogue
from distill_core.jobs.supervised import labels_of, supervised_step
from distill_core.machine import devices
from distill_core.measure import evaluate
from distill_core.model_ref import Ref, parse
from distill_core.models import loading, shapes, students
from distill_core.models.loading import LoadedModel
from distill_core.models.tokens import Encoded
from distill_core.runs.store import RunStore
from distill_core.settings import settings
from distill_core.training import loop


@dataclass(frozen=True)
class Recipe:
    """What all contenders are asked to do. `make bench` is about the processor; benchmarks/gpu.py names a device."""

    examples: int = 2000
    epochs: int = 3
    batch_size: int = 32
    learning_rate: float = 1e-4
    warmup_fraction: float = 0.1
    weight_decay: float = 0.01
    max_grad_norm: float = 1.0
    temperature: float = 2.0
    soft: float = 0.5
    hard: float = 0.5
    max_length: int = 64
    student_layers: int = 3
    seed: int = 0
    dataset: str = "movies"
    teacher: str = "quick"
    device: str = "cpu"
    dtype: str = "float32"

    def resolved(self) -> devices.Device:
        """The device to compute on, in its number format."""
        return devices.resolve(self.device, self.dtype)

    @property
    def total_steps(self) -> int:
        return -(-self.examples // self.batch_size) * self.epochs

    def lr_factor(self, step: int) -> float:
        """Linear warm-up, then linear decay, at `step` counted from 0: what `training.fit` does."""
        warmup = round(self.warmup_fraction * self.total_steps)
        if step < warmup:
            return (step + 1) / warmup
        return max(0, self.total_steps - step) / max(1, self.total_steps - warmup)

    def train_settings(self, encoded: Encoded) -> loop.TrainSettings:
        """The same for `training.fit`; nothing is evaluated or saved on the way, as with the other contenders."""
        return loop.TrainSettings(
            epochs=self.epochs,
            batch_size=self.batch_size,
            learning_rate=self.learning_rate,
            warmup_fraction=self.warmup_fraction,
            weight_decay=self.weight_decay,
            max_grad_norm=self.max_grad_norm,
            seed=self.seed,
            checkpoint_every_s=1e9,
            evals_per_epoch=0,
            token_ids=encoded.token_ids,
        )


@dataclass
class Material:
    """Models in memory, texts still as strings: tokenizing is part of what is timed."""

    recipe: Recipe
    teacher: LoadedModel
    student: Any
    texts: list[str]
    labels: Tensor
    test_texts: list[str]
    test_labels: Tensor
    folder: Path

    def encode(self) -> Encoded:
        """The training texts as this project tokenizes them."""
        return self.teacher.encode(self.texts, self.recipe.max_length)


def prepare(folder: Path, recipe: Recipe) -> None:
    """Write teacher, student and texts. The quick teacher is MiniLM, fine-tuned for one epoch on the same texts."""
    device = recipe.resolved()
    dataset = catalogue.load(recipe.dataset)
    train, test = dataset.sample_train(recipe.examples, recipe.seed), dataset.split("test")
    torch.manual_seed(recipe.seed)
    store = RunStore(settings().runs_dir)
    ref = Ref("minilm", "minilm") if recipe.teacher == "quick" else parse(recipe.teacher)
    teacher = loading.load(ref, store, label_names=dataset.label_names)
    if recipe.teacher == "quick":
        encoded = teacher.encode(train["text"].tolist(), recipe.max_length)
        one_epoch = loop.TrainSettings(
            epochs=1, batch_size=recipe.batch_size, learning_rate=recipe.learning_rate, seed=recipe.seed
        )
        step = supervised_step(encoded, labels_of(train), device)
        loop.fit(teacher.model, encoded.lengths, step, one_epoch, device, loop.Hooks())
    layers = shapes.spread_layers(students.n_layers(teacher.model.config), recipe.student_layers)
    student = students.shallow_student(teacher.model, layers, copy_weights=True)
    for name, model in (("teacher", teacher.model), ("student", student)):
        model.save_pretrained(folder / name)
        teacher.tokenizer.save_pretrained(folder / name)
    rows = {"train": _rows(train), "test": _rows(test)}
    (folder / "texts.json").write_text(json.dumps(rows), encoding="utf-8")
    (folder / "recipe.json").write_text(json.dumps(asdict(recipe)), encoding="utf-8")


def _rows(frame: Any) -> dict[str, list[Any]]:
    return {"text": frame["text"].tolist(), "label": frame["label"].tolist()}


def load(folder: Path) -> Material:
    """What `prepare` wrote."""
    recipe = Recipe(**json.loads((folder / "recipe.json").read_text(encoding="utf-8")))
    rows = json.loads((folder / "texts.json").read_text(encoding="utf-8"))
    store = RunStore(settings().runs_dir)
    teacher = loading.load(Ref("path", str(folder / "teacher")), store)
    student = loading.load(Ref("path", str(folder / "student")), store).model
    teacher.model.eval()
    return Material(
        recipe,
        teacher,
        student,
        rows["train"]["text"],
        torch.tensor(rows["train"]["label"]),
        rows["test"]["text"],
        torch.tensor(rows["test"]["label"]),
        folder,
    )


def adamw(model: nn.Module, recipe: Recipe) -> torch.optim.AdamW:
    """The optimizer of every contender: the kernel and the parameter groups that `training.fit` takes."""
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    groups = [
        {"params": [p for p in trained if p.ndim >= 2], "weight_decay": recipe.weight_decay},
        {"params": [p for p in trained if p.ndim < 2], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=recipe.learning_rate, fused=True)


@torch.inference_mode()
def judge(material: Material) -> dict[str, Any]:
    """Test accuracy with its interval, and the training loss on the first 256 test texts without dropout."""
    recipe, device = material.recipe, material.recipe.resolved()
    encoded = material.teacher.encode(material.test_texts, recipe.max_length)
    logits = evaluate.predict(material.student, encoded, device)
    held_out = material.teacher.encode(material.test_texts[:256], recipe.max_length)
    teacher_logits = evaluate.predict(material.teacher.model, held_out, device)
    mine, labels, tau = logits[:256], material.test_labels[:256], recipe.temperature
    soft = F.kl_div(F.log_softmax(mine / tau, -1), F.softmax(teacher_logits / tau, -1), reduction="batchmean") * tau**2
    hard = F.cross_entropy(mine, labels)
    found = evaluate.accuracy(logits, material.test_labels)
    return {
        "held_out_loss": float(recipe.soft * soft + recipe.hard * hard),
        "held_out_soft": float(soft),
        "held_out_hard": float(hard),
        **found.model_dump(),
    }
