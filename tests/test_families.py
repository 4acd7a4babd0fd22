"""The table of the ten families is whole, and agrees with the facts and the sizes in data/."""

from __future__ import annotations

import csv
import re

import pytest
import transformers

from distill_core import families
from distill_core.errors import SpecError
from distill_core.settings import DATA

each_family = pytest.mark.parametrize("family", families.FAMILIES, ids=lambda family: family.key)


def facts():
    with (DATA / "families.csv").open(encoding="utf-8", newline="") as file:
        return {row["family"]: row for row in csv.DictReader(file)}


def test_the_ten_are_here_in_their_order():
    assert [family.key for family in families.FAMILIES] == [
        "bert",
        "gpt",
        "roberta",
        "t5",
        "xlnet",
        "albert",
        "distilbert",
        "ernie",
        "electra",
        "bart",
    ]


def test_no_two_families_look_alike():
    for light_or_dark in ("color", "color_dark"):
        assert len({getattr(family, light_or_dark) for family in families.FAMILIES}) == 10
    assert all(re.fullmatch("#[0-9A-F]{6}", family.color + "") for family in families.FAMILIES)
    assert len({family.title for family in families.FAMILIES}) == 10


@each_family
def test_the_exact_size_is_the_measured_one_of_the_facts(family):
    size = sum(families.exact_parameters()[family.key].values())
    measured = int(re.match(r"\d+", facts()[family.title]["params_measured"]).group())
    assert size == measured


@each_family
def test_the_facts_name_the_same_checkpoint_and_class(family):
    row = facts()[family.title]
    assert row["hub_id"].split()[0] == family.hub_id
    assert row["transformers_config_class"].split()[0] == family.config_class
    assert family.facts["paper_title"] == row["paper_title"]
    assert family.year in (2018, 2019, 2020)


def test_the_facts_of_ernie_are_of_version_2():
    """Its date orders the timeline and its corpus scales a budget: both, and the objective, are of one version."""
    row = facts()["ERNIE"]
    assert row["paper_title"].startswith("ERNIE 2.0: ")
    assert row["arxiv_id"].startswith("1907.")
    for name in ("pretraining_objective", "pretraining_corpus", "corpus_size", "tokenizer_kind", "vocab_size"):
        assert "2.0" in row[name]
        assert "1.0" not in row[name]


@each_family
def test_a_missing_fine_tuned_checkpoint_has_a_note(family):
    assert family.sst2_hub_id is not None or family.sst2_note


def test_the_traps_of_padding_and_pooling():
    """One wrong cell of these gives plausible, wrong accuracies."""
    left = {family.key for family in families.FAMILIES if family.padding_side == "left"}
    pooled = {family.key: family.pooled_token for family in families.FAMILIES}
    assert left == {"xlnet"}
    assert {key for key, token in pooled.items() if token == "last"} == {"gpt", "xlnet"}
    assert {key for key, token in pooled.items() if token == "eos"} == {"t5", "bart"}
    assert {family.key for family in families.FAMILIES if family.shared_layers} == {"albert"}
    assert {family.key for family in families.FAMILIES if family.distilled} == {"distilbert"}
    assert {family.key: family.max_positions for family in families.FAMILIES if family.max_positions != 512} == {
        "t5": None,
        "xlnet": None,
        "bart": 1024,
    }


def test_shapes_tell_architectures_apart():
    assert {family.symbol for family in families.FAMILIES} == {"circle", "circle-open", "triangle-up", "square"}
    assert families.get("distilbert").symbol == "circle-open"


def test_an_unknown_key_lists_the_ten():
    with pytest.raises(SpecError, match="gpt2") as caught:
        families.get("gpt2")
    assert all(family.key in caught.value.hint for family in families.FAMILIES)


def test_model_types_of_transformers_find_their_family():
    assert families.by_model_type("openai-gpt") is families.get("gpt")
    assert families.by_model_type("gpt2") is None
    for family in families.FAMILIES:
        if family.key != "gpt":
            assert families.by_model_type(family.key) is family


def test_families_that_fill_gaps_have_a_head_for_it():
    filling = {row.key for row in families.FAMILIES if row.fills_gaps}
    assert filling == {"bert", "roberta", "albert", "distilbert", "ernie", "electra"}
    configs = [getattr(transformers, families.get(key).config_class) for key in filling]
    assert all(config in transformers.MODEL_FOR_MASKED_LM_MAPPING for config in configs)
