"""What a loss asks for, against counts by hand on corrupted batches."""

from __future__ import annotations

import math

import pytest
import tiny
import torch

from distill_core import families
from distill_core.jobs import asked_tokens
from distill_core.objectives import table
from distill_core.objectives.batch import IGNORED, Corrupted
from distill_core.objectives.vocabulary import Vocabulary


def batch(seen: list[int], labels: list[int]) -> Corrupted:
    return Corrupted({"input_ids": torch.tensor([seen])}, {"labels": torch.tensor([labels])}, (), 1)


def test_word_counts_are_asked_for_the_labels_alone() -> None:
    """Tokens read 6, 3 and 1 times in 10; of five tokens two are asked: 0 and 2."""
    counts = torch.tensor([6.0, 3.0, 1.0], dtype=torch.float64)
    found = asked_tokens.unigram_nats(table.get("bert"), [batch([0, 1, 1, 9, 1], [0, -100, -100, 2, -100])], counts)
    assert found == pytest.approx(-(math.log(0.6) + math.log(0.1)) / 2)
    of_gpt = asked_tokens.unigram_nats(table.get("gpt"), [batch([2, 0, 0], [2, 0, 0])], counts)
    assert of_gpt == pytest.approx(-math.log(0.6))  # nobody is asked for the first
    assert asked_tokens.unigram_nats(table.get("bert"), [batch([0], [-100])], counts) is None
    assert [asked_tokens.unigram_nats(table.get(key), [], counts) for key in ("electra", "t5", "bart")] == [None] * 3


def test_each_asked_token_is_of_one_kind() -> None:
    """7 is the mask: two hidden, one replaced, one left visible; the loss here is the sum of the asked labels."""
    one = batch([7, 7, 4, 5, 6], [1, 2, 3, 5, IGNORED])

    def loss(part: Corrupted) -> float:
        labels = part.targets["labels"]
        return float(labels[labels != IGNORED].float().mean())

    found = asked_tokens.by_kind(table.get("bert"), [one, batch([7], [6])], 7, loss)
    assert found == {"masked": pytest.approx((1 + 2 + 6) / 3), "replaced": 3.0, "kept": 5.0}
    assert list(asked_tokens.by_kind(table.get("bert"), [batch([7], [6])], 7, loss)) == ["masked"]
    assert asked_tokens.by_kind(table.get("gpt"), [one], 7, loss) == {}


@pytest.mark.parametrize("key", ["bert", "roberta", "albert", "ernie"])
def test_the_kinds_of_real_batches_add_up_to_what_is_asked(key: str) -> None:
    family = families.get(key)
    tokenizer = tiny.tokenizer(family)
    vocabulary = Vocabulary.of(tokenizer, family)
    ids = tokenizer("the quick brown fox jumps over the lazy dog", add_special_tokens=False)["input_ids"]
    found = table.get(key).corrupt([[ids] * 6] * 40, vocabulary, 64, torch.Generator().manual_seed(0))
    labels = found.targets["labels"]
    parts = [asked_tokens._only(found, kind, vocabulary.mask).targets["labels"] for kind in asked_tokens.KINDS]
    asked = [int((part != IGNORED).sum()) for part in parts]
    assert sum(asked) == int((labels != IGNORED).sum())
    assert asked[0] > 5 * asked[1]
    assert asked[0] > 5 * asked[2]
