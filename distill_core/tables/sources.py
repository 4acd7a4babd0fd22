"""Where a run's numbers come from, in words."""

from __future__ import annotations

from distill_core import units
from distill_core.results import Environment
from distill_core.runs.run import Run


def source_text(run: Run) -> str:
    """Where a run's numbers come from: `measured 22 Nov 2025 on AMD EPYC 7763, 2 threads (run 000012-1a2b3c)`."""
    environment = run.environment()
    if environment is None:
        return f"measured (run {run.id})"
    return f"measured {machine_text(environment)} (run {run.id})"


def machine_text(environment: Environment) -> str:
    """Day, machine and threads of a measurement, in words."""
    on = environment.cpu if environment.device == "cpu" else environment.device_name
    threads = f"{environment.threads} thread{'s' if environment.threads != 1 else ''}"
    where = f"{on or environment.machine}, {threads}" if environment.device == "cpu" else on
    day = units.day(environment.started_at)
    return f"{day} on {where}" if day else f"on {where}"
