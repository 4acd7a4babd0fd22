"""THE table of the ten families: one row a family. To add a family, add one row here and one in data/families.csv.

No torch here: pages read this table. `models/` turns a row into a model, data/families.csv holds the facts
with their sources, data/parameters.csv the exact sizes (written by `python -m distill_core families --write`).
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cached_property, lru_cache
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

from distill_core.errors import SpecError
from distill_core.places import DATA

Architecture = Literal["encoder", "decoder", "encoder-decoder"]
PARTS = ("embeddings", "attention", "feed_forward", "other")


class Shape(NamedTuple):
    """The config fields that say how large a model is: each is set together with its fellows."""

    layers: tuple[str, ...]
    width: tuple[str, ...]
    ffn: tuple[str, ...]
    heads: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Family:
    """One family: how to build it, how to feed it, how to show it.

    `official` and `mini` are keyword arguments of the transformers config class; `shape` names the fields that a
    shallower or narrower student changes.
    """

    key: str
    title: str
    config_class: str
    architecture: Architecture
    official: dict[str, Any]
    mini: dict[str, Any]
    shape: Shape
    tokenizer_kind: Literal["wordpiece", "bpe", "byte-bpe", "unigram"]
    color: str
    color_dark: str
    hub_id: str
    sst2_hub_id: str | None = None
    padding_side: Literal["left", "right"] = "right"
    pooled_token: Literal["first", "last", "eos"] = "first"
    shared_layers: bool = False
    distilled: bool = False
    max_positions: int | None = 512
    sst2_note: str = ""

    @cached_property
    def facts(self) -> MappingProxyType[str, str]:
        """The row of data/families.csv: paper, year, objective, corpus, traps, each with its source."""
        return MappingProxyType(_facts_by_title()[self.title])

    @property
    def year(self) -> int:
        """Year of the paper's first version."""
        return int(self.facts["year"].strip("\"'")[:4])

    @property
    def fills_gaps(self) -> bool:
        """Whether it learns from masked words alone: the encoders, but XLNet, which predicts in shuffled order."""
        return self.architecture == "encoder" and self.key != "xlnet"

    @property
    def symbol(self) -> str:
        """The plotly marker that tells architectures apart without color; distilled families are hollow."""
        shape = {"encoder": "circle", "decoder": "triangle-up", "encoder-decoder": "square"}[self.architecture]
        return f"{shape}-open" if self.distilled else shape


def _mini(**fields: Any) -> dict[str, Any]:
    return {"vocab_size": 8192, **fields}


_BERT_SHAPE = Shape(("num_hidden_layers",), ("hidden_size",), ("intermediate_size",), ("num_attention_heads",))
_BERT_MINI = _mini(hidden_size=128, num_hidden_layers=2, num_attention_heads=2, intermediate_size=512)
_ROBERTA = {"max_position_embeddings": 514, "type_vocab_size": 1, "layer_norm_eps": 1e-5}
_ERNIE = {"type_vocab_size": 4, "layer_norm_eps": 1e-5}

FAMILIES: tuple[Family, ...] = (
    Family(
        key="bert",
        title="BERT",
        config_class="BertConfig",
        architecture="encoder",
        official={},
        mini=_BERT_MINI,
        shape=_BERT_SHAPE,
        tokenizer_kind="wordpiece",
        color="#4477AA",
        color_dark="#6699CC",
        hub_id="google-bert/bert-base-uncased",
        sst2_hub_id="textattack/bert-base-uncased-SST-2",
    ),
    Family(
        key="gpt",
        title="GPT",
        config_class="OpenAIGPTConfig",
        architecture="decoder",
        official={},
        mini=_mini(n_embd=128, n_layer=2, n_head=2),
        shape=Shape(("n_layer",), ("n_embd",), (), ("n_head",)),
        tokenizer_kind="bpe",
        color="#EE7733",
        color_dark="#EE7733",
        hub_id="openai-community/openai-gpt",
        pooled_token="last",
        sst2_note="No public fine-tuned checkpoint of the first GPT was found.",
    ),
    Family(
        key="roberta",
        title="RoBERTa",
        config_class="RobertaConfig",
        architecture="encoder",
        official=_ROBERTA,
        mini={**_BERT_MINI, **_ROBERTA},
        shape=_BERT_SHAPE,
        tokenizer_kind="byte-bpe",
        color="#332288",
        color_dark="#8F7FE0",
        hub_id="FacebookAI/roberta-base",
        sst2_hub_id="textattack/roberta-base-SST-2",
    ),
    Family(
        key="t5",
        title="T5",
        config_class="T5Config",
        architecture="encoder-decoder",
        official={
            "d_model": 768,
            "d_kv": 64,
            "d_ff": 3072,
            "num_layers": 12,
            "num_decoder_layers": 12,
            "num_heads": 12,
            "decoder_start_token_id": 0,
        },
        mini=_mini(
            d_model=128, d_kv=64, d_ff=512, num_layers=2, num_decoder_layers=2, num_heads=2, decoder_start_token_id=0
        ),
        shape=Shape(("num_layers", "num_decoder_layers"), ("d_model",), ("d_ff",), ("num_heads",)),
        tokenizer_kind="unigram",
        color="#117733",
        color_dark="#3FAF68",
        hub_id="google-t5/t5-base",
        sst2_hub_id="PavanNeerudu/t5-base-finetuned-sst2",
        pooled_token="eos",
        max_positions=None,
        sst2_note="This checkpoint answers in text ('negative' / 'positive').",
    ),
    Family(
        key="xlnet",
        title="XLNet",
        config_class="XLNetConfig",
        architecture="encoder",
        official={"vocab_size": 32000, "d_model": 768, "n_layer": 12, "n_head": 12, "d_inner": 3072},
        mini=_mini(d_model=128, n_layer=2, n_head=2, d_inner=512),
        shape=Shape(("n_layer",), ("d_model",), ("d_inner",), ("n_head",)),
        tokenizer_kind="unigram",
        color="#AA4499",
        color_dark="#CC77BB",
        hub_id="xlnet/xlnet-base-cased",
        sst2_hub_id="textattack/xlnet-base-cased-SST-2",
        padding_side="left",
        pooled_token="last",
        max_positions=None,
    ),
    Family(
        key="albert",
        title="ALBERT",
        config_class="AlbertConfig",
        architecture="encoder",
        official={
            "hidden_size": 768,
            "num_attention_heads": 12,
            "intermediate_size": 3072,
            "embedding_size": 128,
            "attention_probs_dropout_prob": 0.0,
            "hidden_dropout_prob": 0.0,
        },
        mini={**_BERT_MINI, "embedding_size": 128},
        shape=_BERT_SHAPE,
        tokenizer_kind="unigram",
        color="#88CCEE",
        color_dark="#88CCEE",
        hub_id="albert/albert-base-v2",
        sst2_hub_id="textattack/albert-base-v2-SST-2",
        shared_layers=True,
    ),
    Family(
        key="distilbert",
        title="DistilBERT",
        config_class="DistilBertConfig",
        architecture="encoder",
        official={},
        mini=_mini(dim=128, n_layers=1, n_heads=2, hidden_dim=512),  # half of BERT's two layers
        shape=Shape(("n_layers",), ("dim",), ("hidden_dim",), ("n_heads",)),
        tokenizer_kind="wordpiece",
        color="#CC3311",
        color_dark="#EE6644",
        hub_id="distilbert/distilbert-base-uncased",
        sst2_hub_id="distilbert/distilbert-base-uncased-finetuned-sst-2-english",
        distilled=True,
    ),
    Family(
        key="ernie",
        title="ERNIE",
        config_class="ErnieConfig",
        architecture="encoder",
        official=_ERNIE,
        mini={**_BERT_MINI, **_ERNIE},
        shape=_BERT_SHAPE,
        tokenizer_kind="wordpiece",
        color="#999933",
        color_dark="#B5B54D",
        hub_id="nghuyong/ernie-2.0-base-en",
        sst2_note="No public fine-tuned checkpoint of ERNIE 2.0 base was found.",
    ),
    Family(
        key="electra",
        title="ELECTRA",
        config_class="ElectraConfig",
        architecture="encoder",
        official={"embedding_size": 768, "hidden_size": 768, "num_attention_heads": 12, "intermediate_size": 3072},
        mini={**_BERT_MINI, "embedding_size": 128},
        shape=_BERT_SHAPE._replace(width=("hidden_size", "embedding_size")),
        tokenizer_kind="wordpiece",
        color="#009988",
        color_dark="#22BBAA",
        hub_id="google/electra-base-discriminator",
        sst2_hub_id="TehranNLP-org/electra-base-sst2",
    ),
    Family(
        key="bart",
        title="BART",
        config_class="BartConfig",
        architecture="encoder-decoder",
        official={
            "d_model": 768,
            "encoder_layers": 6,
            "decoder_layers": 6,
            "encoder_attention_heads": 12,
            "decoder_attention_heads": 12,
            "encoder_ffn_dim": 3072,
            "decoder_ffn_dim": 3072,
        },
        mini=_mini(
            d_model=128,
            encoder_layers=2,
            decoder_layers=2,
            encoder_attention_heads=2,
            decoder_attention_heads=2,
            encoder_ffn_dim=512,
            decoder_ffn_dim=512,
        ),
        shape=Shape(
            ("encoder_layers", "decoder_layers"),
            ("d_model",),
            ("encoder_ffn_dim", "decoder_ffn_dim"),
            ("encoder_attention_heads", "decoder_attention_heads"),
        ),
        tokenizer_kind="byte-bpe",
        color="#DDAA33",
        color_dark="#DDAA33",
        hub_id="facebook/bart-base",
        sst2_hub_id="ModelTC/bart-base-sst2",
        pooled_token="eos",
        max_positions=1024,
    ),
)

BY_KEY: MappingProxyType[str, Family] = MappingProxyType({row.key: row for row in FAMILIES})


def get(key: str) -> Family:
    """The family of this key. Raises SpecError that lists the ten."""
    if key not in BY_KEY:
        raise SpecError(f"Unknown family {key[:100]!r}.", f"Choose one of: {', '.join(BY_KEY)}.")
    return BY_KEY[key]


def by_model_type(model_type: str) -> Family | None:
    """The family of a transformers model type; None for an architecture that is not one of the ten."""
    return BY_KEY.get("gpt" if model_type == "openai-gpt" else model_type)


@lru_cache(maxsize=1)
def _facts_by_title() -> dict[str, dict[str, str]]:
    with (DATA / "families.csv").open(encoding="utf-8", newline="") as file:
        return {row["family"]: row for row in csv.DictReader(file)}


@lru_cache(maxsize=1)
def exact_parameters() -> dict[str, dict[str, int]]:
    """Official sizes by family and part, counted from the architecture (data/parameters.csv); no torch needed."""
    sizes: dict[str, dict[str, int]] = {}
    with (DATA / "parameters.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            sizes[row["family"]] = {part: int(row[part]) for part in PARTS}
    return sizes
