"""The same demands on each of the ten families: what one of them gets wrong, a student would see as its character."""

from __future__ import annotations

import pytest
import tiny
import torch
from torch import nn

from distill_core import families
from distill_core.machine import devices
from distill_core.model_ref import Ref
from distill_core.models import loading, parameters, students
from distill_core.runs.store import RunStore
from distill_core.training.loop import Hooks, TrainSettings, fit
from distill_core.training.losses import Loss, hard_label_loss

CPU = devices.Device(torch.device("cpu"), "float32", 1)
each_family = pytest.mark.parametrize("family", families.FAMILIES, ids=lambda family: family.key)
TEXTS = [*tiny.SENTENCES, ""]


def logits(loaded, rows=None):
    encoded = loaded.encode(TEXTS, 64)
    with torch.inference_mode():
        return loaded.model(**encoded.batch(rows or range(len(TEXTS)))).logits


def prune(model, keep):
    """The same model with some of its layers taken out by hand: the reference for a student."""
    lists = [
        (parent, name, child)
        for parent in model.modules()
        for name, child in parent.named_children()
        if isinstance(child, nn.ModuleList) and len(child) == tiny.LAYERS
    ]
    # T5 has lists of three sub-layers inside its decoder blocks: the outer list is met first
    inner = {id(module) for _, _, stack in lists for module in stack.modules() if module is not stack}
    for parent, name, child in lists:
        if id(child) not in inner:
            setattr(parent, name, nn.ModuleList([child[layer] for layer in keep]))
    for field in tiny.LAYER_FIELDS:
        if field in model.config.to_dict():
            setattr(model.config, field, len(keep))
    return model


@each_family
def test_a_padded_batch_says_what_each_text_says_alone(family):
    loaded = tiny.classifier(family)
    alone = torch.cat([logits(loaded, [row]) for row in range(len(TEXTS))])
    torch.testing.assert_close(logits(loaded), alone, rtol=0, atol=1e-5)
    assert alone.std(0).min() > 1e-3  # else every comparison here would hold for any model


@each_family
def test_a_text_alone_is_fed_as_transformers_would(family):
    """No padding, no mask of ours: the model's own tokenizer output goes straight in."""
    loaded = tiny.classifier(family)
    for row in (0, 4):
        ids = loaded.tokenizer(TEXTS[row], return_tensors="pt")["input_ids"]
        with torch.inference_mode():
            torch.testing.assert_close(logits(loaded, [row]), loaded.model(input_ids=ids).logits, rtol=0, atol=1e-5)


@each_family
def test_parameters_are_counted_to_the_unit(family):
    model = tiny.classifier(family).model
    by_hand = sum({parameter.data_ptr(): parameter.numel() for parameter in model.state_dict().values()}.values())
    buffers = sum(buffer.numel() for name, buffer in model.named_buffers() if name in model.state_dict())
    assert parameters.count(model) == by_hand - buffers
    parts = parameters.count_by_part(model)
    assert sum(parts.values()) == parameters.count(model)
    assert all(parts[part] > 0 for part in families.PARTS)


@each_family
def test_a_few_steps_change_the_weights_and_lower_the_loss(family):
    loaded = tiny.classifier(family)
    encoded = loaded.encode([tiny.SENTENCES[row] for row in (2, 4, 5, 7)], 64)
    labels = torch.tensor([0, 0, 1, 1])
    before = {name: tensor.clone() for name, tensor in loaded.model.state_dict().items()}

    def step(model, rows):
        return Loss(hard_label_loss(model(**encoded.batch(rows)).logits, labels[list(rows)]), {})

    settings = TrainSettings(epochs=30, batch_size=4, learning_rate=5e-3, warmup_fraction=0)
    assert fit(loaded.model, encoded.lengths, step, settings, CPU, Hooks()).steps == 30
    loaded.model.eval()
    with torch.inference_mode():
        assert step(loaded.model, range(4)).total < 0.5  # 0.69 is reached without reading the texts
    after = loaded.model.state_dict()
    for part in ("attention", "feed_forward", "embeddings", "other"):
        names = [name for name in before if parameters.part_of(name) == part]
        assert any(not torch.equal(before[name], after[name]) for name in names), part


@each_family
def test_a_saved_model_loads_to_the_same_answers(family, tmp_path):
    loaded = tiny.classifier(family)
    folder = tiny.save(loaded, tmp_path / "model")
    again = loading.load(Ref("path", str(folder)), RunStore(tmp_path / "runs"))
    again.model.eval()
    assert (again.family, again.label_names, again.weights) == (family, tiny.LABELS, "fine-tuned")
    torch.testing.assert_close(logits(again), logits(loaded), rtol=0, atol=0)


@each_family
def test_a_student_with_all_layers_is_its_teacher(family):
    teacher = tiny.classifier(family)
    student = students.shallow_student(teacher.model, range(tiny.LAYERS), copy_weights=True).eval()
    assert parameters.count(student) == parameters.count(teacher.model)
    torch.testing.assert_close(logits(teacher), logits(_in_place_of(teacher, student)), rtol=0, atol=0)


@each_family
def test_a_student_is_its_teacher_without_the_other_layers(family):
    teacher = tiny.classifier(family)
    student = students.shallow_student(teacher.model, (0, tiny.LAYERS - 1), copy_weights=True).eval()
    assert students.n_layers(student.config) == 2
    assert students.n_layers(teacher.model.config) == tiny.LAYERS
    full = logits(teacher)
    pruned = logits(_in_place_of(teacher, prune(teacher.model, (0, tiny.LAYERS - 1))))
    torch.testing.assert_close(logits(_in_place_of(teacher, student)), pruned, rtol=0, atol=1e-6)
    assert not torch.allclose(pruned, full, atol=1e-3)


@each_family
def test_a_random_student_has_the_shape_and_none_of_the_weights(family):
    teacher = tiny.classifier(family)
    student = students.shallow_student(teacher.model, (0,), copy_weights=False)
    source = teacher.model.state_dict()
    assert students.n_layers(student.config) == 1
    assert student.config.id2label == teacher.model.config.id2label
    for name, parameter in student.named_parameters():
        if parameter.ndim == 2:
            assert not torch.equal(parameter, source[name]), name


def test_a_student_of_t5_without_the_first_layer_keeps_the_relative_positions():
    """T5 stores the biases of a whole stack in block 0: a student that starts at block 1 must not lose them."""
    teacher = tiny.classifier(families.get("t5"))
    student = students.shallow_student(teacher.model, (1, 2), copy_weights=True).eval()
    for stack in ("encoder", "decoder"):
        blocks = getattr(teacher.model.transformer, stack).block
        own = getattr(student.transformer, stack).block[0].layer[0].SelfAttention
        torch.testing.assert_close(
            own.relative_attention_bias.weight, blocks[0].layer[0].SelfAttention.relative_attention_bias.weight
        )
        torch.testing.assert_close(own.q.weight, blocks[1].layer[0].SelfAttention.q.weight)
        blocks[1].layer[0].SelfAttention.relative_attention_bias = (
            blocks[0].layer[0].SelfAttention.relative_attention_bias
        )
        blocks[1].layer[0].SelfAttention.has_relative_attention_bias = True
    pruned = prune(teacher.model, (1, 2))
    expected = logits(_in_place_of(teacher, pruned))
    torch.testing.assert_close(logits(_in_place_of(teacher, student)), expected, rtol=0, atol=1e-6)


def test_albert_uses_its_one_layer_as_often_as_the_student_is_deep():
    teacher = tiny.classifier(families.get("albert"))
    student = students.shallow_student(teacher.model, (0, 1), copy_weights=True)
    assert parameters.count(student) == parameters.count(teacher.model)
    assert student.config.num_hidden_layers == 2


@each_family
def test_the_mini_config_is_two_layers_of_width_128_and_distilberts_half_of_them(family):
    with torch.device("meta"):
        model = loading.build_backbone(family, family.mini)
    assert students.n_layers(model.config) == (1 if family.key == "distilbert" else 2)
    assert model.config.hidden_size == 128
    assert model.get_input_embeddings().weight.shape == (8192, 128)


def _in_place_of(loaded, model):
    return loading.LoadedModel(loaded.ref, loaded.family, model, loaded.tokenizer, loaded.weights, loaded.label_names)
