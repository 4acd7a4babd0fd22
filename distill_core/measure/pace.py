"""How fast a device trains, in the unit of plans/training_cost: texts × layers of width 384 × passes in a second."""

from __future__ import annotations

import statistics

import torch
from torch import nn

from distill_core import families
from distill_core.machine.devices import Device, time_calls
from distill_core.models.loading import build_classifier, build_config

_LAYERS, _WIDTH, _TEXTS, _TOKENS = 3, 384, 64, 27  # the students and the sentences of the lessons
_PASSES = 3  # of a training step: forward, and backward at twice that
_WARM_UP, _STEPS = 5, 10


def layer_passes_per_s(device: Device) -> float:
    """Measured on training steps of a BERT of 3 layers, 64 texts of 27 tokens each; about a second on a card."""
    config = build_config(
        families.get("bert"),
        {
            "num_hidden_layers": _LAYERS,
            "hidden_size": _WIDTH,
            "num_attention_heads": 12,
            "intermediate_size": 4 * _WIDTH,
            "vocab_size": 8192,
        },
    )
    model = build_classifier(config, ("no", "yes")).to(device.torch_device).train()
    seconds = statistics.median(_step_seconds(model, device))
    return _TEXTS * _LAYERS * _PASSES / seconds


def _step_seconds(model: nn.Module, device: Device) -> list[float]:
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, fused=True)
    ids = torch.randint(5, 8192, (_TEXTS, _TOKENS), device=device.torch_device)
    labels = torch.arange(_TEXTS, device=device.torch_device) % 2

    def step() -> None:
        with torch.autocast(device.type, dtype=device.torch_dtype, enabled=device.dtype != "float32"):
            loss = model(input_ids=ids, attention_mask=torch.ones_like(ids), labels=labels).loss
        loss.backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    time_calls(step, device, _WARM_UP)
    return time_calls(step, device, _STEPS)
