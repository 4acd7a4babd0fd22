"""The comparison of a device with the CPU; a device that computes wrongly is pretended on the CPU."""

from __future__ import annotations

import math

import pytest
import tiny
import torch
from torch import nn

from distill_core import families
from distill_core.errors import RunError
from distill_core.machine.devices import Device
from distill_core.measure import parity, self_test
from distill_core.settings import settings

CPU = torch.device("cpu")
each_family = pytest.mark.parametrize("family", families.FAMILIES, ids=lambda family: family.key)


class Pretended(Device):
    """The CPU under the name of a card."""

    is_accelerator = True
    name = "Card of the test"


@pytest.fixture
def card():
    return Pretended(CPU, "float32", 1)


@pytest.fixture
def computed(monkeypatch):
    """Each computation of the device: its batch size and number format. `wrong` changes what it answers."""
    asked, honest = [], parity.logits_on
    change = {"at": None, "by": lambda logits: logits + 1}

    def logits_on(model, batch, device, dtype):
        logits = honest(model, batch, device, dtype)
        asked.append((len(logits), dtype))
        is_card = asked.count(asked[-1]) % 2 == 0 or dtype != torch.float32  # the CPU is asked first, in float32
        return change["by"](logits) if is_card and len(logits) == change["at"] else logits

    monkeypatch.setattr(parity, "logits_on", logits_on)
    return asked, change


def test_a_right_device_passes_once_and_is_remembered(card, computed):
    asked, _ = computed
    self_test.require(card)
    assert asked == [(n, torch.float32) for n in (1, 8, 9, 40)] * 2
    self_test.require(card)
    assert len(asked) == 8


def test_another_number_format_driver_or_torch_is_tested_anew(card, computed, monkeypatch):
    asked, _ = computed
    self_test.require(card)
    self_test.require(Pretended(CPU, "bfloat16", 1))
    assert len(asked) == 8 + 16
    assert {dtype for _, dtype in asked} == {torch.float32, torch.bfloat16}
    monkeypatch.setattr(self_test, "_driver", lambda kind: "580.1")
    self_test.require(card)
    assert len(asked) == 8 + 16 + 8
    monkeypatch.setattr(torch, "__version__", "2.99.0")
    self_test.require(card)
    assert len(asked) == 8 + 16 + 8 + 8


def test_wrong_logits_at_nine_texts_end_the_run(card, computed):
    _, change = computed
    change["at"] = 9
    for _ in range(2):  # a failure is not remembered as a pass
        with pytest.raises(RunError, match="with 9 texts in float32 they lie") as caught:
            self_test.require(card)
        assert "Card of the test" in caught.value.message
        assert "allowed are 0.01" in caught.value.message
        assert "--device cpu" in caught.value.hint
    change["at"] = None
    self_test.require(card)


def test_no_number_is_a_wrong_number(card, computed):
    _, change = computed
    change.update(at=40, by=lambda logits: logits * math.nan)
    with pytest.raises(RunError, match="with 40 texts"):
        self_test.require(card)


def test_a_device_that_cannot_compute_it_is_named(card, monkeypatch):
    def fail(*_):
        raise NotImplementedError("aten::sdpa is not there.\nmore")

    monkeypatch.setattr(parity, "gaps", fail)
    with pytest.raises(RunError, match="cannot compute a small BERT in float32: aten::sdpa is not there"):
        self_test.require(card)
    monkeypatch.setattr(parity, "gaps", lambda *_: (_ for _ in ()).throw(torch.OutOfMemoryError("full")))
    with pytest.raises(torch.OutOfMemoryError):  # the user's to mend: the run says that the memory ran out
        self_test.require(card)


def test_a_cpu_is_not_tested(computed):
    self_test.require(Device(CPU, "bfloat16", 1))
    assert computed[0] == []
    assert not (settings().cache_dir / "self-test").exists()


def test_the_runs_draws_stay_what_they_are(card):
    torch.manual_seed(3)
    expected = torch.rand(4)
    torch.manual_seed(3)
    self_test.require(card)
    assert torch.equal(torch.rand(4), expected)


def test_a_cache_that_cannot_be_written_is_no_failure(card, computed, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("DISTILL_CACHE_DIR", str(tmp_path / "file"))
    settings.cache_clear()
    self_test.require(card)
    self_test.require(card)
    assert len(computed[0]) == 16


@each_family
def test_a_gap_is_told_in_standard_deviations(family, monkeypatch):
    loaded = tiny.classifier(family)
    texts = parity.random_texts(family, loaded.model.config)
    with torch.no_grad():
        logits = loaded.model(**texts.batch(range(40))).logits
    spread = float(logits.std(0).mean())
    assert spread > 1e-3
    calls, honest = [], parity.logits_on

    def shifted(*args):
        calls.append(1)
        return honest(*args) + (0.5 * spread if len(calls) > 4 else 0)

    monkeypatch.setattr(parity, "logits_on", shifted)
    found = parity.gaps(loaded.model, texts, CPU, torch.float32)
    assert [gap.batch_size for gap in found] == [1, 8, 9, 40]
    assert [gap.gap for gap in found] == pytest.approx([0.5] * 4, rel=1e-3)
    assert not any(gap.is_within for gap in found)


@each_family
def test_the_cpu_lies_no_way_from_itself(family):
    loaded = tiny.classifier(family)
    found = parity.gaps(loaded.model, parity.random_texts(family, loaded.model.config), CPU, torch.float32)
    assert all(gap.gap == 0 and gap.is_within for gap in found)


def test_random_texts_are_padded_and_have_no_special_token_inside():
    for family in families.FAMILIES:
        config = tiny.classifier(family).model.config
        texts = parity.random_texts(family, config)
        assert len(texts) == 40
        assert len(set(texts.lengths)) > 10
        assert texts.padding_side == family.padding_side
        for ids in texts.ids:
            assert not (ids == config.pad_token_id).any()
            if family.pooled_token == "eos":
                assert ids.tolist().count(config.eos_token_id) == 1
                assert ids[-1] == config.eos_token_id


@pytest.mark.gpu
@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
def test_the_device_of_this_machine_computes_what_the_cpu_computes(dtype):
    from distill_core.machine import devices

    self_test.require(devices.resolve(dtype=dtype))


def test_damage_to_one_layer_shows_in_the_logits():
    loaded = self_test.load_model()
    texts = parity.random_texts(loaded.family, loaded.model.config)
    before = parity.logits_on(loaded.model.eval(), texts.batch(range(8)), CPU, torch.float32)
    attention = loaded.model.bert.encoder.layer[0].attention.self.value
    nn.init.zeros_(attention.weight)
    after = parity.logits_on(loaded.model, texts.batch(range(8)), CPU, torch.float32)
    assert float((after - before).abs().max() / before.std(0).mean()) > 0.1
