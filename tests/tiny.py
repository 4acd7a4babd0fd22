"""Small models for tests: each of the ten families with a tokenizer of its own kind, made in milliseconds.

The weights are drawn much wider than transformers draws them, so that different texts get clearly different outputs: a
test that compares two of them could not fail otherwise.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from torch import nn
from transformers import AutoModelForMaskedLM, PreTrainedTokenizerFast

from distill_core.families import Family
from distill_core.model_ref import Ref
from distill_core.models.loading import LoadedModel, build_backbone, build_classifier, build_config

torch.set_num_threads(1)  # two threads wait for each other by spinning, and tests share the machine

LABELS = ("negative", "positive")
LAYERS = 3
# Written out here, not taken from families.py: tests check that table with these.
LAYER_FIELDS = (
    "num_hidden_layers",
    "n_layer",
    "n_layers",
    "num_layers",
    "num_decoder_layers",
    "encoder_layers",
    "decoder_layers",
)
SENTENCES = (
    "a warm and funny film with a big heart",
    "the plot is thin and the jokes are old",
    "bad",
    "an honest, moving story about a family by the sea, told without any haste and with great care for every detail",
    "dull, loud and far too long",
    "one of the best films of the year!",
    "i laughed twice, then i left",
    "a joy from start to end",
)

# Name and id of the special tokens, as the families' own tokenizers have them.
_SPECIAL: dict[str, tuple[str, ...]] = {
    "wordpiece": ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"),
    "bpe": ("<unk>",),  # the first GPT has neither a padding token nor separators
    "byte-bpe": ("<s>", "<pad>", "</s>", "<unk>", "<mask>"),
    "t5": ("<pad>", "</s>", "<unk>"),
    "xlnet": ("<unk>", "<s>", "</s>", "<cls>", "<sep>", "<pad>", "<mask>"),
    "albert": ("<pad>", "<unk>", "[CLS]", "[SEP]", "[MASK]"),
}
_TEMPLATES = {
    "wordpiece": "[CLS] $A [SEP]",
    "byte-bpe": "<s> $A </s>",
    "t5": "$A </s>",
    "xlnet": "$A <sep> <cls>",
    "albert": "[CLS] $A [SEP]",
}
_ROLES = {
    "wordpiece": {
        "pad_token": "[PAD]",
        "unk_token": "[UNK]",
        "cls_token": "[CLS]",
        "sep_token": "[SEP]",
        "mask_token": "[MASK]",
    },
    "bpe": {"unk_token": "<unk>"},
    "byte-bpe": {
        "pad_token": "<pad>",
        "unk_token": "<unk>",
        "cls_token": "<s>",
        "sep_token": "</s>",
        "bos_token": "<s>",
        "eos_token": "</s>",
        "mask_token": "<mask>",
    },
    "t5": {"pad_token": "<pad>", "unk_token": "<unk>", "eos_token": "</s>"},
    "xlnet": {
        "pad_token": "<pad>",
        "unk_token": "<unk>",
        "cls_token": "<cls>",
        "sep_token": "<sep>",
        "bos_token": "<s>",
        "eos_token": "</s>",
        "mask_token": "<mask>",
    },
    "albert": {
        "pad_token": "<pad>",
        "unk_token": "<unk>",
        "cls_token": "[CLS]",
        "sep_token": "[SEP]",
        "mask_token": "[MASK]",
    },
}


def _kind(family: Family) -> str:
    return family.key if family.tokenizer_kind == "unigram" else family.tokenizer_kind


# The vocabularies are written down, not trained: the trainers break ties by hash, and ids must not change from process
# to process.
_LETTERS = sorted(set("".join(SENTENCES)) - {" "})
_WORDS = ("the", "and", "film", "funny", "with", "is", "one", "best", "of", "story", "from", "long", "too", "dull")


def _model(kind: str) -> Any:
    special = list(_SPECIAL[kind])
    if kind == "wordpiece":
        pieces = [*special, *_LETTERS, *(f"##{letter}" for letter in _LETTERS), *_WORDS[1:]]
        return models.WordPiece({piece: place for place, piece in enumerate(pieces)}, unk_token="[UNK]")
    if kind == "bpe":
        merges = [("t", "h"), ("th", "e</w>"), ("f", "i"), ("fi", "l"), ("fil", "m</w>"), ("o", "n"), ("on", "e</w>")]
        pieces = [*special, *_LETTERS, *(f"{letter}</w>" for letter in _LETTERS), *("".join(pair) for pair in merges)]
        vocabulary = {piece: place for place, piece in enumerate(pieces)}
        return models.BPE(vocabulary, merges, unk_token="<unk>", end_of_word_suffix="</w>")
    if kind == "byte-bpe":
        merges = [("t", "h"), ("Ġ", "th"), ("Ġth", "e"), ("i", "l"), ("f", "il"), ("fil", "m")]
        alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
        pieces = [*special, *alphabet, *("".join(pair) for pair in merges)]
        return models.BPE({piece: place for place, piece in enumerate(pieces)}, merges)
    weighted = [*((piece, 0.0) for piece in special), *((f"▁{word}", -3.0) for word in _WORDS)]
    weighted += [("▁", -4.0), *((letter, -6.0) for letter in _LETTERS)]
    return models.Unigram(weighted, unk_id=special.index("<unk>"), byte_fallback=False)


@lru_cache(maxsize=16)
def _built(kind: str) -> Tokenizer:
    built = Tokenizer(_model(kind))
    if kind in ("wordpiece", "bpe"):
        built.normalizer = normalizers.BertNormalizer()
        built.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    else:
        byte_level = kind == "byte-bpe"
        built.pre_tokenizer = pre_tokenizers.ByteLevel(False) if byte_level else pre_tokenizers.Metaspace()
    if kind in _TEMPLATES:
        used = [token for token in _TEMPLATES[kind].split() if token != "$A"]
        built.post_processor = processors.TemplateProcessing(
            single=_TEMPLATES[kind], special_tokens=[(token, _SPECIAL[kind].index(token)) for token in used]
        )
    return built


def tokenizer(family: Family) -> PreTrainedTokenizerFast:
    """A tokenizer of the family's own kind, with the letters and some words of SENTENCES."""
    kind = _kind(family)
    copy = Tokenizer.from_str(_built(kind).to_str())
    return PreTrainedTokenizerFast(tokenizer_object=copy, padding_side=family.padding_side, **_ROLES[kind])


def fields(family: Family, layers: int = LAYERS, width: int = 16) -> dict[str, Any]:
    """The mini config shrunk further: `width` wide, `layers` layers, the vocabulary of `tokenizer`."""
    small = {128: width, 512: 2 * width, 64: width // 2}
    sizes = {name: small.get(value, value) for name, value in family.mini.items()}
    if "embedding_size" in sizes:
        sizes["embedding_size"] = width // 2  # ALBERT and ELECTRA project narrow embeddings: let them
    tokens = tokenizer(family)
    special = {
        name: getattr(tokens, name)
        for name in ("pad_token_id", "bos_token_id", "eos_token_id")
        if getattr(tokens, name) is not None
    }
    return {**sizes, **dict.fromkeys(family.shape.layers, layers), "vocab_size": len(tokens), **special}


def roughen(model: nn.Module, seed: int = 0) -> None:
    """Draw all weights anew from a wide distribution."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            noise = torch.randn(parameter.shape, generator=generator)
            norm = parameter.ndim == 1 and "weight" in name
            parameter.copy_(1 + 0.2 * noise if norm else 0.25 * noise)


def classifier(
    family: Family,
    *,
    layers: int = LAYERS,
    width: int = 16,
    labels: tuple[str, ...] = LABELS,
    seed: int = 0,
    **more: Any,
) -> LoadedModel:
    """A fine-tuned model with its tokenizer, as `models.load` would give it, in eval mode."""
    tokens = tokenizer(family)
    config = build_config(family, {**fields(family, layers, width), **more})
    if tokens.pad_token_id is None:
        tokens.pad_token = tokens.unk_token
    config.pad_token_id = tokens.pad_token_id
    torch.manual_seed(seed)
    model = build_classifier(config, labels)
    roughen(model, seed)
    return LoadedModel(Ref("path", family.key), family, model.eval(), tokens, "fine-tuned", labels)


def save(loaded: LoadedModel, folder: Path) -> Path:
    """Write the model as `save_pretrained` does; the first GPT without a padding token, as it is on the Hub."""
    loaded.model.save_pretrained(folder)
    tokenizer(loaded.family).save_pretrained(folder)
    return folder


def save_masked_lm(family: Family, folder: Path, seed: int = 0, **more: Any) -> Path:
    """A pre-trained model with the head that fills in masked words, as the Hub has them."""
    masked_lm(family, seed, **more).save_pretrained(folder)
    tokenizer(family).save_pretrained(folder)
    return folder


def masked_lm(family: Family, seed: int = 0, **more: Any) -> Any:
    """A model that fills in masked words, with rough weights."""
    model = AutoModelForMaskedLM.from_config(build_config(family, {**fields(family), **more}))
    roughen(model, seed)
    return model


def backbone(family: Family, seed: int = 0, **more: Any) -> Any:
    """The bare model with rough weights."""
    model = build_backbone(family, {**fields(family), **more})
    roughen(model, seed)
    return model.eval()


class Clock:
    """Stands in for the module `time`: no test has to wait, and a busy machine changes nothing."""

    def __init__(self) -> None:
        self.now = 1000.0

    def pass_by(self, seconds: float) -> None:
        self.now += seconds

    def monotonic(self) -> float:
        return self.now

    perf_counter = time = monotonic
