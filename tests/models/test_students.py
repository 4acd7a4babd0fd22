"""Shallower, narrower, frozen and low-rank: what exactly of a teacher or a base model is kept, and what learns."""

from __future__ import annotations

import re

import pytest
import tiny
import torch
import transformers

from distill_core import families
from distill_core.errors import SpecError
from distill_core.models import loading, parameters, shapes, students
from distill_core.specs import DistillSpec

each_family = pytest.mark.parametrize("family", families.FAMILIES, ids=lambda family: family.key)


def ask(**changes):
    return DistillSpec(teacher="run:000001-abcdef", **changes)


# ── layers ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_six_of_twelve_are_distilberts():
    assert shapes.spread_layers(12, 6) == (0, 2, 4, 7, 9, 11)


@pytest.mark.parametrize("teacher", range(1, 25))
def test_spread_layers_rise_evenly_from_first_to_last(teacher):
    for student in range(1, teacher + 1):
        layers = shapes.spread_layers(teacher, student)
        assert len(set(layers)) == student
        assert list(layers) == sorted(layers)
        assert layers[0] == 0
        if student > 1:
            assert layers[-1] == teacher - 1
            gaps = [b - a for a, b in zip(layers, layers[1:], strict=False)]  # noqa: RUF007
            assert max(gaps) - min(gaps) <= 2


def test_layers_by_map_by_list_and_what_is_refused():
    config = tiny.classifier(families.get("bert"), layers=6).model.config
    assert students.choose_layers(config, ask(student_layers=3)) == shapes.spread_layers(6, 3)
    assert students.choose_layers(config, ask(student_layers=2, layer_map="first")) == (0, 1)
    assert students.choose_layers(config, ask(student_layers=2, layer_map="last")) == (4, 5)
    assert students.choose_layers(config, ask(student_layers=2, layers=(5, 1))) == (5, 1)
    with pytest.raises(SpecError, match="7 layers, its teacher only 6"):
        students.choose_layers(config, ask(student_layers=7))
    with pytest.raises(SpecError, match="no layer 6") as caught:
        students.choose_layers(config, ask(student_layers=1, layers=(6,)))
    assert "0 to 5" in caught.value.hint


@pytest.mark.parametrize("key", ["t5", "bart"])
def test_stacks_of_different_depth_allow_as_many_layers_as_the_shallower_one(key):
    """A decoder of one layer has no layer 2 to give: the student would start with a wrong copy."""
    field = {"t5": "num_decoder_layers", "bart": "decoder_layers"}[key]
    teacher = tiny.classifier(families.get(key), **{field: 1})
    assert students.n_layers(teacher.model.config) == 1
    with pytest.raises(SpecError, match="its teacher only 1"):
        students.choose_layers(teacher.model.config, ask(student_layers=2))


@each_family
def test_a_student_does_not_change_its_teacher(family):
    teacher = tiny.classifier(family)
    before = teacher.model.config.to_json_string()
    student = students.shallow_student(teacher.model, (0,), copy_weights=True)
    with torch.no_grad():
        for parameter in student.parameters():
            parameter.zero_()
    assert teacher.model.config.to_json_string() == before
    assert all(parameter.abs().max() > 0 for parameter in teacher.model.parameters())


# ── width ────────────────────────────────────────────────────────────────────────────────────────────────────


@each_family
def test_a_narrower_student_works_and_is_smaller(family):
    teacher = tiny.classifier(family)
    student = students.shallow_student(teacher.model, (0, 2), copy_weights=True, student_width=8).eval()
    assert students.width(student.config) == 8
    assert students.n_heads(student.config) == 1
    assert students.n_layers(student.config) == 2
    assert student.get_input_embeddings().num_embeddings == teacher.model.get_input_embeddings().num_embeddings
    sizes, full = parameters.count_by_part(student), parameters.count_by_part(teacher.model)
    assert sizes["attention"] < full["attention"] / 2
    assert sizes["feed_forward"] < full["feed_forward"] / 2
    encoded = teacher.encode(list(tiny.SENTENCES), 32)
    with torch.inference_mode():
        assert torch.isfinite(student(**encoded.batch(range(8))).logits).all()


@pytest.mark.parametrize("width", [4, 12, 24, 32])
def test_a_width_is_a_number_of_whole_heads_up_to_the_teachers(width):
    config = tiny.classifier(families.get("bert")).model.config  # two heads of 8
    with pytest.raises(SpecError, match=rf"multiple of 8 .* up to 16, got {width}"):
        students.narrow_config(config, width)


def test_the_teachers_own_width_keeps_its_weights():
    teacher = tiny.classifier(families.get("bert"))
    student = students.shallow_student(teacher.model, range(3), copy_weights=True, student_width=16)
    assert all(torch.equal(a, b) for a, b in zip(student.parameters(), teacher.model.parameters(), strict=True))


# ── what learns ──────────────────────────────────────────────────────────────────────────────────────────────


@each_family
def test_only_the_head_learns_in_a_frozen_network(family):
    model = tiny.classifier(family).model
    students.freeze_backbone(model)
    body = {id(parameter) for parameter in model.base_model.parameters()}
    head = sum(parameter.numel() for parameter in model.parameters() if id(parameter) not in body)
    assert students.trainable(model) == head > 0


@pytest.mark.parametrize("family", [row for row in families.FAMILIES if not row.shared_layers], ids=lambda row: row.key)
def test_the_top_layers_learn_with_the_head(family):
    model = tiny.classifier(family).model
    students.freeze_below(model, 1)
    body = {name for name, _ in model.base_model.named_parameters(prefix=model.base_model_prefix)}
    for name, parameter in model.named_parameters():
        number = re.search(r"\.(?:layer|h|block|layers)\.(\d+)\.", name)
        expected = int(number[1]) == tiny.LAYERS - 1 if number else name not in body
        assert parameter.requires_grad == expected, name
    with pytest.raises(SpecError, match="top4 needs 4 layers"):
        students.freeze_below(model, 4)


def test_a_shared_layer_is_no_top_layer():
    with pytest.raises(SpecError, match="top1"):
        students.freeze_below(tiny.classifier(families.get("albert")).model, 1)


@pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing:FutureWarning", "ignore:fan_in_fan_out")
@each_family
def test_low_rank_updates_start_at_nothing_and_are_merged_away(family):
    loaded = tiny.classifier(family)
    encoded = loaded.encode(list(tiny.SENTENCES), 32)
    full = parameters.count(loaded.model)
    head = full - parameters.count(loaded.model.base_model)
    with torch.inference_mode():
        before = loaded.model(**encoded.batch(range(8))).logits
    adapted = students.with_lora(loaded.model)
    assert 0 < students.trainable(adapted) < parameters.count(adapted)
    trained = {name: parameter for name, parameter in adapted.named_parameters() if parameter.requires_grad}
    low_rank = sum(parameter.numel() for name, parameter in trained.items() if "lora_" in name)
    assert low_rank > 0
    assert students.trainable(adapted) == low_rank + head
    adapted.eval()
    with torch.inference_mode():
        torch.testing.assert_close(adapted(**encoded.batch(range(8))).logits, before, rtol=0, atol=1e-5)
    with torch.no_grad():
        for name, parameter in adapted.named_parameters():
            if "lora_B" in name:
                parameter.fill_(0.05)
    with torch.inference_mode():
        changed = adapted(**encoded.batch(range(8))).logits
    assert not torch.allclose(changed, before, atol=1e-3)
    merged = adapted.merge_and_unload().eval()
    assert parameters.count(merged) == full
    with torch.inference_mode():
        torch.testing.assert_close(merged(**encoded.batch(range(8))).logits, changed, rtol=0, atol=1e-4)


@each_family
def test_depth_runs_from_the_embeddings_to_the_head(family):
    model = tiny.classifier(family).model
    body = {name for name, _ in model.base_model.named_parameters(prefix=model.base_model_prefix)}
    found = set()
    for name, _ in model.named_parameters():
        depth = students.depth_of(name, tiny.LAYERS)
        found.add(depth)
        number = re.search(r"\.(?:layer|h|block|layers)\.(\d+)\.", name)
        if number:
            assert depth == int(number[1]) + 1, name
        elif name not in body:
            assert depth == tiny.LAYERS + 1, name
        elif parameters.part_of(name) == "embeddings":
            assert depth == 0, name
    if not family.shared_layers:
        assert found == set(range(tiny.LAYERS + 2))


def test_vocabularies_are_told_apart():
    bert, gpt, electra = (tiny.tokenizer(families.get(key)) for key in ("bert", "gpt", "electra"))
    assert students.same_vocabulary(bert, electra)
    assert not students.same_vocabulary(bert, gpt)
    assert not students.same_vocabulary(bert, None)
    assert not students.same_vocabulary(None, None)


def test_a_family_is_known_by_its_config():
    for family in families.FAMILIES:
        assert loading.family_of(tiny.classifier(family).model.config) is family


# ── a model that begins with the weights of another ──────────────────────────────────────────────────────────────


def distilbert(vocab_size=61, layers=2, dim=16, heads=2):
    config = transformers.DistilBertConfig(
        vocab_size=vocab_size, dim=dim, n_layers=layers, n_heads=heads, hidden_dim=2 * dim, pad_token_id=0
    )
    return transformers.DistilBertForMaskedLM(config).eval()


def bert(layers=2):
    config = transformers.BertConfig(
        vocab_size=61, hidden_size=16, num_hidden_layers=layers, num_attention_heads=2, intermediate_size=32
    )
    model = transformers.BertForMaskedLM(config).eval()
    tiny.roughen(model)
    return model


def test_distilbert_that_begins_as_a_whole_bert_says_what_bert_says():
    """With all layers and without token types, which DistilBERT does not know, the two are one function."""
    source, model = bert(), distilbert()
    with torch.no_grad():
        source.bert.embeddings.token_type_embeddings.weight.zero_()
    students.begin_with(model, source)
    ids = torch.randint(1, 61, (3, 9), generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(model(ids).logits, source(ids).logits)


def test_distilbert_begins_with_one_layer_of_two():
    source, model = bert(12), distilbert(layers=6)
    students.begin_with(model, source)
    for own, its in enumerate((0, 2, 4, 7, 9, 11)):  # the layers of the authors' published script
        mine, theirs = model.distilbert.transformer.layer[own], source.bert.encoder.layer[its]
        assert torch.equal(mine.attention.q_lin.weight, theirs.attention.self.query.weight)
        assert torch.equal(mine.ffn.lin2.bias, theirs.output.dense.bias)
    one, two = distilbert(layers=1), bert(2)
    students.begin_with(one, two)
    first = two.bert.encoder.layer[0].intermediate.dense.weight
    assert torch.equal(one.distilbert.transformer.layer[0].ffn.lin1.weight, first)


@each_family
def test_a_model_begins_with_another_of_its_family(family):
    source = tiny.backbone(family, seed=1)
    model = tiny.classifier(family, seed=2).model
    head = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    students.begin_with(model, source)
    given = source.state_dict()
    for name, tensor in model.base_model.state_dict().items():  # a classifier may have no pooler
        assert torch.equal(given[name], tensor), name
    own = [name for name in head if not name.startswith(f"{model.base_model_prefix}.")]
    assert all(torch.equal(model.state_dict()[name], head[name]) for name in own if "transformer." not in name)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (lambda: distilbert(layers=3), "The start has 2 layers of width 16, this model 3 of 16"),
        (lambda: distilbert(dim=8), "The start has 2 layers of width 16, this model 2 of 8"),
        (lambda: distilbert(vocab_size=60), "weights or vocabularies do not fit"),
        (lambda: tiny.backbone(families.get("roberta")), "roberta cannot begin with the weights of bert"),
    ],
)
def test_a_start_that_does_not_fit_is_refused(model, message):
    with pytest.raises(SpecError, match=message):
        students.begin_with(model(), bert())
