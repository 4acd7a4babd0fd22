"""What `doctor` asks of an accelerator; one is pretended."""

from __future__ import annotations

import pytest
import torch

from distill_core.cli import doctor
from distill_core.errors import RunError
from distill_core.machine.devices import Device
from distill_core.measure import pace, self_test


class Pretended(Device):
    is_accelerator = True
    has_bfloat16 = True


@pytest.fixture
def card():
    return Pretended(torch.device("cpu"), "float32", 1)


def test_a_cpu_is_asked_nothing(monkeypatch):
    monkeypatch.setattr(pace, "layer_passes_per_s", None)
    found = doctor._abilities(Device(torch.device("cpu"), "float32", 1))
    assert found == {"bfloat16": False, "layer_passes_per_s": None, "device_problem": None}


def test_a_card_is_tested_and_timed_in_its_own_format(card, monkeypatch):
    tested = []
    monkeypatch.setattr(self_test, "require", lambda device: tested.append(device.dtype))
    monkeypatch.setattr(pace, "layer_passes_per_s", lambda device: 5000.0)
    found = doctor._abilities(card)
    assert found == {"bfloat16": True, "layer_passes_per_s": 5000.0, "device_problem": None}
    assert tested == ["bfloat16"]


@pytest.mark.parametrize(
    "error", [RunError("It computes other logits.", "Choose the CPU."), RuntimeError("no kernel\n")]
)
def test_a_card_that_fails_is_a_problem_that_is_told(card, monkeypatch, error):
    def fail(device):
        raise error

    monkeypatch.setattr(self_test, "require", fail)
    found = doctor._abilities(card)
    assert found["device_problem"] == str(error).strip()
    assert found["layer_passes_per_s"] is None
