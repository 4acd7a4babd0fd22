"""Does a device compute what the CPU computes? Logits of one model on both, at batch sizes at which kernels change.

The texts have different lengths, so that padding and its mask are part of it. A difference is told in standard
deviations of the CPU's logits over the texts: 1 is as far apart as two texts are.

Measured on the ten minis of data/minis (CPU, 40 texts): float32 against float64 differs by at most 1.5e-6, products
whose factors are rounded as TF32 does by 1.7e-3, bfloat16 by 0.024, float16 by 0.003.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor, nn

from distill_core.families import Family
from distill_core.models.tokens import Encoded

BATCH_SIZES = (1, 8, 9, 40)  # one text, a full tile of eight, one text more, several tiles with a rest
TOLERANCES = MappingProxyType({torch.float32: 0.01, torch.bfloat16: 0.1, torch.float16: 0.02})
_SHORTEST, _LONGEST = 4, 64


@dataclass(frozen=True)
class Gap:
    """The largest difference of a logit at one batch size, in standard deviations of the CPU's logits."""

    batch_size: int
    gap: float
    tolerance: float

    @property
    def is_within(self) -> bool:
        """Not for a device that answers with no number."""
        return self.gap <= self.tolerance


def random_texts(family: Family, config: Any, n: int = max(BATCH_SIZES), seed: int = 0) -> Encoded:
    """`n` texts of 4 to 64 random tokens, as the family wants them; each ends with </s> where the head reads it."""
    generator = torch.Generator().manual_seed(seed)
    lengths = torch.randint(_SHORTEST, _LONGEST + 1, (n,), generator=generator).tolist()
    rows = []
    for length in lengths:
        ids = torch.randint(0, config.vocab_size, (length,), generator=generator)
        for special in (config.pad_token_id, config.eos_token_id):
            if special is not None:
                ids[ids == special] = config.vocab_size // 2
        if family.pooled_token == "eos":
            ids[-1] = config.eos_token_id
        rows.append(ids)
    return Encoded(tuple(rows), config.pad_token_id, family.padding_side)


def gaps(
    model: nn.Module,
    texts: Encoded,
    device: torch.device,
    dtype: torch.dtype,
    batch_sizes: Sequence[int] = BATCH_SIZES,
) -> tuple[Gap, ...]:
    """The first 1, 8, … texts through a float32 classifier on both devices; it ends on the CPU, in eval mode.

    In another `dtype` than float32 the device computes under autocast, as trainings and measurements do.
    """
    model.eval().to("cpu")
    expected = [logits_on(model, texts.batch(range(n)), torch.device("cpu"), torch.float32) for n in batch_sizes]
    spread = expected[-1].std(0).mean()
    model.to(device)
    found = [logits_on(model, texts.batch(range(n)), device, dtype) for n in batch_sizes]
    model.to("cpu")
    differences = [float((a - b).abs().max() / spread) for a, b in zip(found, expected, strict=True)]
    return tuple(Gap(n, gap, TOLERANCES[dtype]) for n, gap in zip(batch_sizes, differences, strict=True))


def logits_on(model: nn.Module, batch: dict[str, Tensor], device: torch.device, dtype: torch.dtype) -> Tensor:
    """Logits in float32 on the CPU, computed where the model is. Shape: (batch, classes)."""
    inputs = {name: tensor.to(device) for name, tensor in batch.items()}
    with torch.no_grad(), torch.autocast(device.type, dtype=dtype, enabled=dtype != torch.float32):
        logits: Tensor = model(**inputs).logits
    return logits.float().cpu()
