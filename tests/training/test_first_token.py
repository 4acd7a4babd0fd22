"""The shortened last layer: the same logits and gradients, and the plain model again afterwards."""

from __future__ import annotations

from dataclasses import replace

import pytest
import tiny
import torch

from distill_core import families
from distill_core.machine import devices
from distill_core.models import students
from distill_core.terms import LossWeights
from distill_core.training import teacher_cache
from distill_core.training.distillation import DistillStep, Lesson
from distill_core.training.losses import hard_label_loss
from distill_core.training.speed.first_token import first_token_only

SHORTENED = ("bert", "roberta", "ernie", "electra")
CPU = devices.Device(torch.device("cpu"), "float32", 1)
each_family = pytest.mark.parametrize("family", families.FAMILIES, ids=lambda family: family.key)
LABELS = torch.arange(len(tiny.SENTENCES)) % 2


def batch_of(loaded):
    return loaded.encode(tiny.SENTENCES, 32).batch(range(len(tiny.SENTENCES)))


def logits_and_gradients(loaded):
    loaded.model.zero_grad()
    logits = loaded.model(**batch_of(loaded)).logits
    hard_label_loss(logits, LABELS).backward()
    gradients = {name: p.grad.clone() for name, p in loaded.model.named_parameters() if p.grad is not None}
    return logits.detach(), gradients


@each_family
@pytest.mark.parametrize("attention", ["sdpa", "eager"])
def test_logits_and_gradients_are_the_full_layers(family, attention):
    loaded = tiny.classifier(family)
    try:
        loaded.model.set_attn_implementation(attention)
    except ValueError:
        pytest.skip(f"{family.title} has no {attention} attention")
    logits, gradients = logits_and_gradients(loaded)
    with first_token_only(loaded.model):
        short_logits, short_gradients = logits_and_gradients(loaded)
    torch.testing.assert_close(short_logits, logits, rtol=1e-5, atol=1e-6)
    assert short_gradients.keys() == gradients.keys()
    for name, gradient in gradients.items():
        scale = gradient.abs().max().item()
        torch.testing.assert_close(short_gradients[name], gradient, rtol=1e-4, atol=1e-5 * scale + 1e-7, msg=name)


@each_family
def test_only_the_first_token_is_computed_and_only_inside(family):
    loaded = tiny.classifier(family)
    batch = batch_of(loaded)
    shapes = []
    with torch.inference_mode():
        full = loaded.model(**batch).logits
        with first_token_only(loaded.model):
            if family.key in SHORTENED:
                shapes.append(loaded.model.base_model(**batch).last_hidden_state.shape)
        again = loaded.model(**batch).logits
    assert torch.equal(full, again)
    assert shapes == ([(len(tiny.SENTENCES), 1, 16)] if family.key in SHORTENED else [])


def test_the_plain_layer_comes_back_after_an_error():
    loaded = tiny.classifier(families.get("bert"))
    layer = loaded.model.base_model.encoder.layer[-1]
    with pytest.raises(AttributeError), first_token_only(loaded.model):
        loaded.model("no tensor")
    assert "forward" not in vars(layer)


def test_dropout_is_at_work_inside():
    loaded = tiny.classifier(families.get("bert"))
    loaded.model.train()
    batch = batch_of(loaded)
    with first_token_only(loaded.model):
        assert not torch.equal(loaded.model(**batch).logits, loaded.model(**batch).logits)


def test_a_bare_model_keeps_all_its_states():
    bare = tiny.backbone(families.get("bert"))
    ids = torch.tensor([[1, 2, 3]])
    with first_token_only(bare):
        assert bare(input_ids=ids).last_hidden_state.shape[1] == 3


def lesson_of(teacher):
    encoded = teacher.encode(tiny.SENTENCES, 32)
    teacher_outputs = teacher_cache.outputs(teacher.model, encoded, CPU, keep_hidden=True)
    return Lesson(encoded.answered(LABELS), teacher_outputs)


def student_of(teacher):
    model = students.shallow_student(teacher.model, (0, 2), copy_weights=True).eval()
    return replace(teacher, model=model)


@pytest.mark.parametrize("weights", [{}, {"cosine": 1.0}, {"hidden": 1.0}, {"attention": 1.0}, {"relations": 1.0}])
def test_a_distillation_on_logits_is_shortened_until_its_end(weights):
    teacher = tiny.classifier(families.get("bert"))
    student = student_of(teacher)
    step = DistillStep(
        LossWeights({"soft": 0.5, "hard": 0.5, **weights}), lesson_of(teacher), student, teacher, (0, 2), CPU
    )
    layer = student.model.base_model.encoder.layer[-1]
    assert ("forward" in vars(layer)) == (not weights)
    assert step(student.model, range(4)).total.isfinite()
    step.close()
    assert "forward" not in vars(layer)


def test_a_step_and_the_teachers_cache_say_what_the_full_models_say():
    teacher = tiny.classifier(families.get("bert"))
    student = student_of(teacher)
    lesson = lesson_of(teacher)
    short = teacher_cache.outputs(teacher.model, lesson.encoded, CPU, keep_hidden=False)
    torch.testing.assert_close(short.logits, lesson.teacher_outputs.logits, rtol=1e-5, atol=1e-6)
    step = DistillStep(LossWeights({"soft": 0.5, "hard": 0.5}), lesson, student, teacher, (), CPU)
    shortened = step(student.model, range(4)).total.item()
    step.close()
    assert step(student.model, range(4)).total.item() == pytest.approx(shortened, rel=1e-5)
