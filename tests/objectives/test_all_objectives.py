"""The same demands on each of the ten objectives."""

from __future__ import annotations

from dataclasses import replace

import pytest
import sample_objectives as sample
import torch
import torch.nn.functional as F

from distill_core import families
from distill_core.errors import DataError, ModelError, SpecError
from distill_core.objectives import distilled, table
from distill_core.objectives.batch import IGNORED
from distill_core.objectives.table import OBJECTIVES

each = pytest.mark.parametrize("key", OBJECTIVES)
LENGTH = 48
# What a pre-training loss has no use for: the pooler's question comes with pairs alone.
WITHOUT_GRADIENT = {"xlnet": ("r_s_bias", "seg_embed")}  # one segment: no relation between segments


def corrupt(key, documents=None, length=LENGTH, seed=0):
    given = sample.tiny_documents(key) if documents is None else documents
    return table.get(key).corrupt(given, sample.vocabulary(key), length, sample.generator(seed))


def taught(key, module, corrupted):
    return distilled.teach(module, corrupted) if key == "distilbert" else None


def flat(documents):
    return [token for document in documents for sentence in document for token in sentence]


def tensors(corrupted):
    return {**corrupted.inputs, **corrupted.targets, "noise": corrupted.noise}


def test_each_family_has_one():
    assert [row.key for row in families.FAMILIES] == list(OBJECTIVES)
    with pytest.raises(SpecError, match="bert, gpt"):
        table.get("word2vec")


@each
@pytest.mark.parametrize("length", [8, 21, 300])
def test_the_text_is_rebuilt_exactly(key, length):
    """From inputs and targets alone: row by row, and the documents from the rows."""
    documents = sample.tiny_documents(key)
    for seed in range(5):
        corrupted = corrupt(key, documents, length, seed)
        restored = table.get(key).restore(corrupted, sample.vocabulary(key))
        assert restored == [row.ids for row in corrupted.rows]
        # a random second segment (BERT) belongs elsewhere and is read there, too
        random = key == "bert"
        text = [
            token
            for row in corrupted.rows
            for segment in (row.segments[:1] if random and row.label == 1 else row.segments)
            for token in segment
        ]
        assert text == flat(documents)
        assert max(tensor.shape[1] for name, tensor in corrupted.inputs.items() if name == "input_ids") <= length


@each
def test_the_same_seed_gives_the_same_draw(key):
    first, again, other = corrupt(key), corrupt(key), corrupt(key, seed=1)
    assert tensors(first).keys() == tensors(again).keys()
    assert all(torch.equal(tensor, tensors(again)[name]) for name, tensor in tensors(first).items())
    same = all(
        tensor.shape == tensors(other)[name].shape and torch.equal(tensor, tensors(other)[name])
        for name, tensor in tensors(first).items()
    )
    assert same == (key == "gpt")  # nothing about causal modeling is random


@each
def test_nothing_is_drawn_from_the_global_generator(key):
    torch.manual_seed(1)
    before = torch.get_rng_state()
    corrupt(key)
    assert torch.equal(before, torch.get_rng_state())


@each
def test_the_loss_is_that_of_transformers(key):
    """Transformers' own loss, where it computes one, from the same inputs and labels."""
    module, corrupted = sample.module(key), corrupt(key)
    found = table.get(key).loss(module, corrupted, taught(key, module, corrupted))
    if key == "electra":
        expected, total = _electra_by_hand(module, corrupted)
        assert found.total.item() == pytest.approx(total, rel=1e-6)
        assert {name: part.item() for name, part in found.parts.items()} == pytest.approx(expected, rel=1e-6)
        return
    own = module(**corrupted.inputs, **corrupted.targets).loss
    ours = found.parts["masked"] if key == "distilbert" else found.total
    assert ours.item() == pytest.approx(own.item(), rel=1e-6)


@pytest.mark.parametrize("key", ["bert", "roberta", "albert", "ernie", "electra"])
def test_the_output_layer_answers_at_the_gaps_alone(key):
    """And afterwards, as before, everywhere."""
    module, corrupted = sample.module(key), corrupt(key)
    head = module.generator.generator_lm_head if key == "electra" else module.get_output_embeddings()
    shapes = []
    hook = head.register_forward_hook(lambda _, states, out: shapes.append(tuple(out.shape)))
    table.get(key).loss(module, corrupted)
    gaps = int((corrupted.targets["labels"] != IGNORED).sum())
    assert shapes == [(gaps, sample.vocabulary(key).size)]
    shapes.clear()
    (module.generator if key == "electra" else module)(**corrupted.inputs)
    assert shapes == [(*corrupted.inputs["input_ids"].shape, sample.vocabulary(key).size)]
    hook.remove()


def _electra_by_hand(module, corrupted):
    """Generator and discriminator with transformers' losses; the draw by hand, token by token."""
    labels, seen = corrupted.targets["labels"], corrupted.inputs["input_ids"].clone()
    out = module.generator(**corrupted.inputs, labels=labels)
    for row, place in torch.nonzero(labels != IGNORED).tolist():
        passed = out.logits[row, place].softmax(-1).cumsum(-1) > corrupted.noise[row, place] * (1 - 1e-7)
        seen[row, place] = int(torch.nonzero(passed)[0])
    replaced = ((labels != IGNORED) & (seen != labels)).long()
    mask = corrupted.inputs["attention_mask"]
    judged = module.discriminator(input_ids=seen, attention_mask=mask, labels=replaced)
    real = replaced[mask.bool()]
    base = F.binary_cross_entropy(torch.full(real.shape, real.float().mean().item()), real.float()).item()
    return (
        {"generator": out.loss.item(), "detection": judged.loss.item(), "base_rate": base},
        out.loss.item() + 50 * judged.loss.item(),
    )


@each
def test_the_gradient_reaches_every_weight_of_the_backbone(key):
    module = sample.module(key)
    corrupted = corrupt(key)
    teacher = sample.module(key)
    with torch.no_grad():
        for parameter in teacher.parameters():
            parameter.mul_(0.9)
    table.get(key).loss(module, corrupted, taught(key, teacher, corrupted)).total.backward()
    kept = dict(table.get(key).backbone(module).named_parameters())
    still = [name for name, parameter in kept.items() if parameter.grad is None or not parameter.grad.abs().sum()]
    assert [name for name in still if not name.endswith(WITHOUT_GRADIENT.get(key, ("never",)))] == []


@each
def test_the_backbone_is_the_family_without_heads(key):
    """Its weights load into the bare model of the family: what a classifier will start from."""
    from transformers import AutoModel

    kept = table.get(key).backbone(sample.module(key))
    bare = AutoModel.from_config(sample.config(key))
    report = bare.load_state_dict(kept.state_dict(), strict=False)
    assert not report.unexpected_keys
    assert all("pooler" in name for name in report.missing_keys)
    assert all(not parameter.is_meta for parameter in kept.parameters())


@each
def test_a_step_makes_the_loss_smaller(key):
    """Twenty steps on one batch."""
    torch.manual_seed(0)
    objective = table.get(key)
    module = objective.build(sample.config(key)).train()
    corrupted = corrupt(key)
    spoken = taught(key, sample.module(key), corrupted)
    optimizer = torch.optim.AdamW(module.parameters(), lr=3e-3)
    losses = []
    for _ in range(20):
        loss = objective.loss(module, corrupted, spoken).total
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.9 * losses[0]


@each
@pytest.mark.parametrize("documents", [[], [[]], [[[], []], [[]]]], ids=["none", "no sentence", "empty sentences"])
def test_no_token_is_an_error_that_says_so(key, documents):
    with pytest.raises(DataError, match="no token"):
        corrupt(key, documents)


@each
def test_one_token(key):
    """The smallest text still gives a row and a loss that is a number."""
    token = flat(sample.tiny_documents(key))[0]
    corrupted = corrupt(key, [[[token]]])
    assert corrupted.n_tokens == 1
    assert table.get(key).restore(corrupted, sample.vocabulary(key)) == [[token]]
    module = sample.module(key)
    assert torch.isfinite(table.get(key).loss(module, corrupted, taught(key, module, corrupted)).total)
    assert corrupted.n_signal == (0 if key == "gpt" else 1)  # the first token of all cannot be predicted from nothing


@each
def test_a_sentence_longer_than_a_row_is_cut(key):
    tokens = flat(sample.tiny_documents(key)) * 3
    corrupted = corrupt(key, [[tokens], [tokens[:5]]], length=16)
    restored = table.get(key).restore(corrupted, sample.vocabulary(key))
    assert restored == [row.ids for row in corrupted.rows]
    assert corrupted.inputs["input_ids"].shape[1] <= 16
    module = sample.module(key)
    assert torch.isfinite(table.get(key).loss(module, corrupted, taught(key, module, corrupted)).total)


@each
def test_no_room_for_text_is_an_error(key):
    with pytest.raises(SpecError, match="max_length must be at least"):
        corrupt(key, length=0)


@each
def test_padding_is_not_scored_and_not_seen(key):
    """Three more padded columns, at each side that grows, change no part of the loss."""
    objective, module, corrupted = table.get(key), sample.module(key), corrupt(key)
    mask, seen = corrupted.inputs["attention_mask"], corrupted.inputs["input_ids"]
    assert (seen[mask == 0] == sample.vocabulary(key).pad).all()
    assert (mask == 0).any()
    wider = _wider(key, corrupted)
    assert wider.inputs["input_ids"].shape[1] == seen.shape[1] + 3
    found, expected = (
        objective.loss(module, batch, taught(key, sample.module(key), batch)) for batch in (wider, corrupted)
    )
    for name, part in expected.parts.items():
        assert found.parts[name].item() == pytest.approx(part.item(), rel=1e-5), name


def _wider(key, corrupted):
    """The same batch with three more padded columns in every tensor that runs along a text."""
    side = (3, 0) if families.get(key).padding_side == "left" else (0, 3)
    fill = {"input_ids": sample.vocabulary(key).pad, "decoder_input_ids": sample.vocabulary(key).pad}
    inputs = {
        name: F.pad(tensor, side * (2 if name == "perm_mask" else 1), value=fill.get(name, 0))
        for name, tensor in corrupted.inputs.items()
    }
    targets = dict(corrupted.targets)
    if key != "xlnet":  # its labels follow the targets, not the text
        targets["labels"] = F.pad(targets["labels"], side, value=IGNORED)
    noise = F.pad(corrupted.noise, side) if key == "electra" else corrupted.noise
    return replace(corrupted, inputs=inputs, targets=targets, noise=noise)


@each
def test_the_counts_of_signals(key):
    """How many tokens of the text teach something, against what the targets hold."""
    corrupted = corrupt(key)
    labels = corrupted.targets["labels"]
    asked = labels[labels != IGNORED]
    every, rows = corrupted.n_tokens, len(corrupted.rows)
    expected = {
        "gpt": every - rows,
        "electra": every,
        "distilbert": every,
        "bart": len(asked) - 2 * rows,
        "t5": int((~torch.isin(asked, torch.tensor(sample.vocabulary("t5").sentinels))).sum()),
    }.get(key, len(asked))
    assert corrupted.n_signal == expected
    assert 0 < corrupted.n_signal <= every


def test_distilbert_needs_its_teacher():
    with pytest.raises(ModelError, match="teacher"):
        table.get("distilbert").loss(sample.module("distilbert"), corrupt("distilbert"))


def test_the_triple_loss_is_the_weighted_sum_of_its_terms():
    """Against torch's own functions; weights and temperature of the authors' training command."""
    student, teacher = sample.module("distilbert"), table.get("distilbert").build(sample.config("distilbert"))
    teacher.eval()
    corrupted = corrupt("distilbert")
    found = table.get("distilbert").loss(student, corrupted, distilled.teach(teacher, corrupted))
    with torch.no_grad():
        own = student(**corrupted.inputs, output_hidden_states=True)
        their = teacher(**corrupted.inputs, output_hidden_states=True)
    real = corrupted.inputs["attention_mask"].bool()
    student_log, teacher_share = (own.logits[real] / 2).log_softmax(-1), (their.logits[real] / 2).softmax(-1)
    soft = 4 * F.kl_div(student_log, teacher_share, reduction="batchmean")
    one = torch.ones(int(real.sum()))
    cosine = F.cosine_embedding_loss(own.hidden_states[-1][real], their.hidden_states[-1][real], one)
    masked = F.cross_entropy(own.logits.flatten(0, 1), corrupted.targets["labels"].flatten())
    assert found.total.item() == pytest.approx((5 * soft + 2 * masked + cosine).item(), rel=1e-5)


def test_the_gradient_of_electra_does_not_pass_the_draw_and_embeddings_are_one():
    module = sample.module("electra")
    own, other = module.discriminator.electra.embeddings, module.generator.electra.embeddings
    assert own.word_embeddings.weight is other.word_embeddings.weight
    assert own.position_embeddings.weight is other.position_embeddings.weight
    assert module.generator.generator_lm_head.weight is own.word_embeddings.weight
    loss = table.get("electra").loss(module, corrupt("electra"))
    loss.parts["detection"].backward()
    inside = [parameter.grad for parameter in module.generator.electra.encoder.parameters()]
    assert all(grad is None for grad in inside)


@pytest.mark.parametrize(("heads", "width", "expected"), [(12, 768, 256), (2, 128, 64), (4, 256, 64), (1, 64, 64)])
def test_the_generator_is_smaller(heads, width, expected):
    """A third of the base model as in the paper's table 6; a quarter to a half for other sizes."""
    from distill_core.objectives.replaced import generator_config

    small = generator_config(sample.config("electra", num_attention_heads=heads, hidden_size=width))
    assert small.hidden_size == expected


def test_xlnet_sees_no_token_that_it_must_predict():
    """Change the token of a target: neither its own prediction nor those before it in the order may change."""
    module, corrupted = sample.module("xlnet"), corrupt("xlnet", sample.tiny_documents("xlnet")[1:2])
    before = module(**corrupted.inputs).logits
    places = corrupted.inputs["target_mapping"][0].argmax(-1).tolist()
    assert len(places) > 4
    for turn, place in enumerate(places):
        changed = {**corrupted.inputs, "input_ids": corrupted.inputs["input_ids"].clone()}
        changed["input_ids"][0, place] = (changed["input_ids"][0, place] + 3) % 20
        after = module(**changed).logits
        assert torch.allclose(after[0, : turn + 1], before[0, : turn + 1], atol=1e-5)
        if turn + 1 < len(places):
            assert not torch.allclose(after[0, turn + 1 :], before[0, turn + 1 :], atol=1e-3)
