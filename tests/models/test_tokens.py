"""Texts → batches: nothing lost, nothing doubled, little padding, and the traps of each family's special tokens."""

from __future__ import annotations

import itertools
import random

import pytest
import tiny
import torch
from transformers import PreTrainedTokenizerFast

from distill_core import families
from distill_core.errors import ModelError
from distill_core.models import tokens
from distill_core.settings import DATA

each_family = pytest.mark.parametrize("family", families.FAMILIES, ids=lambda family: family.key)


def lengths_like_reviews(n=2000, seed=3):
    """8 to 64 tokens, 25 on average."""
    rng = random.Random(seed)
    return [min(64, max(8, round(rng.gammavariate(3, 8.2)))) for _ in range(n)]


def padding_factor(lengths, batches):
    return sum(len(batch) * max(lengths[row] for row in batch) for batch in batches) / sum(lengths)


@pytest.mark.parametrize(("n", "batch_size"), [(1, 1), (1, 32), (31, 32), (33, 32), (2000, 32), (100, 7), (50, 1024)])
def test_an_epoch_holds_every_text_once(n, batch_size):
    lengths = [1 + row % 13 for row in range(n)]
    batches = tokens.bucketed_batches(lengths, batch_size, seed=0, epoch=0)
    assert sorted(row for batch in batches for row in batch) == list(range(n))
    assert len(batches) == -(-n // batch_size)  # resuming counts on it
    assert all(1 <= len(batch) <= batch_size for batch in batches)


def test_an_epoch_is_fixed_by_seed_and_number_alone():
    lengths = lengths_like_reviews(500)
    first = tokens.bucketed_batches(lengths, 16, seed=5, epoch=1)
    torch.manual_seed(99)
    torch.rand(7)
    assert tokens.bucketed_batches(lengths, 16, seed=5, epoch=1) == first
    assert tokens.bucketed_batches(lengths, 16, seed=5, epoch=2) != first
    assert tokens.bucketed_batches(lengths, 16, seed=6, epoch=1) != first


def test_epochs_mix_the_texts_anew():
    """TextBrewer's cached batches keep their composition: the same texts meet in every epoch. Not here."""
    lengths = lengths_like_reviews()
    first, second = (
        {frozenset(batch) for batch in tokens.bucketed_batches(lengths, 32, seed=0, epoch=epoch)} for epoch in (0, 1)
    )
    assert not first & second


def test_batches_do_not_come_sorted_by_length():
    lengths = lengths_like_reviews()
    means = [
        sum(lengths[row] for row in batch) / len(batch)
        for batch in tokens.bucketed_batches(lengths, 32, seed=0, epoch=0)
    ]
    rising = sum(a < b for a, b in itertools.pairwise(means))
    assert 0.3 < rising / len(means) < 0.7


def test_buckets_cost_little_padding():
    lengths = lengths_like_reviews()
    assert 24 < sum(lengths) / len(lengths) < 26
    assert padding_factor(lengths, tokens.bucketed_batches(lengths, 32, seed=0, epoch=0)) <= 1.15
    assert padding_factor(lengths, tokens.sorted_batches(lengths, 32)) <= 1.05
    shuffled = random.Random(0).sample(range(2000), 2000)
    assert padding_factor(lengths, [shuffled[i : i + 32] for i in range(0, 2000, 32)]) > 1.8  # what it is worth


def test_sorted_batches_hold_every_text_once():
    lengths = lengths_like_reviews(101)
    batches = tokens.sorted_batches(lengths, 8)
    flat = [row for batch in batches for row in batch]
    assert sorted(flat) == list(range(101))
    assert [lengths[row] for row in flat] == sorted(lengths)


@pytest.mark.parametrize("side", ["left", "right"])
def test_a_batch_pads_on_its_side_and_masks_the_padding(side):
    encoded = tokens.Encoded((torch.tensor([5, 6, 7]), torch.tensor([8])), 9, side)
    batch = encoded.batch([1, 0])
    ids, mask = ([[9, 9, 8], [5, 6, 7]], [[0, 0, 1], [1, 1, 1]])
    if side == "right":
        ids[0], mask[0] = ids[0][::-1], mask[0][::-1]
    assert batch["input_ids"].tolist() == ids
    assert batch["attention_mask"].tolist() == mask
    assert encoded.lengths == [3, 1]


def asked(side="right"):
    """Three texts: the first is asked at its ends, the second nowhere, the third at its only token."""
    ids = (torch.tensor([5, 6, 7]), torch.tensor([8, 4]), torch.tensor([3]))
    marks = tokens.PerToken((torch.tensor([1, 0, 1]), torch.tensor([0, 0]), torch.tensor([1])))
    types = tokens.PerToken((torch.tensor([0, 0, 1]), torch.tensor([0, 1]), torch.tensor([2])), 3, for_model=True)
    answers = (torch.tensor([2, tokens.IGNORED]), torch.tensor([], dtype=torch.long), torch.tensor([1]))
    return tokens.Encoded(ids, 9, side, {tokens.ASKED: marks, "token_type_ids": types}, answers)


@pytest.mark.parametrize("side", ["left", "right"])
def test_what_stands_beside_the_tokens_is_padded_with_them(side):
    encoded = asked(side)
    batch = encoded.batch([2, 0])
    types = [[3, 3, 2], [0, 0, 1]] if side == "left" else [[2, 3, 3], [0, 0, 1]]
    assert batch["token_type_ids"].tolist() == types
    assert batch.keys() == {"input_ids", "attention_mask", "token_type_ids"}  # marks are no input of the network
    marks = [[0, 0, 1], [1, 0, 1]] if side == "left" else [[1, 0, 0], [1, 0, 1]]
    assert encoded.ask([2, 0]).places.tolist() == [[bool(mark) for mark in row] for row in marks]


def test_a_batch_asks_at_its_positions_text_by_text():
    batch = asked().ask([2, 1, 0])
    assert batch.targets.tolist() == [1, 2, tokens.IGNORED]
    assert batch.counts == (1, 0, 2)
    assert batch.places.sum(-1).tolist() == list(batch.counts)
    answers = torch.arange(6).view(3, 2)
    assert [part.tolist() for part in batch.by_text(answers)] == [[[0, 1]], [], [[2, 3], [4, 5]]]


def test_without_marks_one_question_is_asked_of_each_text():
    encoded = tokens.Encoded((torch.tensor([5, 6, 7]), torch.tensor([8])), 9, "right")
    batch = encoded.ask([1, 0])
    assert batch.places is None
    assert (batch.targets.tolist(), batch.counts) == ([tokens.IGNORED] * 2, (1, 1))
    answered = encoded.answered(torch.tensor([4, 2]))
    assert answered.ask([1, 0]).targets.tolist() == [2, 4]
    assert answered.answered_first(1).ask([1, 0]).targets.tolist() == [tokens.IGNORED, 4]
    assert [encoded.n_known, answered.n_known, answered.answered_first(1).n_known] == [0, 2, 1]
    assert all(torch.equal(a, b) for a, b in zip(encoded.batch([1, 0]).values(), batch.inputs.values(), strict=True))


def test_a_part_keeps_what_belongs_to_its_texts():
    part = asked().part(slice(1, 3))
    assert [ids.tolist() for ids in part.ids] == [[8, 4], [3]]
    batch = part.ask([0, 1])
    assert (batch.targets.tolist(), batch.counts) == ([1], (0, 1))
    assert batch.inputs["token_type_ids"].tolist() == [[0, 1], [2, 3]]


@each_family
def test_a_long_text_is_cut_and_keeps_its_special_tokens(family):
    loaded = tiny.classifier(family)
    text = " ".join(tiny.SENTENCES)
    (cut,) = loaded.encode([text], 16).ids
    whole = loaded.tokenizer(text)["input_ids"]
    assert len(whole) > 16
    assert len(cut) == 16
    special = {"first": (1, 1), "eos": (1, 1), "last": (0, 2)}[family.pooled_token]  # at the start, at the end
    start = 0 if family.key == "t5" else special[0]
    end = 0 if family.key == "gpt" else special[1]
    assert cut[:start].tolist() == whole[:start]
    assert cut[16 - end :].tolist() == whole[len(whole) - end :]
    assert cut[start : 16 - end].tolist() == whole[start : 16 - end]


@each_family
def test_an_empty_text_gives_at_least_one_token(family):
    loaded = tiny.classifier(family)
    for text in ("", " ", "\n\t"):
        encoded = loaded.encode([text, "a film"], 16)
        assert len(encoded.ids[0]) >= 1
        batch = encoded.batch([0, 1])
        assert batch["attention_mask"][0].sum() == len(encoded.ids[0])
        with torch.inference_mode():
            assert torch.isfinite(loaded.model(**batch).logits).all()


MARKS = ("</s>", "[SEP]", "<pad>", "<mask>", "[CLS]", "<unk>", "<extra_id_0>", "<s>", "<PAD>", "\uff1c/s\uff1e")


def test_the_marks_are_a_trap():
    """Tokenizers read them as special tokens, unigram pieces in another spelling too; T5 and BART then fail."""
    loaded = tiny.classifier(families.get("bart"))
    raw = loaded.tokenizer(["a film</s>", "a film"])["input_ids"]
    assert raw[0].count(loaded.tokenizer.eos_token_id) == 2
    for key, mark in (("t5", "\uff1c/s\uff1e"), ("albert", "<PAD>")):
        found = mini_tokenizer(key)
        assert set(found(f"a {mark} film", add_special_tokens=False)["input_ids"]) & set(found.all_special_ids)


def mini_tokenizer(key):
    return PreTrainedTokenizerFast.from_pretrained(DATA / "minis" / key)


@pytest.mark.parametrize("mark", MARKS)
@each_family
def test_a_mark_that_somebody_wrote_is_no_special_token(family, mark):
    plain = f"a film {mark.translate(dict.fromkeys(map(ord, '<>[]/|')))} b"
    for tokenizer in (tiny.classifier(family).tokenizer, mini_tokenizer(family.key)):
        if tokenizer.pad_token_id is None:
            tokenizer.pad_token = tokenizer.unk_token
        special = set(tokenizer.all_special_ids) - {tokenizer.unk_token_id}

        def framing(text, tokenizer=tokenizer, special=special):
            (ids,) = tokens.encode(tokenizer, [text], 64, family).ids
            return [token for token in ids.tolist() if token in special]

        assert framing(f"a film {mark} b") == framing(plain) == framing("")


@each_family
def test_a_text_with_marks_is_answered_in_a_batch_as_alone(family):
    loaded = tiny.classifier(family)
    texts = [f"a warm film {' '.join(MARKS)} the end", "a film", "</s>", "dull </s> and long"]
    together = loaded.encode(texts, 96).batch(range(len(texts)))
    with torch.inference_mode():
        logits = loaded.model(**together).logits
        alone = [loaded.model(**loaded.encode([text], 96).batch([0])).logits for text in texts]
    torch.testing.assert_close(logits, torch.cat(alone), atol=1e-5, rtol=1e-5)


@each_family
def test_a_text_is_read_alike_however_its_accents_and_ends_are_written(family):
    """A file may hold é in two characters; what is typed into a page comes in one."""
    loaded = tiny.classifier(family)
    stored, typed = "a me\u0301lodie with a sce\u0301nario", "a m\u00e9lodie with a sc\u00e9nario"
    first, *others = (ids.tolist() for ids in loaded.encode([typed, stored, f" {stored}\a\n"], 96).ids)
    assert others == [first, first]


@each_family
def test_more_tokens_than_positions_are_refused(family):
    loaded = tiny.classifier(family)
    if family.max_positions is None:
        assert loaded.encode(["a film"], 4096).lengths[0] < 16
        return
    with pytest.raises(ModelError, match=f"{family.max_positions} positions") as caught:
        loaded.encode(["a film"], family.max_positions + 1)
    assert str(family.max_positions) in caught.value.hint
    assert loaded.encode(["a film"], family.max_positions).lengths[0] < 16


@pytest.mark.parametrize(
    "family", [family for family in families.FAMILIES if family.max_positions], ids=lambda family: family.key
)
def test_the_model_reads_as_many_tokens_as_it_has_positions(family):
    """RoBERTa's table has 514 rows for 512 tokens: one off, and the longest text fails in the middle of a run."""
    loaded = tiny.classifier(family)
    text = "a " * 2000
    encoded = loaded.encode([text], family.max_positions)
    assert encoded.lengths == [family.max_positions]
    with torch.inference_mode():
        assert torch.isfinite(loaded.model(**encoded.batch([0])).logits).all()


@each_family
def test_hostile_texts_become_tokens(family):
    loaded = tiny.classifier(family)
    texts = ["🙂" * 300, "\0\1\2", "مرحبا", "é́́́", "\u202eabc", "<script>", "a" * 100_000]
    encoded = loaded.encode(texts, 32)
    with torch.inference_mode():
        assert torch.isfinite(loaded.model(**encoded.batch(range(len(texts)))).logits).all()
