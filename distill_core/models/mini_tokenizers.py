"""A tokenizer of each family's own kind, trained on the corpus: small vocabularies for the small siblings.

The kinds are those of the papers: WordPiece in lower case (BERT, DistilBERT, ERNIE, ELECTRA), byte-pair encoding with
word ends (GPT, in lower case), on bytes (RoBERTa, BART), and unigram pieces with a mark for the space (T5, XLNet, and
ALBERT in lower case). Special tokens and their places are those of the official checkpoints, but for GPT's two ends.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast

from distill_core.families import Family
from distill_core.files.turns import turn
from distill_core.files.whole import whole_folder
from distill_core.settings import settings

VERSION = 1  # raise it when tokenizers are trained differently: older ones are then left alone
SENTINELS = 32  # T5's <extra_id_…>: one for each gap of a text of 128 tokens, and some to spare
_BERT_LIKE = {
    "pad_token": "[PAD]",
    "unk_token": "[UNK]",
    "cls_token": "[CLS]",
    "sep_token": "[SEP]",
    "mask_token": "[MASK]",
}
_ROBERTA_LIKE = {
    "bos_token": "<s>",
    "pad_token": "<pad>",
    "eos_token": "</s>",
    "unk_token": "<unk>",
    "cls_token": "<s>",
    "sep_token": "</s>",
    "mask_token": "<mask>",
}


@dataclass(frozen=True)
class _Kind:
    """`roles` name the special tokens; `template` is how one text is framed, with `pair` for two."""

    roles: dict[str, str]
    special: tuple[str, ...]
    template: str
    pair: str
    lower: bool = False


_KINDS: MappingProxyType[str, _Kind] = MappingProxyType(
    {
        "wordpiece": _Kind(
            _BERT_LIKE,
            ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"),
            "[CLS] $A [SEP]",
            "[CLS] $A [SEP] $B:1 [SEP]:1",
            lower=True,
        ),
        # The first GPT gets a start and an end token when it is fine-tuned (§3.3 of its paper); here from the
        # beginning, so that the token that its classifier reads is always the same one.
        "bpe": _Kind(
            {"unk_token": "<unk>", "bos_token": "<s>", "eos_token": "<e>"},
            ("<unk>", "<s>", "<e>"),
            "<s> $A <e>",
            "<s> $A <e> $B <e>",
            lower=True,
        ),
        "byte-bpe": _Kind(
            _ROBERTA_LIKE, ("<s>", "<pad>", "</s>", "<unk>", "<mask>"), "<s> $A </s>", "<s> $A </s> </s> $B </s>"
        ),
        "t5": _Kind(
            {"pad_token": "<pad>", "eos_token": "</s>", "unk_token": "<unk>"},
            ("<pad>", "</s>", "<unk>"),
            "$A </s>",
            "$A </s> $B </s>",
        ),
        "xlnet": _Kind(
            {
                "unk_token": "<unk>",
                "bos_token": "<s>",
                "eos_token": "</s>",
                "cls_token": "<cls>",
                "sep_token": "<sep>",
                "pad_token": "<pad>",
                "mask_token": "<mask>",
            },
            ("<unk>", "<s>", "</s>", "<cls>", "<sep>", "<pad>", "<mask>"),
            "$A <sep> <cls>:2",
            "$A <sep> $B:1 <sep>:1 <cls>:2",
        ),
        "albert": _Kind(
            {
                "pad_token": "<pad>",
                "unk_token": "<unk>",
                "cls_token": "[CLS]",
                "sep_token": "[SEP]",
                "mask_token": "[MASK]",
            },
            ("<pad>", "<unk>", "[CLS]", "[SEP]", "[MASK]"),
            "[CLS] $A [SEP]",
            "[CLS] $A [SEP] $B:1 [SEP]:1",
            lower=True,
        ),
    }
)


def shared(
    family: Family, texts: Iterable[str], digest: str, vocab_size: int, check: Callable[[], None] = lambda: None
) -> PreTrainedTokenizerFast:
    """The tokenizer of the family's kind for the text with this digest, trained once on this machine.

    Families of one kind share it, so that BERT's model can teach DistilBERT's word by word; and the trainers break ties
    by hash, so that training again would give other pieces. While another run trains it, `check` may raise to stop.
    """
    kind = _kind_of(family)
    folder = settings().cache_dir / "tokenizers" / f"v{VERSION}-{kind}-{vocab_size}-{digest[:16]}"
    with turn(folder, check):
        if not folder.is_dir():
            trained = train(family, texts, vocab_size)
            # without a lock, another may have been first
            with contextlib.suppress(FileExistsError), whole_folder(folder, replace=False) as new:
                trained.save_pretrained(new)
    tokenizer: PreTrainedTokenizerFast = PreTrainedTokenizerFast.from_pretrained(folder)
    return tokenizer


def _kind_of(family: Family) -> str:
    return family.key if family.tokenizer_kind == "unigram" else family.tokenizer_kind


def train(family: Family, texts: Iterable[str], vocab_size: int) -> PreTrainedTokenizerFast:
    """A tokenizer of the family's kind with at most `vocab_size` tokens, special ones included."""
    kind = _KINDS[_kind_of(family)]
    extra = tuple(f"<extra_id_{index}>" for index in range(SENTINELS)) if family.key == "t5" else ()
    tokenizer = _untrained(family.tokenizer_kind, kind)
    tokenizer.train_from_iterator(texts, _trainer(family.tokenizer_kind, kind, vocab_size - len(extra)))
    used = {part.partition(":")[0] for part in kind.pair.split()} - {"$A", "$B"}
    tokenizer.post_processor = processors.TemplateProcessing(
        single=kind.template,
        pair=kind.pair,
        special_tokens=[(token, tokenizer.token_to_id(token)) for token in sorted(used)],
    )
    more: dict[str, Any] = {"additional_special_tokens": list(extra)} if extra else {}
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        padding_side=family.padding_side,
        model_max_length=family.max_positions or 512,
        **kind.roles,
        **more,
    )


def _untrained(kind_name: str, kind: _Kind) -> Tokenizer:
    if kind_name == "wordpiece":
        tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
        tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
        tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        tokenizer.decoder = decoders.WordPiece()
    elif kind_name == "bpe":
        tokenizer = Tokenizer(models.BPE(unk_token="<unk>", end_of_word_suffix="</w>"))
        tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
        tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        tokenizer.decoder = decoders.BPEDecoder(suffix="</w>")
    elif kind_name == "byte-bpe":
        tokenizer = Tokenizer(models.BPE())
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
        tokenizer.decoder = decoders.ByteLevel()
    else:
        steps = [normalizers.NFKC(), normalizers.Replace("``", '"'), normalizers.Replace("''", '"')]
        tokenizer = Tokenizer(models.Unigram())
        tokenizer.normalizer = normalizers.Sequence([*steps, *([normalizers.Lowercase()] if kind.lower else [])])
        tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
        tokenizer.decoder = decoders.Metaspace()
    return tokenizer


def _trainer(kind_name: str, kind: _Kind, vocab_size: int) -> Any:
    common: dict[str, Any] = {
        "vocab_size": vocab_size,
        "special_tokens": list(kind.special),
        "show_progress": False,
    }
    if kind_name == "wordpiece":
        return trainers.WordPieceTrainer(**common, limit_alphabet=200)
    if kind_name == "bpe":
        return trainers.BpeTrainer(**common, end_of_word_suffix="</w>", limit_alphabet=200)
    if kind_name == "byte-bpe":
        return trainers.BpeTrainer(**common, initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()))
    return trainers.UnigramTrainer(**common, unk_token="<unk>")
