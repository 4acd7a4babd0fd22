"""Whole runs on the accelerator of this machine: the results that a CPU gives, as far as they can be the same."""

from __future__ import annotations

import pytest
import tiny
import torch

from distill_core import families
from distill_core.machine import devices
from distill_core.measure import parity

pytestmark = pytest.mark.gpu
TUNE = {"kind": "finetune", "epochs": 2, "batch_size": 8, "train_examples": "48", "seeds": 1, "max_length": 24}


@pytest.mark.parametrize("family", families.FAMILIES, ids=lambda family: family.key)
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_logits_are_those_of_the_cpu(family, dtype):
    device = devices.resolve(dtype=dtype)
    model = tiny.classifier(family).model
    for gap in parity.gaps(model, parity.random_texts(family, model.config), device.torch_device, device.torch_dtype):
        # weights drawn wide let rounding grow through the layers; a wrong result is larger still
        assert gap.gap < (0.01 if dtype == "float32" else 0.5), gap


def test_a_comparison_has_times_and_memory_of_the_device(do, make_model):
    run = do(kind="compare", models=make_model(), dataset="none", batch_sizes="1,9", seq_lens="16", min_time_s=0.1)
    assert run.state().state == "done", run.state().message
    there = devices.accelerator_type()
    assert run.environment().device == there
    for row in run.result().rows:
        assert row.error is None
        assert row.device == there
        assert row.latency_ms_p50 > 0
        assert row.peak_memory_mib > 0


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_a_fine_tuning_learns(do, make_model, dataset, dtype):
    run = do(**TUNE, model=make_model(), dataset=dataset, arms="pretrained", dtype=dtype)
    assert run.state().state == "done", run.state().message
    assert run.environment().device == devices.accelerator_type()
    (arm,) = run.result().arms
    assert 0 < arm.accuracy <= 1
    assert arm.train_s > 0


def test_a_stopped_run_goes_on_from_its_checkpoint(do, make_model, dataset, launcher, stop_at):
    stop_at(8)
    run = do(**TUNE, model=make_model(), dataset=dataset, arms="pretrained")
    assert run.state().state == "stopped"
    launcher.resume(run.id)
    assert run.state().state == "done", run.state().message
    assert len(run.result().arms) == 1


def test_a_distillation_keeps_teacher_and_student_on_the_device(do, make_model, dataset):
    run = do(
        kind="distill",
        teacher=make_model(),
        dataset=dataset,
        student_layers=2,
        epochs=1,
        batch_size=8,
        train_examples=48,
        max_length=24,
        arms="distilled,init-only",
    )
    assert run.state().state == "done", run.state().message
    assert {student.arm for student in run.result().students} == {"distilled", "init-only"}


def test_a_training_gives_its_memory_back(do, make_model, dataset):
    def held():
        torch.accelerator.synchronize()
        torch.accelerator.empty_cache()
        return torch.accelerator.memory_allocated()

    arguments = {**TUNE, "model": make_model(), "dataset": dataset, "arms": "pretrained"}
    do(**arguments)
    before = held()
    do(**arguments)
    assert held() <= before + 2**20
