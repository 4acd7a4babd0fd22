"""The door to the speed tricks: one switch turns all off, and the same is learned."""

from __future__ import annotations

import contextlib
from dataclasses import replace

import pytest
import tiny
import torch

from distill_core import families
from distill_core.machine import devices
from distill_core.measure import evaluate
from distill_core.models import students
from distill_core.settings import PROJECT
from distill_core.terms import LossWeights
from distill_core.training import teacher_cache
from distill_core.training.distillation import DistillStep, Lesson
from distill_core.training.loop import Hooks, TrainSettings, fit
from distill_core.training.speed import allocator, fast, onednn

CPU = devices.Device(torch.device("cpu"), "float32", 1)
TEXTS = list(tiny.SENTENCES) * 2


def distilled():
    """The losses of a short distillation, and what the student says at its end."""
    teacher = tiny.classifier(families.get("bert"))
    student = replace(teacher, model=students.shallow_student(teacher.model, (0, 2), copy_weights=True))
    for module in student.model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0  # the short layer draws other numbers
    encoded = teacher.encode(TEXTS, 24)
    teacher_outputs = teacher_cache.outputs(teacher.model, encoded, CPU, keep_hidden=False)
    lesson = Lesson(encoded.answered(torch.arange(16) % 2).answered_first(12), teacher_outputs)
    step = DistillStep(LossWeights({"soft": 0.5, "hard": 0.5}), lesson, student, None, (), CPU)
    told: list[float] = []

    def noted(model, rows):
        loss = step(model, rows)
        told.append(loss.total.item())
        return loss

    settings = TrainSettings(epochs=3, batch_size=4, learning_rate=1e-2, token_ids=encoded.token_ids)
    fit(student.model, encoded.lengths, noted, settings, CPU, Hooks())
    step.close()
    return told, evaluate.predict(student.model, encoded, CPU)


def test_without_the_tricks_the_same_is_learned():
    told, logits = distilled()
    with fast.plain():
        plainly, plain_logits = distilled()
    assert len(told) == 12
    assert told == pytest.approx(plainly, rel=1e-4)
    torch.testing.assert_close(logits, plain_logits, rtol=1e-3, atol=1e-3)


@pytest.fixture
def at_work(monkeypatch):
    """The tricks that are at work while a model of ours learns."""
    monkeypatch.setattr(onednn, "_is_faster", lambda: True)  # on whatever processor
    kept: list[object] = []
    monkeypatch.setattr(allocator, "_function", lambda name: lambda *arguments: kept.append(arguments))

    def found():
        kept.clear()
        model = tiny.classifier(families.get("bert")).model
        rows = model.get_input_embeddings().weight.shape[0]
        embedding = fast.embedding(model, (1, 2, 3))
        with fast.training(model), fast.logits_alone(model):
            linear = next(module for module in model.modules() if type(module) is torch.nn.Linear)
            on = {
                "used_rows": model.get_input_embeddings().weight.shape[0] < rows,
                "first_token": "forward" in vars(model.base_model.encoder.layer[-1]),
                "onednn": "forward" in vars(linear),
                "allocator": bool(kept),
            }
        embedding.close()
        return {trick for trick, is_on in on.items() if is_on}

    return found


def test_all_are_on_unless_they_are_turned_off(at_work):
    assert at_work() == set(fast.TRICKS)
    with fast.plain():
        assert at_work() == set()
    assert at_work() == set(fast.TRICKS)


@pytest.mark.parametrize("trick", fast.TRICKS)
def test_each_can_be_turned_off_alone(at_work, trick):
    with fast.plain(trick):
        assert at_work() == set(fast.TRICKS) - {trick}


def test_an_inner_block_turns_more_off(at_work):
    with fast.plain("onednn"):
        with fast.plain("allocator"):
            assert at_work() == {"used_rows", "first_token"}
        assert at_work() == {"used_rows", "first_token", "allocator"}


def test_an_error_turns_them_on_again(at_work):
    with contextlib.suppress(KeyError), fast.plain():
        raise KeyError
    assert at_work() == set(fast.TRICKS)


def test_nobody_goes_past_the_door():
    for path in [*(PROJECT / "distill_core").rglob("*.py"), *(PROJECT / "benchmarks").rglob("*.py")]:
        if path.parent.name != "speed":
            text = path.read_text(encoding="utf-8")
            assert "training.speed." not in text.replace("training.speed.fast", ""), path
            for line in text.splitlines():
                assert not line.startswith("from distill_core.training.speed import") or line.endswith(" fast"), path
