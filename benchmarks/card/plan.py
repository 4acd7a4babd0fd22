"""How much is measured: all of it, or as little as shows that the script works."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from distill_core.families import FAMILIES, Family


@dataclass(frozen=True)
class Plan:
    """Where to measure, how much, and a folder for what is written on the way."""

    device: torch.device
    small: bool
    folder: Path

    @property
    def families(self) -> tuple[Family, ...]:
        return FAMILIES

    @property
    def dtypes(self) -> tuple[torch.dtype, ...]:
        """A CPU computes float16 too slowly to be asked."""
        formats = (torch.float32, torch.bfloat16, torch.float16)
        return formats[:2] if self.device.type == "cpu" else formats

    @property
    def timed_batch_sizes(self) -> tuple[int, ...]:
        return (1, 2) if self.small else (1, 64)

    @property
    def seq_len(self) -> int:
        return 16 if self.small else 128

    @property
    def least_s(self) -> float:
        """Seconds for which a row is timed."""
        return 0.01 if self.small else 0.4

    @property
    def train_texts(self) -> int:
        return 96 if self.small else 600

    @property
    def epochs(self) -> int:
        return 1 if self.small else 2

    def config_fields(self, family: Family) -> dict[str, Any]:
        """Official sizes, or the mini's."""
        return family.mini if self.small else family.official
