"""Masked words: how many, which, and what becomes of them."""

from __future__ import annotations

import pytest
import torch

from distill_core.models.gaps import mask_tokens
from distill_core.objectives.batch import IGNORED

MASK, VOCABULARY = 4, 1000


def corrupt(n=200_000, share=0.15, seed=0):
    ids = torch.randint(5, VOCABULARY, (100, n // 100), generator=torch.Generator().manual_seed(9))
    maskable = torch.ones_like(ids, dtype=torch.bool)
    maskable[:, :3] = False
    generator = torch.Generator().manual_seed(seed)
    return ids, maskable, mask_tokens(ids, maskable, MASK, VOCABULARY, share=share, generator=generator)


def test_the_shares_are_those_of_the_paper():
    """15 % chosen; of these 80 % masked, 10 % random, 10 % left as they are (BERT §3.1)."""
    ids, maskable, masked = corrupt()
    chosen = masked.labels != IGNORED
    assert chosen.sum() / maskable.sum() == pytest.approx(0.15, abs=0.005)
    hidden = masked.input_ids[chosen] == MASK
    same = masked.input_ids[chosen] == ids[chosen]
    assert hidden.double().mean() == pytest.approx(0.8, abs=0.01)
    assert same.double().mean() == pytest.approx(0.1, abs=0.01)
    assert (~hidden & ~same).double().mean() == pytest.approx(0.1, abs=0.01)


def test_labels_are_the_hidden_tokens_and_the_rest_is_untouched():
    ids, maskable, masked = corrupt()
    chosen = masked.labels != IGNORED
    assert torch.equal(masked.labels[chosen], ids[chosen])
    assert torch.equal(masked.input_ids[~chosen], ids[~chosen])
    assert not (chosen & ~maskable).any()


def test_random_tokens_come_from_the_whole_vocabulary():
    ids, _, masked = corrupt(1_000_000)
    replaced = masked.input_ids[(masked.input_ids != ids) & (masked.input_ids != MASK)]
    assert len(replaced.unique()) > 0.99 * (VOCABULARY - 5)
    assert replaced.max() < VOCABULARY


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_none_or_all(share):
    _, maskable, masked = corrupt(1000, share)
    assert torch.equal(masked.labels != IGNORED, maskable if share else torch.zeros_like(maskable))


def test_the_same_generator_gives_the_same_gaps_and_the_input_is_kept():
    ids, _, first = corrupt(1000, seed=3)
    _, _, second = corrupt(1000, seed=3)
    _, _, other = corrupt(1000, seed=4)
    assert torch.equal(first.labels, second.labels)
    assert torch.equal(first.input_ids, second.input_ids)
    assert not torch.equal(first.labels, other.labels)
    assert ids.min() >= 5
