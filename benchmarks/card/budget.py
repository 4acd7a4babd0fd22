"""Time and memory of one section: a deadline that its loops ask, and what is given back at its end."""

from __future__ import annotations

import contextlib
import gc
import time

import torch


class OutOfTime(Exception):
    """A section's seconds are over."""


class Deadline:
    """So many seconds from now."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._began = time.monotonic()

    def elapsed_s(self) -> float:
        return round(time.monotonic() - self._began, 3)

    def left_s(self) -> float:
        return max(0.0, self.seconds - (time.monotonic() - self._began))

    def check(self) -> None:
        """Raises OutOfTime when they are over."""
        if self.left_s() == 0:
            raise OutOfTime(f"the {self.seconds:.0f} s of this section are over")


def reason(error: BaseException) -> str:
    """An error in one line. As text it holds no tensors, as its traceback would."""
    first = (str(error).strip().splitlines() or [""])[0]
    return f"{type(error).__name__}: {first}"[:300]


def synchronize(device: torch.device) -> None:
    """Wait for queued work; nothing to do on a CPU."""
    if device.type != "cpu":
        torch.accelerator.synchronize(device)


def released(device: torch.device) -> None:
    """Collect what nobody holds, and give the allocator's blocks back to the device."""
    gc.collect()
    if device.type != "cpu":
        with contextlib.suppress(AttributeError, RuntimeError):  # older torch, or a device in a bad state
            torch.accelerator.empty_cache()


def allocated_mib(device: torch.device) -> float | None:
    """MiB that tensors hold on the device; None on a CPU, whose allocator does not tell."""
    if device.type == "cpu":
        return None
    synchronize(device)
    if device.type == "mps":
        return float(torch.mps.current_allocated_memory()) / 2**20
    module = getattr(torch, device.type)
    return float(module.memory_allocated(device)) / 2**20
