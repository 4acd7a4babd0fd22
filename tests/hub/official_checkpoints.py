"""Small real checkpoints of the ten families, as files: made by the official classes, with tokenizers of each kind.

Base repositories look like today's (tokenizer.json); fine-tuned ones like those of 2020 (vocabulary files alone).
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sentencepiece
import torch
import transformers
from tokenizers import ByteLevelBPETokenizer, CharBPETokenizer
from tokenizers.implementations import BertWordPieceTokenizer

from distill_core.families import FAMILIES, Family

TEXTS = (
    "A fine film with a warm heart.",
    "The plot is dull and the jokes are flat.",
    "It moves, it sings, it stays.",
    "An empty, noisy and endless evening.",
    "Great actors make a small story shine!",
    "I wanted my two hours back.",
    "Not bad, but not good either: simply there.",
    "Charming, funny and wise from the first scene to the last.",
)
TOKENIZER_CLASSES = {
    "bert": "BertTokenizer",
    "gpt": "OpenAIGPTTokenizer",
    "roberta": "RobertaTokenizer",
    "t5": "T5Tokenizer",
    "xlnet": "XLNetTokenizer",
    "albert": "AlbertTokenizer",
    "distilbert": "DistilBertTokenizer",
    "ernie": "BertTokenizer",
    "electra": "ElectraTokenizer",
    "bart": "BartTokenizer",
}
_SMALL = {128: 32, 512: 64, 64: 16}
Files = dict[str, bytes]

transformers.logging.disable_progress_bar()


@dataclass(frozen=True)
class Checkpoint:
    """A repository's files, and the model that was saved in them."""

    family: Family
    files: Files
    model: Any


def base(family: Family, folder: Path) -> Checkpoint:
    """The bare model with its tokenizer.json, as the official repository has it."""
    return _make(family, folder, transformers.AutoModel, {}, vocabulary_alone=False)


def fine_tuned(family: Family, folder: Path) -> Checkpoint:
    """A sentiment classifier; for T5 the text-to-text model."""
    auto = transformers.AutoModelForSequenceClassification
    if family.key == "t5":
        auto = transformers.AutoModelForSeq2SeqLM
    return _make(family, folder, auto, {"num_labels": 2}, vocabulary_alone=True)


def _make(family: Family, folder: Path, auto: Any, fields: dict[str, Any], vocabulary_alone: bool) -> Checkpoint:
    folder.mkdir(parents=True)
    VOCABULARIES[family.tokenizer_kind](family, folder)
    vocabulary = {path.name for path in folder.iterdir()}
    tokenizer = getattr(transformers, TOKENIZER_CLASSES[family.key]).from_pretrained(folder)
    if not vocabulary_alone:
        for name in vocabulary:
            (folder / name).unlink()
        tokenizer.save_pretrained(folder)
    small = {name: _SMALL.get(value, value) for name, value in family.mini.items() if name != "max_position_embeddings"}
    special = {name: getattr(tokenizer, name) for name in ("pad_token_id", "bos_token_id", "eos_token_id")}
    known = {name: value for name, value in special.items() if value is not None}
    torch.manual_seed(7)
    config = getattr(transformers, family.config_class)(
        **{**family.official, **family.mini, **small, **known, **fields, "vocab_size": len(tokenizer)}
    )
    model = auto.from_config(config).eval()
    model.save_pretrained(folder)
    if fields:
        _write_labels(folder)
    return Checkpoint(family, {path.name: path.read_bytes() for path in sorted(folder.iterdir())}, model)


def _write_labels(folder: Path) -> None:
    """transformers 5.23 leaves two nameless classes out of config.json, and then reads three for BART."""
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    config |= {"id2label": {"0": "LABEL_0", "1": "LABEL_1"}, "label2id": {"LABEL_0": 0, "LABEL_1": 1}}
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")


def _wordpiece(family: Family, folder: Path) -> None:
    tokenizer = BertWordPieceTokenizer(lowercase=True)
    tokenizer.train_from_iterator(TEXTS, vocab_size=300, min_frequency=1, show_progress=False)
    tokenizer.save_model(str(folder))
    _config(folder, do_lower_case=True, model_max_length=512)


def _bpe(family: Family, folder: Path) -> None:
    tokenizer = CharBPETokenizer(lowercase=True)
    tokenizer.train_from_iterator(TEXTS, vocab_size=200, min_frequency=1, show_progress=False)
    tokenizer.save_model(str(folder))
    _config(folder, model_max_length=512)


def _byte_bpe(family: Family, folder: Path) -> None:
    tokenizer = ByteLevelBPETokenizer()
    special = ["<s>", "<pad>", "</s>", "<unk>"]  # the order matters: RoBERTa counts positions from the padding id
    tokenizer.train_from_iterator(TEXTS, 350, min_frequency=1, show_progress=False, special_tokens=special)
    tokenizer.add_special_tokens(["<mask>"])
    tokenizer.save_model(str(folder))
    vocabulary = json.loads((folder / "vocab.json").read_text(encoding="utf-8"))
    vocabulary["<mask>"] = len(vocabulary)
    (folder / "vocab.json").write_text(json.dumps(vocabulary, ensure_ascii=False), encoding="utf-8")
    _config(folder, model_max_length=512)


_UNIGRAM: dict[str, dict[str, Any]] = {
    "t5": {"pad_id": 0, "eos_id": 1, "unk_id": 2, "bos_id": -1},
    "xlnet": {
        "unk_id": 0,
        "bos_id": 1,
        "eos_id": 2,
        "pad_id": -1,
        "control_symbols": ["<cls>", "<sep>", "<pad>", "<mask>", "<eod>"],
        "user_defined_symbols": ["<eop>"],
    },
    "albert": {
        "pad_id": 0,
        "unk_id": 1,
        "bos_id": -1,
        "eos_id": -1,
        "pad_piece": "<pad>",
        "control_symbols": ["[CLS]", "[SEP]", "[MASK]"],
    },
}


def _unigram(family: Family, folder: Path) -> None:
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(TEXTS * 4),
        model_writer=model,
        vocab_size=120,
        hard_vocab_limit=False,
        minloglevel=2,
        num_threads=1,
        **_UNIGRAM[family.key],
    )
    (folder / "spiece.model").write_bytes(model.getvalue())
    _config(folder, model_max_length=512)


VOCABULARIES: dict[str, Callable[[Family, Path], None]] = {
    "wordpiece": _wordpiece,
    "bpe": _bpe,
    "byte-bpe": _byte_bpe,
    "unigram": _unigram,
}


def _config(folder: Path, **fields: Any) -> None:
    (folder / "tokenizer_config.json").write_text(json.dumps(fields), encoding="utf-8")


def everything(folder: Path) -> dict[str, Checkpoint]:
    """All official repositories of the ten families by Hub id."""
    made = {}
    for family in FAMILIES:
        made[family.hub_id] = base(family, folder / family.key)
        if family.sst2_hub_id is not None:
            made[family.sst2_hub_id] = fine_tuned(family, folder / f"{family.key}-sst2")
    return made
