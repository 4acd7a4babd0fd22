"""Products by oneDNN: the numbers and gradients of torch's own layers, used where they are faster and nowhere else."""

from __future__ import annotations

import copy

import pytest
import tiny
import torch
from torch import nn
from transformers.pytorch_utils import Conv1D

from distill_core import families
from distill_core.machine import devices
from distill_core.measure import evaluate
from distill_core.training import teacher_cache
from distill_core.training.loop import Hooks, TrainSettings, fit
from distill_core.training.losses import Loss, hard_label_loss
from distill_core.training.speed import onednn
from distill_core.training.speed.first_token import first_token_only

pytestmark = pytest.mark.skipif(not torch.backends.mkldnn.is_available(), reason="this torch has no oneDNN")
CPU = devices.Device(torch.device("cpu"), "float32", 1)
LABELS = torch.arange(len(tiny.SENTENCES)) % 2
each_family = pytest.mark.parametrize("family", families.FAMILIES, ids=lambda family: family.key)


@pytest.fixture
def multiplied(monkeypatch):
    """oneDNN is taken for the faster one; how often it was called."""
    calls = []
    multiply = onednn._multiply

    def counted(*matrices):
        calls.append(matrices[0].shape)
        return multiply(*matrices)

    monkeypatch.setattr(onednn, "_is_faster", lambda: True)
    monkeypatch.setattr(onednn, "_multiply", counted)
    return calls


def gradients_of(layer, inputs, weights):
    """The output, and the gradients of a weighted sum of it."""
    inputs = inputs.detach().requires_grad_()
    output = layer(inputs)
    (output * weights).sum().backward()
    found = [output.detach(), inputs.grad, *(p.grad for p in layer.parameters() if p.grad is not None)]
    layer.zero_grad()
    return found


def with_gaps(tensor):
    """The same numbers in memory of their own, with others between the rows, as of every text's first token."""
    wide = torch.randn(tensor.shape[0], 5, tensor.shape[1])
    wide[:, 0] = tensor
    return wide[:, :1]


@pytest.mark.parametrize("layer", [nn.Linear(24, 7), nn.Linear(24, 7, bias=False), Conv1D(7, 24)], ids=repr)
@pytest.mark.parametrize("shape", [(3, 24), (2, 5, 24), (1, 24), (2, 3, 2, 24), "gaps"])
def test_a_layer_gives_the_same_numbers_and_gradients(multiplied, layer, shape):
    torch.manual_seed(0)
    inputs = with_gaps(torch.randn(6, 24)) if shape == "gaps" else torch.randn(shape)
    weights = torch.randn(*inputs.shape[:-1], 7)
    expected = gradients_of(layer, inputs, weights)
    assert not multiplied
    with onednn.onednn_products(layer):
        found = gradients_of(layer, inputs, weights)
    assert len(multiplied) == 3
    assert [tensor.shape for tensor in found] == [tensor.shape for tensor in expected]
    for mine, theirs in zip(found, expected, strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-5, atol=1e-5)


def test_what_does_not_learn_costs_no_product(multiplied):
    layer = nn.Linear(24, 7)
    layer.weight.requires_grad_(False)
    with onednn.onednn_products(layer):
        layer(torch.randn(3, 24)).sum().backward()
        assert len(multiplied) == 1
        with torch.inference_mode():
            layer(torch.randn(3, 24))
        assert len(multiplied) == 2
    assert layer.weight.grad is None
    torch.testing.assert_close(layer.bias.grad, torch.full((7,), 3.0))


@each_family
@pytest.mark.parametrize("shortened", [False, True])
def test_a_model_gives_the_same_logits_and_gradients(multiplied, family, shortened):
    loaded = tiny.classifier(family)
    batch = loaded.encode(tiny.SENTENCES, 32).batch(range(len(tiny.SENTENCES)))

    def found():
        loaded.model.zero_grad()
        logits = loaded.model(**batch).logits
        hard_label_loss(logits, LABELS).backward()
        return logits.detach(), {n: p.grad.clone() for n, p in loaded.model.named_parameters() if p.grad is not None}

    logits, gradients = found()
    with onednn.onednn_products(loaded.model):
        if shortened:
            with first_token_only(loaded.model):
                new_logits, new_gradients = found()
        else:
            new_logits, new_gradients = found()
    assert multiplied
    torch.testing.assert_close(new_logits, logits, rtol=1e-4, atol=1e-5)
    assert new_gradients.keys() == gradients.keys()
    for name, gradient in gradients.items():
        scale = gradient.abs().max().item()
        torch.testing.assert_close(new_gradients[name], gradient, rtol=1e-3, atol=1e-5 * scale + 1e-6, msg=name)


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_other_numbers_are_left_to_torch(multiplied, dtype):
    layer, gpt = nn.Linear(4, 3).to(dtype), Conv1D(3, 4).to(dtype)
    inputs = torch.randn(2, 4, dtype=dtype)
    with onednn.onednn_products(nn.Sequential(layer, gpt)):
        assert layer(inputs).dtype == gpt(inputs).dtype == dtype
    assert not multiplied


def test_autocast_and_empty_batches_are_left_to_torch(multiplied):
    layer, gpt = nn.Linear(4, 3), Conv1D(3, 4)
    with onednn.onednn_products(nn.Sequential(layer, gpt)):
        with torch.autocast("cpu", torch.bfloat16):
            assert layer(torch.randn(2, 4)).dtype == gpt(torch.randn(2, 4)).dtype == torch.bfloat16
        assert layer(torch.empty(0, 4)).shape == gpt(torch.empty(0, 4)).shape == (0, 3)
    assert not multiplied


# ── when ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("vendor", "capability", "mkl", "faster"),
    [
        ("AuthenticAMD", "AVX512", True, True),
        ("AuthenticAMD", "AVX2", True, False),  # MKL uses that as well
        ("GenuineIntel", "AVX512", True, False),
        ("", "DEFAULT", False, False),  # another architecture
        ("AuthenticAMD", "AVX512", False, False),  # another library than MKL: nothing is known
    ],
)
def test_it_is_used_where_mkl_leaves_avx512_idle(monkeypatch, vendor, capability, mkl, faster):
    monkeypatch.setattr(onednn, "_vendor", lambda: vendor)
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: capability)
    monkeypatch.setattr(torch.backends.mkl, "is_available", lambda: mkl)
    assert onednn._is_faster.__wrapped__() == faster


def test_nothing_changes_where_it_is_not(monkeypatch):
    monkeypatch.setattr(onednn, "_is_faster", lambda: False)
    layer = nn.Linear(2, 2)
    with onednn.onednn_products(layer):
        assert "forward" not in vars(layer)


@pytest.mark.parametrize(
    ("platform", "said", "vendor"),
    [
        ("win32", "AMD64 Family 25 Model 1 Stepping 1, AuthenticAMD", "AuthenticAMD"),
        ("win32", "Intel64 Family 6 Model 85 Stepping 4, GenuineIntel", "GenuineIntel"),
        ("darwin", "arm", "arm"),
        ("win32", "", ""),
    ],
)
def test_the_vendor_where_there_is_no_cpuinfo(monkeypatch, platform, said, vendor):
    monkeypatch.setattr(onednn.sys, "platform", platform)
    monkeypatch.setattr(onednn.platform, "processor", lambda: said)
    assert onednn._vendor() == vendor


# ── where ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_plain_layers_come_back(multiplied):
    model = tiny.classifier(families.get("bert")).model
    with onednn.onednn_products(model):
        with onednn.onednn_products(model):
            pass
        assert "forward" in vars(model.classifier)  # the outer block's
    with pytest.raises(AttributeError), onednn.onednn_products(model):
        model("no tensor")
    assert not [module for module in model.modules() if "forward" in vars(module)]
    copy.deepcopy(model)


def test_training_the_teachers_pass_and_evaluation_use_it(multiplied):
    loaded = tiny.classifier(families.get("bert"))
    encoded = loaded.encode(tiny.SENTENCES, 32)
    logits = teacher_cache.outputs(loaded.model, encoded, CPU, keep_hidden=False).logits
    after_teacher = len(multiplied)
    assert after_teacher
    torch.testing.assert_close(evaluate.predict(loaded.model, encoded, CPU), logits, rtol=1e-4, atol=1e-5)
    after_evaluation = len(multiplied)
    assert after_evaluation > after_teacher

    def step(model, rows):
        return Loss(hard_label_loss(model(**encoded.batch(rows)).logits, LABELS[list(rows)]), {})

    fit(loaded.model, encoded.lengths, step, TrainSettings(1, 8, 1e-3), CPU, Hooks())
    assert len(multiplied) > after_evaluation
    assert not [module for module in loaded.model.modules() if "forward" in vars(module)]
