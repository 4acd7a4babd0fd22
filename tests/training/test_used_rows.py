"""Training the used rows alone: the weights, norms and answers of training the whole table, interrupted or not."""

from __future__ import annotations

import copy
from dataclasses import replace

import pytest
import tiny
import torch
from interruption import Interrupted, interrupt_at
from safetensors.torch import load_file
from torch import nn
from transformers import AutoModelForMaskedLM

from distill_core import families
from distill_core.machine import devices
from distill_core.models import students
from distill_core.models.tokens import Encoded
from distill_core.training import loop
from distill_core.training.loop import Hooks, TrainSettings, fit
from distill_core.training.losses import Loss, hard_label_loss
from distill_core.training.speed.used_rows import UsedRows

CPU = devices.Device(torch.device("cpu"), "float32", 1)
TEXTS = tiny.SENTENCES[1:5]  # other letters and words occur in the rest
OTHERS = (tiny.SENTENCES[0], tiny.SENTENCES[5], "why, xylophone")
LABELS = torch.arange(len(TEXTS)) % 2
SETTINGS = TrainSettings(
    epochs=3, batch_size=2, learning_rate=3e-3, warmup_fraction=0.3, weight_decay=0.1, max_grad_norm=0.5, seed=3
)
STEPS = 6
# What attention does not see, a shift of all keys or of all positions, has a gradient of rounding noise, which Adam
# blows up to full steps.
NOISE = ("key.bias", "k_proj.bias", "rel_attn.r", "c_attn.bias", "k_lin.bias")
each_family = pytest.mark.parametrize("family", families.FAMILIES, ids=lambda family: family.key)


def train(family, *, used=True, seed=7, settings=SETTINGS, note=lambda model: None, **hooks):
    """A trained model. `note` is called inside every step."""
    loaded = tiny.classifier(family)
    encoded = loaded.encode(TEXTS, 32)

    def step(model, rows):
        note(model)
        return Loss(hard_label_loss(model(**encoded.batch(rows)).logits, LABELS[list(rows)]), {})

    torch.manual_seed(seed)  # dropout
    settings = replace(settings, token_ids=encoded.token_ids if used else None)
    fit(loaded.model, encoded.lengths, step, settings, CPU, Hooks(**hooks))
    return loaded


def table_of(model):
    return model.get_input_embeddings().weight


def answers(loaded):
    encoded = loaded.encode(OTHERS, 32)

    def evaluate(model):
        model.eval()
        with torch.inference_mode():
            return {f"logit {row}": model(**encoded.batch([row])).logits[0, 0].item() for row in range(len(OTHERS))}

    return evaluate


def assert_same_weights(first, second, atol=0.0):
    other = second.state_dict()
    assert first.state_dict().keys() == other.keys()
    for name, tensor in first.state_dict().items():
        if atol == 0:
            assert torch.equal(tensor, other[name]), name
        elif not name.endswith(NOISE):
            torch.testing.assert_close(tensor, other[name], rtol=1e-6, atol=atol, msg=name)


@each_family
def test_the_trained_weights_are_those_of_the_whole_table(family):
    """torch's own AdamW on the whole table is the reference: for used, unused and padding rows, T5's and BART's three
    tables of one weight, narrow embeddings, dropout, clipping and warm-up."""
    heights = set()
    short = train(family, note=lambda model: heights.add(len(table_of(model)))).model
    whole = train(family, used=False).model
    assert heights < set(range(len(table_of(whole))))  # it was at work
    assert_same_weights(short, whole, atol=2e-6)
    fresh = tiny.classifier(family).model
    assert not torch.allclose(table_of(short), table_of(fresh), atol=1e-4)
    assert [*dict(short.named_parameters())] == [*dict(fresh.named_parameters())]
    assert short.get_input_embeddings().padding_idx == fresh.get_input_embeddings().padding_idx
    assert table_of(short).requires_grad


def test_an_unused_row_shrinks_by_the_product_of_its_decays():
    loaded = train(families.get("bert"))
    used = set(loaded.encode(TEXTS, 32).token_ids)
    unused = [row for row in range(len(loaded.tokenizer)) if row not in used]
    product = 1.0
    for factor in (1 / 2, 1, 4 / 4, 3 / 4, 2 / 4, 1 / 4):  # 2 of 6 steps rise, 4 fall
        product *= 1 - 3e-3 * factor * 0.1
    before = table_of(tiny.classifier(families.get("bert")).model)
    torch.testing.assert_close(table_of(loaded.model)[unused], before[unused] * product, rtol=1e-6, atol=0)
    assert len(unused) > 20


def test_the_rate_of_the_embeddings_group_counts():
    settings = replace(SETTINGS, lr_scale=lambda name: 0.1 if "embeddings" in name else 1.0)
    both = [train(families.get("bert"), used=used, settings=settings).model for used in (True, False)]
    assert_same_weights(*both, atol=2e-6)


def test_the_norm_of_the_gradient_and_the_loss_are_told_alike(monkeypatch):
    monkeypatch.setattr(loop, "FLUSH_EVERY_S", 0)  # at every step
    told = {True: [], False: []}
    for used, heard in told.items():
        settings = replace(SETTINGS, max_grad_norm=1e9)
        train(families.get("roberta"), used=used, settings=settings, on_event=heard.append)
    for short, whole in zip(told[True], told[False], strict=True):
        assert short.values == pytest.approx(whole.values, rel=1e-5 if short.step == 1 else 1e-3)
    assert len(told[True]) == STEPS


# ── looking at the whole model on the way ────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("key", ["bert", "bart"])
def test_an_evaluation_on_the_way_sees_every_row_as_it_is_by_then(key):
    family, heard = families.get(key), {True: [], False: []}
    for used, told in heard.items():
        loaded = tiny.classifier(family)
        train(family, used=used, evaluate=answers(loaded), on_event=told.append)
    curves = [[p.values for p in told if p.split == "validation"] for told in heard.values()]
    assert len(curves[0]) == STEPS
    for short, whole in zip(*curves, strict=True):
        assert short == pytest.approx(whole, abs=1e-4)


def test_evaluations_and_checkpoints_change_nothing(tmp_path):
    family = families.get("bert")
    plain = train(family).model
    every_step = replace(SETTINGS, checkpoint_every_s=0)
    evaluate = answers(tiny.classifier(family))
    watched = train(family, settings=every_step, evaluate=evaluate, checkpoint_dir=tmp_path).model
    assert_same_weights(watched, plain)


@pytest.mark.parametrize(("key", "at"), [("bert", 0), ("bert", 4), ("bart", 4)])
def test_a_resumed_training_ends_bitwise_as_the_undisturbed_one(tmp_path, key, at):
    family = families.get(key)
    whole = train(family).model
    with pytest.raises(Interrupted):
        train(family, check=interrupt_at(at), checkpoint_dir=tmp_path)
    resumed = train(family, seed=12345, checkpoint_dir=tmp_path).model
    assert_same_weights(resumed, whole)


def test_a_checkpoint_holds_the_unused_rows_of_its_own_model(tmp_path):
    """Whatever the model was that is resumed: none of its weights survive."""
    family = families.get("bert")
    with pytest.raises(Interrupted):
        train(family, check=interrupt_at(4), checkpoint_dir=tmp_path)
    saved = load_file(max(tmp_path.iterdir()) / "model.safetensors")["bert.embeddings.word_embeddings.weight"]
    assert saved.shape == table_of(tiny.classifier(family).model).shape
    other = tiny.classifier(family, seed=5)
    encoded = other.encode(TEXTS, 32)

    def step(model, rows):
        return Loss(hard_label_loss(model(**encoded.batch(rows)).logits, LABELS[list(rows)]), {})

    settings = replace(SETTINGS, token_ids=encoded.token_ids)
    fit(other.model, encoded.lengths, step, settings, CPU, Hooks(checkpoint_dir=tmp_path))
    assert_same_weights(other.model, train(family).model)


def test_a_checkpoint_of_another_plan_is_passed_over(tmp_path):
    """The optimizer's state of some rows does not fit the whole table."""
    family = families.get("bert")
    with pytest.raises(Interrupted):
        train(family, check=interrupt_at(4), checkpoint_dir=tmp_path)
    assert_same_weights(train(family, used=False, checkpoint_dir=tmp_path).model, train(family, used=False).model)


def test_a_broken_training_leaves_the_model_whole():
    family = families.get("bart")
    caught = []

    def check():
        if len(caught) == 3:
            raise Interrupted

    with pytest.raises(Interrupted):
        train(family, note=caught.append, check=check)
    model, fresh = caught[0], tiny.classifier(family).model
    assert table_of(model).shape == table_of(fresh).shape
    assert (
        len(
            {
                id(table.weight)
                for table in model.modules()
                if getattr(table, "num_embeddings", 0) == len(table_of(fresh))
            }
        )
        == 1
    )
    model.eval()
    assert tiny.classifier(family).encode(OTHERS, 32).batch([0])["input_ids"].max() < len(table_of(model))


# ── left alone ───────────────────────────────────────────────────────────────────────────────────────────────


def lora(model):
    return students.with_lora(model, rank=2)


def frozen(model):
    students.freeze_backbone(model)
    return model


@pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing:FutureWarning", "ignore:fan_in_fan_out")
@pytest.mark.parametrize("change", [lora, frozen])
def test_a_table_that_does_not_learn_is_left_alone(change):
    model = change(tiny.classifier(families.get("bert")).model)
    before = {name: parameter.shape for name, parameter in model.named_parameters()}
    UsedRows(model, (5, 6))
    assert {name: parameter.shape for name, parameter in model.named_parameters()} == before


def test_a_table_that_is_the_output_layer_too_is_left_alone():
    """A word that no text holds is still one that the model must not predict: its row learns."""
    model = AutoModelForMaskedLM.from_config(tiny.classifier(families.get("bert")).model.config)
    assert model.get_output_embeddings().weight is table_of(model)
    before = table_of(model)
    UsedRows(model, (5, 6))
    assert table_of(model) is before


@pytest.mark.parametrize("model", [nn.Linear(2, 2), nn.Sequential(nn.Embedding(4, 2))])
def test_a_model_without_a_known_embedding_is_left_alone(model):
    before = copy.deepcopy(model.state_dict())
    rows = UsedRows(model, (0, 1))
    rows.after_step([{"params": list(model.parameters()), "lr": 1.0, "weight_decay": 1.0}])
    with rows.whole(0.5):
        assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    rows.close()
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())


def test_nothing_to_leave_out_and_nothing_known():
    model = tiny.classifier(families.get("bert")).model
    before = table_of(model)
    UsedRows(model, range(len(before)))
    UsedRows(model, None)
    assert table_of(model) is before


def test_a_token_that_was_not_announced_is_an_error_not_another_word():
    model = tiny.classifier(families.get("bert")).model
    rows = UsedRows(model, (5, 6))
    with pytest.raises(IndexError):
        model(input_ids=torch.tensor([[5, 9]]))
    rows.close()
    assert model(input_ids=torch.tensor([[5, 9]])).logits.isfinite().all()


def test_the_tokens_of_texts_and_of_their_padding_are_announced():
    encoded = Encoded((torch.tensor([7, 3]), torch.tensor([3, 9, 9])), 1, "right")
    assert encoded.token_ids == (1, 3, 7, 9)
    assert set(encoded.batch([0, 1])["input_ids"].flatten().tolist()) <= set(encoded.token_ids)
    assert Encoded((), 1, "right").token_ids == (1,)
