"""Where words begin, in each kind of tokenizer; and the units that ERNIE hides."""

from __future__ import annotations

import pytest
import sample_objectives as sample

from distill_core import families
from distill_core.errors import ModelError
from distill_core.objectives.lexicon import find
from distill_core.objectives.table import OBJECTIVES
from distill_core.objectives.vocabulary import Vocabulary

each = pytest.mark.parametrize("key", OBJECTIVES)


def words_of(key, text):
    """The words as the tokenizer's own word numbers give them, and as the vocabulary finds them in the bare ids."""
    made = sample.tokenizer(key)
    encoded = made(text, add_special_tokens=False)
    numbers = encoded.word_ids()
    expected = [place for place, number in enumerate(numbers) if place == 0 or number != numbers[place - 1]]
    return expected, sample.vocabulary(key).word_starts(encoded["input_ids"])


@each
@pytest.mark.parametrize("text", ["the film is dull", "a warm and funny film with a big heart", "bad"])
def test_words_begin_where_the_tokenizer_says(key, text):
    expected, found = words_of(key, text)
    assert found == expected
    assert len(found) == len(text.split())


@each
def test_words_cover_the_text(key):
    ids = sample.tokenizer(key)("the plot is thin and the jokes are old", add_special_tokens=False)["input_ids"]
    words = sample.vocabulary(key).words(ids)
    assert [token for start, end in words for token in ids[start:end]] == ids
    assert sample.vocabulary(key).words([]) == []


@each
def test_special_tokens_are_those_of_the_family(key):
    made, found = sample.tokenizer(key), sample.vocabulary(key)
    assert found.size == len(made)
    assert found.mask == made.mask_token_id
    assert found.pad == (made.unk_token_id if key == "gpt" else made.pad_token_id)
    ends = {"gpt": None, "t5": "</s>", "roberta": "</s>", "bart": "</s>", "xlnet": "<sep>"}.get(key, "[SEP]")
    assert found.last == (None if ends is None else made.convert_tokens_to_ids(ends))
    begins = {"gpt": None, "t5": None, "roberta": "<s>", "bart": "<s>", "xlnet": "<cls>"}.get(key, "[CLS]")
    assert found.first == (None if begins is None else made.convert_tokens_to_ids(begins))


def test_sentinels_come_in_their_order():
    made = sample.tokenizer("t5")
    assert sample.vocabulary("t5").sentinels == tuple(
        made.convert_tokens_to_ids(f"<extra_id_{number}>") for number in range(20)
    )
    assert sample.vocabulary("bert").sentinels == ()


def test_what_is_missing_is_named():
    with pytest.raises(ModelError, match="'mask'"):
        sample.vocabulary("gpt").special("mask")
    import tiny

    family = families.get("t5")
    bare = Vocabulary.of(tiny.tokenizer(family), family)
    with pytest.raises(ModelError, match="0 sentinel tokens"):
        OBJECTIVES["t5"].corrupt([[[5, 6]]], bare, 20, sample.generator())


# ── phrases and entities ─────────────────────────────────────────────────────────────────────────────────────────


def lexicon(texts, **more):
    """The lexicon with the words themselves in the place of ids."""
    return {" ".join(words): kind for words, kind in find(texts, str.split, **more).units.items()}


def test_entities_are_runs_of_capitalized_words():
    found = lexicon(["Lake Victoria lies far from Warsaw. The Blue Nile begins elsewhere. Water is its life, I think."])
    assert found == {"Lake Victoria": "entity", "Warsaw": "entity", "Blue Nile": "entity"}


def test_a_run_ends_with_its_sentence():
    assert lexicon(["She left Paris. Berlin came later."]) == {"Paris": "entity"}
    assert lexicon(["She saw Paris, Berlin and no other place."]) == {"Paris": "entity", "Berlin": "entity"}


def test_phrases_are_pairs_that_stand_together_far_more_often_than_by_chance():
    other = " ".join(f"word{number}" for number in range(200))
    texts = [f"the machine learning of today {other}"] * 3 + ["learning to swim", "a machine"]
    found = lexicon(texts, min_count=3)
    assert found["machine learning"] == "phrase"
    assert "the machine" not in found
    assert "of today" not in found
    assert "machine learning" not in lexicon(texts, min_count=4)


def test_a_pair_across_a_comma_is_no_phrase():
    assert lexicon(["red, wine"] * 20, min_count=2) == {}


def test_text_without_letters_gives_nothing():
    assert find(["", "  ", "… !!", "12 🙂"], str.split).longest == 0
