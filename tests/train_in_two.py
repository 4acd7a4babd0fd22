"""A small training that two processes can share; test_training.py starts them and trains the same alone."""

from __future__ import annotations

import os
from pathlib import Path

import tiny
import torch
from safetensors.torch import save_model

from distill_core import device, families
from distill_core.losses import hard_label_loss
from distill_core.training import Hooks, Loss, TrainSettings, fit

# 16 texts in batches of 5: two processes take 3 and 2 of them, and one has nothing of the last batch of one text.
TEXTS = [*tiny.SENTENCES, *(f"{text} {text}" for text in tiny.SENTENCES)]
SETTINGS = TrainSettings(epochs=2, batch_size=5, learning_rate=1e-3, max_grad_norm=0.5)


def train(family: str, out: Path) -> list[int]:
    """Train without dropout and save; the steps that were told."""
    loaded = tiny.classifier(families.get(family))
    for module in loaded.model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    encoded, labels = loaded.encode(TEXTS, 32), torch.arange(len(TEXTS)) % 2

    def step(model: torch.nn.Module, rows: list[int]) -> Loss:
        return Loss(hard_label_loss(model(**encoded.batch(rows)).logits, labels[list(rows)]), {})

    told: list[int] = []
    hooks = Hooks(on_event=lambda progress: told.append(progress.step))
    fit(loaded.model, encoded.lengths, step, SETTINGS, device.Device(torch.device("cpu"), "float32", 1), hooks)
    save_model(loaded.model, str(out))
    return told


def one_of(n: int, rank: int, port: int, family: str, folder: Path) -> None:
    """Process `rank` of `n`, with the environment that torchrun sets."""
    torch.set_num_threads(1)
    os.environ |= {"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": str(n), "LOCAL_WORLD_SIZE": str(n),
                   "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "GLOO_SOCKET_IFNAME": "lo"}  # fmt: skip
    told = train(family, folder / f"{rank}.safetensors")
    (folder / f"{rank}.told").write_text(" ".join(map(str, told)))
    torch.distributed.destroy_process_group()
