"""The estimated operations of a training beside torch's own count of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode
from transformers import PreTrainedModel

from distill_core import families
from distill_core.measure import flops
from distill_core.models import loading, students

TEXTS, LENGTH = 4, 16
pytestmark = pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing:FutureWarning", "ignore:fan_in_fan_out")
ARMS: dict[str, Callable[[PreTrainedModel], Any]] = {
    "all": lambda model: model,
    "head": lambda model: students.freeze_backbone(model) or model,
    "top1": lambda model: students.freeze_below(model, 1) or model,
    "lora": students.with_lora,
}


def counted(model: Any) -> float:
    """10¹² operations of one step, as torch counts them while they are done."""
    ids = torch.randint(10, 100, (TEXTS, LENGTH))
    ids[:, -1] = model.config.eos_token_id or 2  # T5 and BART look for the last one
    with FlopCounterMode(display=False) as counter:
        output = model(input_ids=ids, attention_mask=torch.ones_like(ids), labels=torch.zeros(TEXTS, dtype=torch.long))
        output.loss.backward()
    return counter.get_total_flops() / 1e12


@pytest.mark.parametrize("arm", ARMS)
@pytest.mark.parametrize("family", families.BY_KEY)
def test_the_estimate_is_near_what_torch_counts(family: str, arm: str) -> None:
    if family == "albert" and arm == "top1":
        pytest.skip("ALBERT's one layer is shared: it has no highest one")
    row = families.get(family)
    model = ARMS[arm](loading.build_classifier(loading.build_config(row, row.mini), ("bad", "good")))
    estimate = flops.training_tflop(model, TEXTS * LENGTH, TEXTS)
    assert estimate == pytest.approx(counted(model), rel=0.2)


def test_what_stands_still_costs_less() -> None:
    row = families.get("bert")
    costs = {}
    for arm, change in ARMS.items():
        model = change(loading.build_classifier(loading.build_config(row, row.mini), ("bad", "good")))
        costs[arm] = flops.training_tflop(model, 100, 10)
        assert flops.forward_tflop(model, 100, 10) <= costs[arm]
    assert costs["head"] < costs["top1"] < costs["lora"] < costs["all"]
