"""THE table of the ten families: one row a family. To add a family, add one row here and one in data/families.csv.

No torch here: pages read this table. `models.py` turns a row into a model, data/families.csv holds the facts
with their sources, data/parameters.csv the exact sizes (written by `python -m distill_core families --write`).
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cached_property, lru_cache
from types import MappingProxyType
from typing import Any, Literal

from distill_core.errors import SpecError
from distill_core.settings import DATA

Architecture = Literal["encoder", "decoder", "encoder-decoder"]
PARTS = ("embeddings", "attention", "feed_forward", "other")


@dataclass(frozen=True)
class Family:
    """One family: how to build it, how to feed it, how to show it.

    `official` and `mini` are keyword arguments of the transformers config class. `layer_fields` are the config
    fields that say how many layers there are: a student of k layers sets each of them to k.
    """

    key: str
    title: str
    config_class: str
    architecture: Architecture
    official: dict[str, Any]
    mini: dict[str, Any]
    layer_fields: tuple[str, ...]
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
    def symbol(self) -> str:
        """The plotly marker that tells architectures apart without color; distilled families are hollow."""
        shape = {"encoder": "circle", "decoder": "triangle-up", "encoder-decoder": "square"}[self.architecture]
        return f"{shape}-open" if self.distilled else shape


def _mini(**fields: Any) -> dict[str, Any]:
    return {"vocab_size": 8192, **fields}


_BERT_MINI = _mini(hidden_size=128, num_hidden_layers=2, num_attention_heads=2, intermediate_size=512)
_N = ("num_hidden_layers",)

FAMILIES: tuple[Family, ...] = (
    Family(
        "bert", "BERT", "BertConfig", "encoder", {}, _BERT_MINI, _N, "wordpiece",
        "#4477AA", "#6699CC", "google-bert/bert-base-uncased", "textattack/bert-base-uncased-SST-2",
    ),
    Family(
        "gpt", "GPT", "OpenAIGPTConfig", "decoder", {},
        _mini(n_embd=128, n_layer=2, n_head=2), ("n_layer",), "bpe",
        "#EE7733", "#EE7733", "openai-community/openai-gpt", pooled_token="last",
        sst2_note="No public fine-tuned checkpoint of the first GPT was found.",
    ),
    Family(
        "roberta", "RoBERTa", "RobertaConfig", "encoder",
        {"max_position_embeddings": 514, "type_vocab_size": 1, "layer_norm_eps": 1e-5},
        {**_BERT_MINI, "max_position_embeddings": 514, "type_vocab_size": 1, "layer_norm_eps": 1e-5},
        _N, "byte-bpe", "#332288", "#8F7FE0", "FacebookAI/roberta-base", "textattack/roberta-base-SST-2",
    ),
    Family(
        "t5", "T5", "T5Config", "encoder-decoder",
        {"d_model": 768, "d_kv": 64, "d_ff": 3072, "num_layers": 12, "num_decoder_layers": 12, "num_heads": 12,
         "decoder_start_token_id": 0},
        _mini(d_model=128, d_kv=64, d_ff=512, num_layers=2, num_decoder_layers=2, num_heads=2,
              decoder_start_token_id=0),
        ("num_layers", "num_decoder_layers"), "unigram", "#117733", "#3FAF68", "google-t5/t5-base",
        "PavanNeerudu/t5-base-finetuned-sst2", pooled_token="eos", max_positions=None,
        sst2_note="This checkpoint answers in text ('negative' / 'positive').",
    ),
    Family(
        "xlnet", "XLNet", "XLNetConfig", "encoder",
        {"vocab_size": 32000, "d_model": 768, "n_layer": 12, "n_head": 12, "d_inner": 3072},
        _mini(d_model=128, n_layer=2, n_head=2, d_inner=512), ("n_layer",), "unigram",
        "#AA4499", "#CC77BB", "xlnet/xlnet-base-cased", "textattack/xlnet-base-cased-SST-2",
        padding_side="left", pooled_token="last", max_positions=None,
    ),
    Family(
        "albert", "ALBERT", "AlbertConfig", "encoder",
        {"hidden_size": 768, "num_attention_heads": 12, "intermediate_size": 3072, "embedding_size": 128,
         "attention_probs_dropout_prob": 0.0, "hidden_dropout_prob": 0.0},
        {**_BERT_MINI, "embedding_size": 128}, _N, "unigram",
        "#88CCEE", "#88CCEE", "albert/albert-base-v2", "textattack/albert-base-v2-SST-2", shared_layers=True,
    ),
    Family(
        "distilbert", "DistilBERT", "DistilBertConfig", "encoder", {},
        _mini(dim=128, n_layers=2, n_heads=2, hidden_dim=512), ("n_layers",), "wordpiece",
        "#CC3311", "#EE6644", "distilbert/distilbert-base-uncased",
        "distilbert/distilbert-base-uncased-finetuned-sst-2-english", distilled=True,
    ),
    Family(
        "ernie", "ERNIE", "ErnieConfig", "encoder", {"type_vocab_size": 4, "layer_norm_eps": 1e-5},
        {**_BERT_MINI, "type_vocab_size": 4, "layer_norm_eps": 1e-5}, _N, "wordpiece",
        "#999933", "#B5B54D", "nghuyong/ernie-2.0-base-en",
        sst2_note="No public fine-tuned checkpoint of ERNIE 2.0 base was found.",
    ),
    Family(
        "electra", "ELECTRA", "ElectraConfig", "encoder",
        {"embedding_size": 768, "hidden_size": 768, "num_attention_heads": 12, "intermediate_size": 3072},
        {**_BERT_MINI, "embedding_size": 128}, _N, "wordpiece",
        "#009988", "#22BBAA", "google/electra-base-discriminator", "TehranNLP-org/electra-base-sst2",
    ),
    Family(
        "bart", "BART", "BartConfig", "encoder-decoder",
        {"d_model": 768, "encoder_layers": 6, "decoder_layers": 6, "encoder_attention_heads": 12,
         "decoder_attention_heads": 12, "encoder_ffn_dim": 3072, "decoder_ffn_dim": 3072},
        _mini(d_model=128, encoder_layers=2, decoder_layers=2, encoder_attention_heads=2,
              decoder_attention_heads=2, encoder_ffn_dim=512, decoder_ffn_dim=512),
        ("encoder_layers", "decoder_layers"), "byte-bpe", "#DDAA33", "#DDAA33", "facebook/bart-base",
        "ModelTC/bart-base-sst2", pooled_token="eos", max_positions=1024,
    ),
)  # fmt: skip

BY_KEY: MappingProxyType[str, Family] = MappingProxyType({row.key: row for row in FAMILIES})


def get(key: str) -> Family:
    """The family of this key. Raises SpecError that lists the ten."""
    if key not in BY_KEY:
        raise SpecError(f"Unknown family {key!r}.", f"Choose one of: {', '.join(BY_KEY)}.")
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
