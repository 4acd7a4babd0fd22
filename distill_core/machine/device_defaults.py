"""What forms offer first, by the device of this machine. No torch here: pages read it.

`doctor` asks torch and leaves its answer in the cache folder (`remember`); `stored` reads it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from distill_core.errors import RunError
from distill_core.files.json_files import read_json, write_json
from distill_core.settings import settings

CPU_LAYER_PASSES_PER_S = 1750.0  # two cores of a server processor: what plans/training_cost takes for a usual pace
_KEPT = ("device", "device_name", "device_memory_mib", "bfloat16", "layer_passes_per_s", "device_problem")


@dataclass(frozen=True)
class DeviceDefaults:
    """`base_models`: whether official sizes are a fair first choice. `dtype` is a value of a spec's field.
    `pace_factor`: how many times as fast as two CPU cores this device trains; None where that was not measured."""

    base_models: bool
    batch_size: int
    dtype: str
    pace_factor: float | None


CPU = DeviceDefaults(base_models=False, batch_size=32, dtype="auto", pace_factor=1.0)


def of_report(report: Mapping[str, Any]) -> DeviceDefaults:
    """The defaults for what `doctor` found. A device that computes wrongly is as good as none."""
    if report.get("device", "cpu") == "cpu" or report.get("device_problem"):
        return CPU
    pace = report.get("layer_passes_per_s")
    return DeviceDefaults(
        base_models=True,
        batch_size=64,
        dtype="bfloat16" if report.get("bfloat16") else "auto",
        pace_factor=pace / CPU_LAYER_PASSES_PER_S if isinstance(pace, int | float) and pace > 0 else None,
    )


def stored() -> DeviceDefaults:
    """Those of this machine; the CPU's until `doctor` has been asked once."""
    return of_report(read_json(_file()) or {})


def resolved(wanted: str = "auto") -> str:
    """The device that a request for `wanted` gets here, as far as that is known without torch: what `doctor` found."""
    wanted = settings().device if wanted == "auto" else wanted
    return str((read_json(_file()) or {}).get("device", "cpu")) if wanted == "auto" else wanted


def memory_mib() -> int | None:
    """All memory of this machine's accelerator; None without one, and where `doctor` has not been asked."""
    found = (read_json(_file()) or {}).get("device_memory_mib")
    return found if isinstance(found, int) and found > 0 else None


def remember(report: Mapping[str, Any]) -> None:
    """Keep what `of_report` needs. A cache folder that may only be read is no error: the CPU's defaults are offered."""
    with contextlib.suppress(OSError, RunError):
        _file().parent.mkdir(parents=True, exist_ok=True)
        write_json(_file(), {name: report.get(name) for name in _KEPT})


def _file() -> Path:
    return settings().cache_dir / "device.json"
