"""What card this is, and what its maker says of it."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

import torch
import transformers

from benchmarks.card.budget import Deadline
from benchmarks.card.plan import Plan


class Peak(NamedTuple):
    """Dense bfloat16 with float32 sums on the matrix units, in TFLOP/s, and who says so."""

    tflops: float
    source: str


_WITH_SPARSITY = "which states twice as much, with sparsity"
# The whole name, as torch gives it: a laptop's card, a slice (MIG) or a cut-down model is another one.
PEAKS: tuple[tuple[str, Peak], ...] = (
    (r"NVIDIA A100-(SXM4|PCIE)-(40|80)GB|NVIDIA A100 80GB PCIe", Peak(312, "NVIDIA A100 datasheet")),
    (r"NVIDIA A10", Peak(125, "NVIDIA A10 datasheet")),
    (r"NVIDIA A30", Peak(165, "NVIDIA A30 datasheet")),
    (r"NVIDIA L4", Peak(121, f"NVIDIA L4 datasheet, {_WITH_SPARSITY}")),
    (r"NVIDIA L40S", Peak(362, "NVIDIA L40S datasheet")),
    (r"NVIDIA H100 80GB HBM3", Peak(989, f"NVIDIA H100 datasheet (SXM), {_WITH_SPARSITY}")),
    (r"NVIDIA H100 PCIe", Peak(756, "NVIDIA H100 whitepaper (PCIe)")),
    (r"NVIDIA H200", Peak(989, f"NVIDIA H200 datasheet (SXM), {_WITH_SPARSITY}")),
    (r"NVIDIA GeForce RTX 3090", Peak(71, "NVIDIA GA102 whitepaper, bfloat16 with float32 sums")),
    (r"NVIDIA GeForce RTX 4090", Peak(165.2, "NVIDIA Ada whitepaper, bfloat16 with float32 sums")),
)


def peak_of(name: str) -> Peak | None:
    """The stated peak of a card; None for one that is not in the table."""
    return next((peak for pattern, peak in PEAKS if re.fullmatch(pattern, name)), None)


def resolve(device: str) -> torch.device:
    """The device of this name. Raises SystemExit when it is not here."""
    found = torch.accelerator.current_accelerator() if torch.accelerator.is_available() else None
    there = found.type if found is not None else None
    if device == "auto":
        device = there or "cpu"
    if device not in ("cpu", there):
        raise SystemExit(f"There is no device {device} here: this machine has {there or 'no accelerator'} and cpu.")
    return torch.device(device)


def name_of(device: torch.device) -> str:
    if device.type in ("cuda", "xpu"):
        return str(getattr(torch, device.type).get_device_name(device))
    return {"mps": "Apple GPU"}.get(device.type, "CPU")


def card(plan: Plan, deadline: Deadline) -> dict[str, Any]:
    """Name, memory, versions and the stated peak."""
    del deadline
    device = plan.device
    name = name_of(device)
    peak = peak_of(name)
    found: dict[str, Any] = {
        "device": device.type,
        "name": name,
        "torch": torch.__version__,
        "transformers": transformers.__version__,
        "peak_bf16_tflops": peak.tflops if peak else None,
        "peak_source": peak.source if peak else "this card is not in the table of benchmarks/card/facts.py",
    }
    if device.type == "cuda":
        properties = torch.cuda.get_device_properties(device)
        found |= {
            "memory_gib": round(properties.total_memory / 2**30, 1),
            "capability": f"{properties.major}.{properties.minor}",
            "cuda": torch.version.cuda or torch.version.hip,
            "bfloat16": torch.cuda.is_bf16_supported(including_emulation=False),
            "float32_products": torch.get_float32_matmul_precision(),
        }
    return found
