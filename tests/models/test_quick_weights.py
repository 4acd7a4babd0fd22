"""Quick random weights: as torch's own in all that a time depends on, for all ten families, and alike for none."""

from __future__ import annotations

import pytest
import tiny
import torch
from torch import nn

from distill_core import families
from distill_core.models import quick_weights
from distill_core.models.quick_weights import RepeatedNumbers

each_family = pytest.mark.parametrize("family", families.FAMILIES, ids=lambda family: family.key)


@each_family
def test_each_weight_has_the_spread_that_its_family_gives_it(family, monkeypatch):
    monkeypatch.setattr(quick_weights, "BLOCK", 257)
    usual = dict(tiny.backbone(family).named_parameters())
    with RepeatedNumbers():
        quick = dict(tiny.backbone(family).named_parameters())
    assert quick.keys() == usual.keys()
    for name, weight in usual.items():
        assert quick[name].requires_grad == weight.requires_grad
        spread, expected = float(quick[name].detach().std(correction=0)), float(weight.detach().std(correction=0))
        assert spread == pytest.approx(expected, rel=0.35), name
        assert bool(quick[name].isfinite().all())


def test_a_linear_layer_by_itself_has_torchs_bounds():
    with RepeatedNumbers():
        weight = nn.Linear(400, 900).weight.detach()
    assert float(weight.abs().max()) == pytest.approx(1 / 400**0.5, rel=1e-3)
    assert float(weight.mean()) == pytest.approx(0, abs=1e-3)


def test_a_large_tensor_is_the_block_again_and_again():
    n = 2 * quick_weights.BLOCK + 5
    with RepeatedNumbers():
        drawn = nn.init.normal_(torch.empty(n), 3.0, 0.5)
    assert torch.equal(drawn[: quick_weights.BLOCK], drawn[quick_weights.BLOCK : -5])
    assert torch.equal(drawn[-5:], drawn[:5])
    assert float(drawn.mean()) == pytest.approx(3, abs=0.02)
    assert float(drawn.std()) == pytest.approx(0.5, abs=0.02)


def test_small_tensors_and_all_that_comes_after_are_torchs_own():
    with RepeatedNumbers():
        torch.manual_seed(1)
        inside = nn.init.normal_(torch.empty(100))
    torch.manual_seed(1)
    assert torch.equal(inside, nn.init.normal_(torch.empty(100)))
