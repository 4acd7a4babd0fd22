"""The pace of a device in layer passes per second."""

from __future__ import annotations

import pytest
import torch

from distill_core.machine import devices
from distill_core.measure import pace


def test_it_counts_texts_layers_and_passes(monkeypatch):
    """64 texts × 3 layers × 3 passes in 0.25 s, and every timed step is one that learns."""
    steps = []

    def time_calls(step, device, n):
        steps.append(n)
        if n == pace._WARM_UP:
            step()
        return [9.0, *[0.25] * (n - 1)]

    monkeypatch.setattr(pace, "time_calls", time_calls)
    assert pace.layer_passes_per_s(devices.Device(torch.device("cpu"), "float32", 1)) == 64 * 3 * 3 / 0.25
    assert steps == [5, 10]


@pytest.mark.gpu
def test_a_card_trains_faster_than_two_cores():
    from distill_core.machine.device_defaults import CPU_LAYER_PASSES_PER_S

    assert pace.layer_passes_per_s(devices.resolve()) > CPU_LAYER_PASSES_PER_S
