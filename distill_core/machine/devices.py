"""The one module that talks to devices: CUDA, MPS and XPU through torch.accelerator, and the CPU as one of them."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import torch

from distill_core.errors import SpecError
from distill_core.machine.capacity import physical_cores as physical_cores
from distill_core.settings import settings

Dtype = Literal["float32", "bfloat16", "float16"]
_DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


@dataclass(frozen=True)
class Device:
    """A resolved device: where to put tensors, which number format to compute in, how many CPU threads."""

    torch_device: torch.device
    dtype: Dtype
    threads: int

    @property
    def type(self) -> str:
        return self.torch_device.type

    @property
    def is_accelerator(self) -> bool:
        return self.type != "cpu"

    @property
    def torch_dtype(self) -> torch.dtype:
        return _DTYPES[self.dtype]

    @property
    def name(self) -> str:
        """The device's own name, for instance the GPU's; "CPU" for the processor."""
        if self.type == "cuda":
            return str(torch.cuda.get_device_name(self.torch_device))
        if self.type == "xpu":
            return str(torch.xpu.get_device_name(self.torch_device))
        return {"mps": "Apple GPU"}.get(self.type, "CPU")

    @property
    def memory_mib(self) -> int | None:
        """All memory of an accelerator; None for the CPU, and where the device does not tell."""
        if self.type == "cuda":
            return int(torch.cuda.get_device_properties(self.torch_device).total_memory) // 2**20
        if self.type == "xpu":
            return int(torch.xpu.get_device_properties(self.torch_device).total_memory) // 2**20
        return int(torch.mps.recommended_max_memory()) // 2**20 if self.type == "mps" else None

    @property
    def has_bfloat16(self) -> bool:
        """Whether its matrix units compute in bfloat16. A CPU's and Apple's are not counted: there it wins little."""
        if self.type == "cuda":
            return bool(torch.cuda.is_bf16_supported(including_emulation=False))
        return self.type == "xpu" and bool(torch.xpu.is_bf16_supported())

    def synchronize(self) -> None:
        """Wait until all queued work is done; nothing to do on a CPU."""
        if self.is_accelerator:
            torch.accelerator.synchronize(self.torch_device)


def resolve(device: str = "auto", dtype: str = "auto", threads: int | None = None) -> Device:
    """The device that was asked for. Sets torch's intra-op thread count.

    Raises:
        SpecError: the device is not in this machine, or cannot compute in this number format.
    """
    wanted = settings().device if device == "auto" else device
    threads = threads or settings().threads or physical_cores()
    torch.set_num_threads(threads)
    there = accelerator_type()
    if wanted == "auto":
        wanted = there or "cpu"
    if wanted != "cpu" and wanted != there:
        found = f"This machine has {there} and cpu." if there else "This machine has a CPU alone."
        raise SpecError(f"There is no device {wanted} here.", f"{found} Choose auto.")
    if dtype == "float16" and wanted == "cpu":
        raise SpecError("float16 is not for CPUs.", "Choose float32 or auto.")
    chosen: Dtype = "float32" if dtype == "auto" else dtype  # type: ignore[assignment]
    return Device(torch.device(wanted), chosen, threads)


def accelerator_type() -> str | None:
    """ "cuda", "mps" or "xpu" where torch finds one that works, else None."""
    if not torch.accelerator.is_available():
        return None
    accelerator = torch.accelerator.current_accelerator()
    return accelerator.type if accelerator is not None else None


def seed_everything(seed: int) -> None:
    """Seed torch on every device. Data order has generators of its own."""
    torch.manual_seed(seed)


def time_calls(call: Callable[[], object], device: Device, n: int) -> list[float]:
    """Seconds of each of `n` calls. On CUDA each call lies between two events, with one synchronization at the end;
    elsewhere each call is synchronized, so that no queued work is missed."""
    if device.type == "cuda":
        events = [torch.cuda.Event(enable_timing=True) for _ in range(n + 1)]  # type: ignore[no-untyped-call]
        events[0].record()
        for event in events[1:]:
            call()
            event.record()
        device.synchronize()
        return [a.elapsed_time(b) / 1000 for a, b in pairwise(events)]
    seconds = []
    for _ in range(n):
        start = time.perf_counter()
        call()
        device.synchronize()
        seconds.append(time.perf_counter() - start)
    return seconds
