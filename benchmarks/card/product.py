"""What the product itself does on the card: its self-test, its timing, and how it deals with memory."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

import torch

from benchmarks.card import families as own
from benchmarks.card.budget import Deadline, allocated_mib, released
from benchmarks.card.plan import Plan
from distill_core import families
from distill_core.errors import ModelError
from distill_core.jobs.supervised import supervised_step
from distill_core.machine import devices
from distill_core.machine.devices import Device
from distill_core.measure import benchmark, pace, self_test
from distill_core.model_ref import parse
from distill_core.models import loading
from distill_core.models.loading import LoadedModel
from distill_core.models.tokens import Encoded
from distill_core.training import loop

_TOLERANCE_MIB = 1.0  # of an allocator's own rounding
_AGREE_WITHIN = 0.15
_CARD_IS_FULL = 512  # tokens a text of the batch that must not fit


def device_of(plan: Plan, dtype: str = "float32") -> Device:
    """The plan's device as the product resolves it."""
    return devices.resolve(plan.device.type, dtype)


def structure(plan: Plan, key: str, label_names: tuple[str, ...] | None = None) -> LoadedModel:
    """A family's official architecture with random weights, or the mini's where little is measured."""
    family = families.get(key)
    config = loading.build_config(family, plan.config_fields(family))
    torch.manual_seed(0)
    if label_names is None:
        model: Any = loading.build_backbone(family, plan.config_fields(family))
    else:
        model = loading.build_classifier(config, label_names)
    return LoadedModel(parse(f"{key}@structure"), family, model, None, "random", label_names)


def self_test_and_timing(plan: Plan, deadline: Deadline) -> dict[str, Any]:
    """The gaps of the self-test in each number format; the product's milliseconds beside this script's."""
    device = device_of(plan)
    gaps: dict[str, Any] = {}
    for dtype in plan.dtypes[1:]:
        deadline.check()
        asked = replace(device, dtype=str(dtype).removeprefix("torch."))
        gaps |= self_test.compare(asked)
    loaded = structure(plan, "bert")
    loaded.model.eval().to(plan.device)
    batch_size = plan.timed_batch_sizes[-1]
    product_ms = benchmark.measure(loaded, batch_size, plan.seq_len, plan.least_s, device).latency_ms_p50
    inputs = own.random_ids(loaded.family, loaded.model.config, batch_size, plan)
    inputs = {name: ids.to(plan.device) for name, ids in inputs.items()}
    with torch.inference_mode():
        row = own.timed(lambda: loaded.model(**inputs), plan.device, plan.least_s)
    script_ms = row["event_ms"] or row["wall_ms"]
    ratio = product_ms / script_ms
    agrees = plan.small or abs(ratio - 1) <= _AGREE_WITHIN
    return {
        "gaps": {dtype: [own.finite(asdict(gap)) for gap in found] for dtype, found in gaps.items()},
        "product_ms": product_ms,
        "script_ms": script_ms,
        "product_over_script": ratio,
        "layer_passes_per_s": pace.layer_passes_per_s(device) if device.is_accelerator else None,
        "holds": all(gap.is_within for found in gaps.values() for gap in found) and agrees,
    }


def memory_given_back(plan: Plan, deadline: Deadline) -> dict[str, Any]:
    """MiB that tensors hold before a training of BERT, after it, and when its model is gone."""
    device = device_of(plan)
    _train_a_little(plan, device, deadline)  # what torch keeps for itself is there from now on
    released(plan.device)
    before = allocated_mib(plan.device)
    if before is None:
        return {"skipped": "a CPU's allocator does not tell what it holds"}
    with_model = _train_a_little(plan, device, deadline)
    released(plan.device)
    after = allocated_mib(plan.device) or 0.0
    return {
        "before_mib": before,
        "with_model_mib": with_model,
        "after_mib": after,
        "holds": after - before <= _TOLERANCE_MIB,
    }


def _train_a_little(plan: Plan, device: Device, deadline: Deadline) -> float | None:
    """A few steps of BERT on random tokens; MiB held while the model is there."""
    loaded = structure(plan, "bert", ("no", "yes"))
    encoded, labels = full_texts(loaded, 8 * 4, plan.seq_len)
    step = supervised_step(encoded, labels, device)
    settings = loop.TrainSettings(epochs=1, batch_size=8, learning_rate=1e-5, evals_per_epoch=0)
    loop.fit(loaded.model, encoded.lengths, step, settings, device, loop.Hooks(check=deadline.check))
    return allocated_mib(plan.device)


def full_texts(loaded: LoadedModel, n: int, seq_len: int) -> tuple[Encoded, torch.Tensor]:
    """`n` texts of exactly `seq_len` random tokens, with labels."""
    ids = benchmark.random_inputs(loaded.family, loaded.model.config, n, seq_len)["input_ids"]
    return Encoded(tuple(ids), loaded.model.config.pad_token_id, loaded.family.padding_side), torch.arange(n) % 2


def out_of_memory(plan: Plan, deadline: Deadline) -> dict[str, Any]:
    """A batch that cannot fit must end as the product's own error, and the next measurement must work."""
    if plan.device.type != "cuda":
        return {"skipped": "only CUDA's allocator refuses; elsewhere the system begins to swap, or ends the program"}
    device = device_of(plan)
    loaded = structure(plan, "bert")
    loaded.model.eval().to(plan.device)
    total = torch.cuda.get_device_properties(plan.device).total_memory
    too_many = total // (_CARD_IS_FULL * loaded.model.config.intermediate_size * 4) + 1  # one layer's product alone
    message, cause = None, None
    try:
        benchmark.measure(loaded, too_many, _CARD_IS_FULL, 0.1, device)
    except ModelError as error:
        message, cause = error.message, type(error.__cause__).__name__
    released(plan.device)
    deadline.check()
    next_ms = benchmark.measure(loaded, 1, plan.seq_len, plan.least_s, device).latency_ms_p50
    return {
        "asked_texts": too_many,
        "asked_tokens_each": _CARD_IS_FULL,
        "message": message,
        "cause": cause,
        "next_row_ms": next_ms,
        "holds": cause == "OutOfMemoryError" and next_ms > 0,
    }
