"""Sizes of the ten, to the unit: against hand arithmetic, against data/parameters.csv, and as fast as a click."""

from __future__ import annotations

import csv
import time

import pytest
import torch

from distill_core import families
from distill_core.models import loading, parameters
from distill_core.settings import DATA

each_family = pytest.mark.parametrize("family", families.FAMILIES, ids=lambda family: family.key)

H, FFN = 768, 3072  # width and feed-forward width of every base model
ATTENTION = 4 * (H * H + H)  # queries, keys, values, output, each with a bias
FEED_FORWARD = H * FFN + FFN + FFN * H + H
NORM = 2 * H
POOLER = H * H + H

# From the papers' tables: vocabulary, positions, segments, layers. No number below comes from a program.
BY_HAND = {
    "bert": ((30522 + 512 + 2) * H, 12 * ATTENTION, 12 * FEED_FORWARD, NORM + 24 * NORM + POOLER),
    "gpt": ((40478 + 512) * H, 12 * ATTENTION, 12 * FEED_FORWARD, 24 * NORM),
    "roberta": ((50265 + 514 + 1) * H, 12 * ATTENTION, 12 * FEED_FORWARD, NORM + 24 * NORM + POOLER),
    # no biases; 12 encoder and 12 decoder layers, the latter with two attentions; norms without a bias; 32 buckets of
    # relative positions × 12 heads in each stack
    "t5": (32128 * H, 36 * 4 * H * H + 2 * 32 * 12, 24 * 2 * H * FFN, (12 * 2 + 12 * 3 + 2) * H),
    # five matrices without biases (queries, keys, values, output, positions), three bias vectors and two segments
    "xlnet": ((32000 + 1) * H, 12 * (5 * H * H + 3 * H + 2 * H), 12 * FEED_FORWARD, 24 * NORM),
    # one layer's weights for all twelve; embeddings of width 128 and their projection
    "albert": ((30000 + 512 + 2) * 128 + 128 * H + H, ATTENTION, FEED_FORWARD, 2 * 128 + 2 * NORM + POOLER),
    "distilbert": ((30522 + 512) * H, 6 * ATTENTION, 6 * FEED_FORWARD, NORM + 12 * NORM),
    "ernie": ((30522 + 512 + 4) * H, 12 * ATTENTION, 12 * FEED_FORWARD, NORM + 24 * NORM + POOLER),
    "electra": ((30522 + 512 + 2) * H, 12 * ATTENTION, 12 * FEED_FORWARD, NORM + 24 * NORM),
    # one shared table of words, two of 1026 positions; 6 + 6 layers
    "bart": ((50265 + 2 * 1026) * H, 18 * ATTENTION, 12 * FEED_FORWARD, (2 + 6 * 2 + 6 * 3) * NORM),
}


@each_family
def test_official_sizes_are_those_of_hand_arithmetic(family):
    assert parameters.official(family) == dict(zip(families.PARTS, BY_HAND[family.key], strict=True))


def test_the_two_best_known_sizes():
    assert sum(parameters.official(families.get("bert")).values()) == 109_482_240
    assert sum(parameters.official(families.get("distilbert")).values()) == 66_362_880


def test_the_table_in_data_is_what_is_counted():
    with (DATA / "parameters.csv").open(encoding="utf-8", newline="") as file:
        rows = {row.pop("family"): {part: int(size) for part, size in row.items()} for row in csv.DictReader(file)}
    assert rows == {family.key: parameters.official(family) for family in families.FAMILIES}
    assert rows == families.exact_parameters()


def test_all_ten_are_counted_within_two_seconds_and_without_their_weights():
    parameters.official(families.get("bart"))  # loads transformers' classes
    start = time.process_time()
    for family in families.FAMILIES:
        parameters.official(family)
    assert time.process_time() - start < 2
    with torch.device("meta"):
        assert all(p.device.type == "meta" for p in loading.build_backbone(families.get("bert"), {}).parameters())


def test_writing_the_table_again_changes_nothing(tmp_path):
    parameters.write_table(tmp_path / "parameters.csv")
    assert (tmp_path / "parameters.csv").read_bytes().splitlines() == (
        (DATA / "parameters.csv").read_bytes().splitlines()
    )


@each_family
def test_a_classification_head_counts_as_other(family):
    """The same backbone with a head: embeddings, attention and feed-forward stay, only `other` may grow or shrink."""
    with torch.device("meta"):
        config = loading.build_config(family, family.official)
        sizes = parameters.count_by_part(loading.build_classifier(config, ("no", "yes")))
    bare = parameters.official(family)
    assert {part: sizes[part] - bare[part] for part in families.PARTS if part != "other"} == {
        "embeddings": 0,
        "attention": 0,
        "feed_forward": 0,
    }
    head = {"bert": 2 * H + 2, "roberta": H * H + H + 2 * H + 2 - POOLER, "gpt": 2 * H}
    if family.key in head:
        assert sizes["other"] - bare["other"] == head[family.key]


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("bert.embeddings.word_embeddings.weight", "embeddings"),
        ("bert.embeddings.LayerNorm.weight", "other"),
        ("bert.encoder.layer.0.attention.self.query.weight", "attention"),
        ("bert.encoder.layer.0.attention.output.dense.bias", "attention"),
        ("bert.encoder.layer.0.attention.output.LayerNorm.weight", "other"),
        ("bert.encoder.layer.0.intermediate.dense.weight", "feed_forward"),
        ("bert.encoder.layer.0.output.dense.weight", "feed_forward"),
        ("bert.pooler.dense.weight", "other"),
        ("transformer.h.3.attn.c_attn.weight", "attention"),
        ("transformer.h.3.mlp.c_fc.weight", "feed_forward"),
        ("transformer.h.3.ln_1.weight", "other"),
        ("transformer.encoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight", "attention"),
        ("transformer.decoder.block.0.layer.1.EncDecAttention.q.weight", "attention"),
        ("transformer.decoder.block.0.layer.2.DenseReluDense.wi.weight", "feed_forward"),
        ("transformer.layer.0.rel_attn.r_w_bias", "attention"),
        ("transformer.layer.0.ff.layer_1.weight", "feed_forward"),
        ("transformer.mask_emb", "embeddings"),
        ("albert.encoder.embedding_hidden_mapping_in.weight", "embeddings"),
        ("albert.encoder.albert_layer_groups.0.albert_layers.0.ffn_output.weight", "feed_forward"),
        ("albert.encoder.albert_layer_groups.0.albert_layers.0.full_layer_layer_norm.weight", "other"),
        ("distilbert.transformer.layer.0.ffn.lin1.weight", "feed_forward"),
        ("pre_classifier.weight", "other"),
        ("electra.embeddings_project.weight", "embeddings"),
        ("model.decoder.layers.0.encoder_attn.k_proj.weight", "attention"),
        ("model.decoder.layers.0.encoder_attn_layer_norm.weight", "other"),
        ("model.encoder.layers.0.fc1.weight", "feed_forward"),
        ("model.encoder.embed_positions.weight", "embeddings"),
        ("score.weight", "other"),
    ],
)
def test_names_fall_into_their_part(name, part):
    assert parameters.part_of(name) == part


def test_a_shared_weight_counts_once():
    table = torch.nn.Embedding(5, 3)
    output = torch.nn.Linear(3, 5, bias=False)
    output.weight = table.weight
    assert parameters.count(torch.nn.ModuleDict({"embeddings": table, "head": output})) == 15
