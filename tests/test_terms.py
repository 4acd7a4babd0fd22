"""The table of loss terms: every row has its function, its field and its place in the sum."""

from __future__ import annotations

import re

from distill_core import terms
from distill_core.specs import DistillSpec
from distill_core.terms import LossWeights
from distill_core.training import term_functions


def test_every_row_has_a_function_a_field_and_a_color_of_its_own():
    assert list(terms.BY_KEY) == ["soft", "hard", "cosine", "hidden", "attention", "relations"]
    for term in terms.TERMS:
        assert callable(term_functions.function_of(term))
        field = DistillSpec.model_fields[term.key]
        assert (field.default, field.description) == (term.default, term.description)
        assert all(re.fullmatch("#[0-9A-F]{6}", color) for color in term.color)
    assert len({term.color for term in terms.TERMS}) == len({term.function for term in terms.TERMS}) == 6


def test_what_the_terms_need():
    live = [term.key for term in terms.TERMS if term.is_live]
    assert live == ["hidden", "attention", "relations"]
    assert [term.key for term in terms.TERMS if not term.asks_the_teacher] == ["hard"]
    assert terms.TOKEN_TERMS == "cosine, hidden, attention and relations"


def test_weights_know_which_terms_count():
    weights = LossWeights({"relations": 0.5, "soft": 1.0, "hard": 0.0})
    assert [term.key for term in weights.used] == ["soft", "relations"]  # the order of the table
    assert weights["cosine"] == 0
    assert weights.needs("vectors", "attention")
    assert not weights.needs("labels")
    assert weights.needs_live_teacher
    assert weights.compares_tokens
    soft = LossWeights({"soft": 1.0})
    assert (soft.asks_the_teacher, soft.needs_live_teacher, soft.compares_tokens) == (True, False, False)
    alone = LossWeights(terms.LABELS_ALONE)
    assert [term.key for term in alone.used] == ["hard"]
    assert not alone.asks_the_teacher
