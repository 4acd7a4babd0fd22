"""What forms offer first: by the answer of `doctor`, without torch."""

from __future__ import annotations

import subprocess
import sys

import pytest

from distill_core.machine import device_defaults
from distill_core.machine.device_defaults import CPU, DeviceDefaults
from distill_core.plans import training_cost
from distill_core.runs.store import RunStore
from distill_core.settings import PROJECT, settings

CARD = {"device": "cuda", "device_name": "Card", "bfloat16": True, "layer_passes_per_s": 175_000.0}


def test_a_card_gets_larger_models_batches_and_its_own_format():
    assert device_defaults.of_report(CARD) == DeviceDefaults(True, 64, "bfloat16", 100.0)
    assert device_defaults.of_report({**CARD, "bfloat16": False}).dtype == "auto"


@pytest.mark.parametrize("pace", [None, 0, "fast"])
def test_a_pace_that_was_not_measured_is_missing(pace):
    assert device_defaults.of_report({**CARD, "layer_passes_per_s": pace}).pace_factor is None


@pytest.mark.parametrize("report", [{}, {"device": "cpu"}, {**CARD, "device_problem": "It computes other logits."}])
def test_without_a_device_that_computes_rightly_the_cpu_is_meant(report):
    assert device_defaults.of_report(report) == CPU == DeviceDefaults(False, 32, "auto", 1.0)


def test_what_doctor_found_is_there_for_the_next_process():
    assert device_defaults.stored() == CPU
    device_defaults.remember({**CARD, "cache_dir": "/secret"})
    assert device_defaults.stored() == device_defaults.of_report(CARD)
    assert "secret" not in (settings().cache_dir / "device.json").read_text()
    device_defaults.remember({"device": "cpu"})  # the card is gone
    assert device_defaults.stored() == CPU


@pytest.mark.parametrize("text", ["", "{", "[1]"])
def test_a_damaged_file_means_the_cpu(text):
    settings().cache_dir.mkdir(parents=True)
    (settings().cache_dir / "device.json").write_text(text)
    assert device_defaults.stored() == CPU


def test_a_folder_that_cannot_be_written_is_no_error(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("DISTILL_CACHE_DIR", str(tmp_path / "file"))
    settings.cache_clear()
    device_defaults.remember(CARD)
    assert device_defaults.stored() == CPU


def test_announced_costs_follow_the_measured_pace_of_the_card(tmp_path):
    store = RunStore(tmp_path / "runs")
    assert training_cost.pace([], store) == training_cost.USUAL_PACE
    device_defaults.remember(CARD)
    assert training_cost.pace([], store) == 100 * training_cost.USUAL_PACE
    device_defaults.remember({**CARD, "layer_passes_per_s": None})
    assert training_cost.pace([], store) == training_cost.USUAL_PACE


def test_the_pace_is_told_beside_the_one_that_estimates_start_from():
    assert device_defaults.CPU_LAYER_PASSES_PER_S == training_cost.USUAL_PACE


def test_it_loads_no_torch():
    code = "import sys, distill_core.machine.device_defaults; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False"]


def test_the_device_of_a_request_is_told_without_torch(monkeypatch):
    assert (device_defaults.resolved(), device_defaults.memory_mib()) == ("cpu", None)
    device_defaults.remember({**CARD, "device_memory_mib": 81_920})
    assert (device_defaults.resolved(), device_defaults.memory_mib()) == ("cuda", 81_920)
    assert device_defaults.resolved("cpu") == "cpu"
    monkeypatch.setenv("DISTILL_DEVICE", "xpu")
    settings.cache_clear()
    assert device_defaults.resolved() == "xpu"
