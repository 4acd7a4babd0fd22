"""Choosing a device, and timing on it; a GPU is pretended where none is there."""

from __future__ import annotations

import pytest
import tiny
import torch

from distill_core.errors import SpecError
from distill_core.machine import devices
from distill_core.settings import settings


@pytest.fixture(autouse=True)
def same_threads():
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def pretend(monkeypatch):
    return lambda kind: monkeypatch.setattr(devices, "accelerator_type", lambda: kind)


def test_auto_takes_the_fastest_that_is_there(pretend):
    for kind in (None, "cuda", "mps", "xpu"):
        pretend(kind)
        assert devices.resolve().type == (kind or "cpu")
        assert devices.resolve("cpu").type == "cpu"
        assert devices.resolve().is_accelerator == (kind is not None)


@pytest.mark.parametrize("there", [None, "cuda"])
def test_a_device_that_is_not_there_is_refused(pretend, there):
    pretend(there)
    with pytest.raises(SpecError, match="There is no device mps here") as caught:
        devices.resolve("mps")
    assert ("cuda and cpu" if there else "CPU alone") in caught.value.hint


def test_number_formats(pretend):
    pretend(None)
    assert devices.resolve().dtype == "float32"
    half = devices.resolve(dtype="bfloat16")
    assert (half.dtype, half.torch_dtype) == ("bfloat16", torch.bfloat16)
    with pytest.raises(SpecError, match="float16 is not for CPUs"):
        devices.resolve(dtype="float16")
    pretend("cuda")
    assert devices.resolve(dtype="float16").torch_dtype == torch.float16


def test_threads_are_set_and_recorded(pretend, monkeypatch):
    pretend(None)
    assert devices.resolve(threads=1).threads == torch.get_num_threads() == 1
    assert devices.resolve().threads == torch.get_num_threads() == devices.physical_cores()
    monkeypatch.setenv("DISTILL_THREADS", "3")
    settings.cache_clear()
    assert devices.resolve().threads == torch.get_num_threads() == 3
    assert devices.resolve(threads=2).threads == 2


def test_the_installation_may_name_the_device(pretend, monkeypatch):
    monkeypatch.setenv("DISTILL_DEVICE", "cpu")
    settings.cache_clear()
    pretend("cuda")
    assert devices.resolve().type == "cpu"
    assert devices.resolve("cuda").type == "cuda"
    monkeypatch.setenv("DISTILL_DEVICE", "toaster")
    settings.cache_clear()
    with pytest.raises(SpecError, match="toaster"):
        devices.resolve()


def test_there_is_at_least_one_core():
    assert 1 <= devices.physical_cores() <= 4096


def test_the_cpu_has_a_name_and_nothing_to_wait_for():
    here = devices.Device(torch.device("cpu"), "float32", 1)
    assert here.name == "CPU"
    here.synchronize()


def test_each_call_is_timed_by_itself(monkeypatch):
    clock = tiny.Clock()
    monkeypatch.setattr(devices, "time", clock)
    spans = iter([0.03, 0.0, 0.02])
    here = devices.Device(torch.device("cpu"), "float32", 1)
    assert devices.time_calls(lambda: clock.pass_by(next(spans)), here, 3) == pytest.approx([0.03, 0.0, 0.02])


def test_the_seed_fixes_torchs_draws():
    devices.seed_everything(5)
    first = torch.rand(3)
    devices.seed_everything(5)
    assert torch.equal(torch.rand(3), first)


def test_bfloat16_counts_where_the_hardware_has_it(monkeypatch):
    assert not devices.Device(torch.device("cpu"), "float32", 1).has_bfloat16
    assert not devices.Device(torch.device("mps"), "float32", 1).has_bfloat16
    for there in (True, False):
        monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation, there=there: there)
        assert devices.Device(torch.device("cuda"), "float32", 1).has_bfloat16 is there


@pytest.mark.gpu
def test_a_gpu_is_timed_with_its_work_done():
    here = devices.resolve()
    assert here.is_accelerator
    matrix = torch.randn(4096, 4096, device=here.torch_device)
    one, many = (
        sorted(devices.time_calls(lambda n=n: [matrix @ matrix for _ in range(n)], here, 10))[5] for n in (1, 20)
    )
    assert many > 10 * one  # queued work that is not waited for would look free
