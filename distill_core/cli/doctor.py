"""`doctor`: what this machine has, and what that means for the user."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import psutil

from distill_core.assets import shelf
from distill_core.errors import RunError
from distill_core.machine import device_defaults, environment
from distill_core.settings import settings

if TYPE_CHECKING:
    from distill_core.machine.devices import Device


def examine() -> dict[str, Any]:
    """Device, memory, threads, assets, Hub, disk; `advice` says what each shortcoming means."""
    environment.prepare_process(None)
    from distill_core import hub
    from distill_core.machine import devices

    device = devices.resolve()
    described = environment.describe(device.type, device.name, device.dtype, device.threads)
    memory = psutil.virtual_memory()
    rows = [
        {
            "name": row.name,
            "present": row.present,
            "size_mib": round(row.download_bytes / 2**20, 1),
            "purpose": row.purpose,
        }
        for row in shelf.status()
    ]
    problem = hub.available()
    free_mib = psutil.disk_usage(str(_existing(settings().runs_dir))).free // 2**20
    report = {
        "device": device.type,
        "device_name": device.name,
        "device_memory_mib": device.memory_mib,
        "dtype": device.dtype,
        "threads": device.threads,
        "memory_gib": round(memory.total / 2**30, 1),
        "memory_free_gib": round(memory.available / 2**30, 1),
        "disk_free_mib": free_mib,
        "runs_dir": str(settings().runs_dir),
        "cache_dir": str(settings().cache_dir),
        **_abilities(device),
        "environment": described.model_dump(),
        "assets": rows,
        "hub": {"reachable": problem is None, "problem": problem},
    }
    device_defaults.remember(report)
    return {**report, "advice": _advice(report)}


def _abilities(device: Device) -> dict[str, Any]:
    """What an accelerator is asked beyond its name: does it compute rightly, in bfloat16 too, and how fast does it
    train. Nothing of this is asked of a CPU."""
    found: dict[str, Any] = {"bfloat16": device.has_bfloat16, "layer_passes_per_s": None, "device_problem": None}
    if not device.is_accelerator:
        return found
    from distill_core.measure import pace, self_test

    usual = replace(device, dtype="bfloat16") if device.has_bfloat16 else device
    try:
        self_test.require(usual)
        found["layer_passes_per_s"] = pace.layer_passes_per_s(usual)
    except (RunError, RuntimeError) as error:
        found["device_problem"] = str(error).strip().splitlines()[0]
    return found


def _existing(path: Any) -> Any:
    while not path.exists():
        path = path.parent
    return path


def _advice(report: dict[str, Any]) -> list[str]:
    advice = []
    if report["device"] == "cpu":
        advice.append("No accelerator: everything runs on the CPU. Small models train in minutes.")
    if report["device_problem"]:
        advice.append(report["device_problem"])
    missing = [row["name"] for row in report["assets"] if not row["present"]]
    if missing:
        advice.append(f"Not here yet: {', '.join(missing)}. Get them with: python -m distill_core assets")
    if not report["hub"]["reachable"]:
        advice.append(
            "The Hub does not answer: @hub and @sst2 models and sst2, imdb, ag_news work only from the cache."
        )
    if report["memory_free_gib"] < 4:
        advice.append("Less than 4 GiB of memory is free: compare large models one at a time.")
    if report["disk_free_mib"] < settings().min_free_disk_mib:
        advice.append("The disk is nearly full: new runs are refused. Delete old runs or set DISTILL_RUNS_DIR.")
    if not os.access(_existing(settings().runs_dir), os.W_OK):
        advice.append(f"{settings().runs_dir} cannot be written. Set DISTILL_RUNS_DIR to another folder.")
    return advice or ["Everything is here."]
