"""Peak memory of this process on its device, in MiB."""

from __future__ import annotations

import sys
from pathlib import Path

import psutil
import torch

from distill_core.machine.devices import Device

_MIB = 1024 * 1024


class PeakMemory:
    """The highest memory use since `reset`, above what the process held at its start.

    On a CPU this is the peak of the resident set: weights, activations, buffers. Linux can reset that peak
    (/proc/self/clear_refs); elsewhere it is the peak since the process began. On an accelerator it is the allocator's.
    """

    def __init__(self, device: Device) -> None:
        self._device = device
        self._base = psutil.Process().memory_info().rss

    def reset(self) -> None:
        if self._device.is_accelerator:
            if self._device.type in ("cuda", "xpu"):
                torch.accelerator.reset_peak_memory_stats(self._device.torch_device)
            return
        if sys.platform == "linux":
            try:
                Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
            except OSError:
                return  # a locked-down container: the peak since the start is reported

    def read(self) -> float | None:
        """MiB; None where the device cannot tell."""
        if self._device.type in ("cuda", "xpu"):
            return float(torch.accelerator.max_memory_allocated(self._device.torch_device)) / _MIB
        if self._device.type == "mps":
            return float(torch.mps.driver_allocated_memory()) / _MIB
        return float(max(0, _peak_rss() - self._base)) / _MIB


def _peak_rss() -> int:
    if sys.platform == "linux":
        for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    if sys.platform == "win32":
        return int(psutil.Process().memory_info().peak_wset)
    import resource

    peak: int = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
