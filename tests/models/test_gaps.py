"""Logits at hidden tokens alone are those that the whole text would have got."""

from __future__ import annotations

import pytest
import tiny
import torch

from distill_core import families
from distill_core.models.gaps import gap_answers


@pytest.mark.parametrize(
    "family",
    [one for one in families.FAMILIES if one.architecture == "encoder" and one.key != "xlnet"],
    ids=lambda one: one.key,
)
def test_logits_of_gaps_alone_are_those_of_the_whole_text(family):
    model = tiny.masked_lm(family).eval()
    ids = torch.randint(5, 20, (3, 7), generator=torch.Generator().manual_seed(0))
    inputs = {"input_ids": ids, "attention_mask": torch.ones_like(ids)}
    gaps = ids % 3 == 0
    with torch.inference_mode():
        torch.testing.assert_close(gap_answers(model, inputs, gaps).logits, model(**inputs).logits[gaps])
        assert model(**inputs).logits.shape[:2] == ids.shape  # nothing is left behind
