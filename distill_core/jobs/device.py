"""The device of a run: chosen, described in env.json, and tested before its first result."""

from __future__ import annotations

from distill_core.machine import devices, environment
from distill_core.machine.devices import Device
from distill_core.measure import self_test
from distill_core.runs.control import JobContext
from distill_core.specs import Spec


def prepared_device(spec: Spec, context: JobContext) -> Device:
    """Every job begins with it; what a job starts in other processes takes `devices.resolve` alone.

    Raises:
        SpecError: there is no such device here.
        RunError: it does not compute what the CPU computes.
    """
    device = devices.resolve(spec.device, spec.dtype, spec.threads)
    earlier = context.run.environment()
    here = environment.describe(device.type, device.name, device.dtype, device.threads)
    context.set_environment(here.model_copy(update={"data": earlier.data if earlier is not None else ()}))
    self_test.require(device)
    return device
