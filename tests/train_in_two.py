"""Small trainings that two processes can share; test_training.py starts them and trains the same alone."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import tiny
import torch
from safetensors.torch import save_model

from distill_core import families
from distill_core.machine import devices
from distill_core.models import students
from distill_core.models.loading import LoadedModel
from distill_core.models.tokens import Encoded
from distill_core.runs.control import Stopped
from distill_core.terms import LossWeights
from distill_core.training import loop, teacher_cache
from distill_core.training.distillation import DistillStep, Lesson
from distill_core.training.loop import Hooks, Step, TrainSettings, fit
from distill_core.training.losses import Loss, hard_label_loss

# 16 texts in batches of 5: two processes take 3 and 2 of them, and one has nothing of the last batch of one text.
TEXTS = [*tiny.SENTENCES, *(f"{text} {text}" for text in tiny.SENTENCES)]
LABELS = torch.arange(len(TEXTS)) % 2
SETTINGS = TrainSettings(epochs=2, batch_size=5, learning_rate=1e-3, max_grad_norm=0.5)
CPU = devices.Device(torch.device("cpu"), "float32", 1)


def train(what: str, out: Path, hooks: Hooks | None = None) -> dict[int, dict[str, float]]:
    """Train without dropout and save; what was told, by step. `what` is a family, or "narrow": a student of half its
    teacher's width, whose hidden states are projected."""
    loaded, encoded, step = _narrow(out.parent) if what == "narrow" else _family(what)
    for module in loaded.model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    told: dict[int, dict[str, float]] = {}
    hooks = hooks or Hooks(on_event=lambda progress: told.update({progress.step: progress.values}))
    settings = replace(SETTINGS, token_ids=encoded.token_ids)
    fit(loaded.model, encoded.lengths, step, settings, CPU, hooks)
    save_model(loaded.model, str(out))
    return told


def _family(key: str) -> tuple[LoadedModel, Encoded, Step]:
    loaded = tiny.classifier(families.get(key))
    encoded = loaded.encode(TEXTS, 32)

    def step(model: torch.nn.Module, rows: list[int]) -> Loss:
        return Loss(hard_label_loss(model(**encoded.batch(rows)).logits, LABELS[list(rows)]), {})

    return loaded, encoded, step


def _narrow(folder: Path) -> tuple[LoadedModel, Encoded, Step]:
    os.environ["DISTILL_CACHE_DIR"] = str(folder / "cache")
    teacher = tiny.classifier(families.get("bert"))
    torch.manual_seed(0)
    model = students.shallow_student(teacher.model, (0, 2), copy_weights=False, student_width=8)
    student = replace(teacher, model=model)
    encoded = teacher.encode(TEXTS, 4)  # of one length: a mean over tokens is not the mean of two processes' means
    teacher_outputs = teacher_cache.outputs(teacher.model, encoded, CPU, keep_hidden=False)
    lesson = Lesson(encoded.answered(LABELS), teacher_outputs)
    weights = LossWeights({"soft": 0.5, "hard": 0.5, "hidden": 1.0})
    return student, encoded, DistillStep(weights, lesson, student, teacher, (0, 2), CPU)


def one_of(n: int, rank: int, port: int, what: str, folder: Path) -> None:
    """Process `rank` of `n`, with the environment that torchrun sets."""
    _join(n, rank, port)
    loop.FLUSH_EVERY_S = 0  # each step is told
    told = train(what, folder / f"{rank}.safetensors")
    (folder / f"{rank}.told").write_text(json.dumps(told))
    torch.distributed.destroy_process_group()


def stopped(n: int, rank: int, port: int, what: str, folder: Path) -> None:
    """As `one_of`; the user's stop reaches the last process alone, before its fourth step."""
    _join(n, rank, port)
    checks: list[int] = []
    hooks = Hooks(
        check=_stop_at(3, checks) if rank == n - 1 else lambda: checks.append(1), checkpoint_dir=folder / "checkpoint"
    )
    try:
        train(what, folder / f"{rank}.safetensors", hooks)
    except Stopped:
        (folder / f"{rank}.stopped").write_text(str(len(checks)))
    torch.distributed.destroy_process_group()


def _stop_at(number: int, checks: list[int]) -> Callable[[], None]:
    def check() -> None:
        checks.append(1)
        if len(checks) > number:
            raise Stopped

    return check


def _join(n: int, rank: int, port: int) -> None:
    torch.set_num_threads(1)
    os.environ |= {
        "RANK": str(rank),
        "LOCAL_RANK": str(rank),
        "WORLD_SIZE": str(n),
        "LOCAL_WORLD_SIZE": str(n),
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
        "GLOO_SOCKET_IFNAME": "lo",
    }
