"""Texts and vocabularies for the tests of the objectives."""

from __future__ import annotations

from dataclasses import replace

import tiny
import torch

from distill_core import families
from distill_core.models.loading import build_config
from distill_core.objectives import table
from distill_core.objectives.vocabulary import Vocabulary

SENTINELS = 100
FIRST_WORD = 110  # the ids before are special tokens and sentinels


def tokenizer(key):
    """The tiny tokenizer of a family; T5 gets its sentinels."""
    made = tiny.tokenizer(families.get(key))
    if key == "t5":
        made.add_tokens([f"<extra_id_{number}>" for number in range(20)], special_tokens=True)
    return made


def config(key, **more):
    """The tiny config of a family, without dropout, so that two passes give the same numbers."""
    family = families.get(key)
    made = build_config(family, {**tiny.fields(family, layers=2), **more})
    made.vocab_size = len(tokenizer(key))
    for name in vars(made).copy():
        if "dropout" in name or "drop" in name.split("_") or name.endswith("pdrop"):
            setattr(made, name, 0.0)
    return made


def module(key):
    """The network of an objective with rough weights."""
    built = table.get(key).build(config(key))
    tiny.roughen(built)
    return built.eval()


def tiny_documents(key):
    """Real sentences through the tiny tokenizer: three documents of two or three sentences."""
    encode = tokenizer(key)
    lines = [encode(text, add_special_tokens=False)["input_ids"] for text in tiny.SENTENCES]
    return [lines[:3], lines[3:5], lines[5:]]


def vocabulary(key, **more):
    """The vocabulary of the tiny tokenizer."""
    return replace(Vocabulary.of(tokenizer(key), families.get(key)), **more)


def wide_vocabulary(size=5000):
    """A vocabulary without a tokenizer: one token in three goes on with the word before it."""
    starts = torch.arange(size) % 3 != 0
    return Vocabulary(
        size=size,
        pad=0,
        unk=1,
        mask=4,
        first=2,
        last=3,
        sentinels=tuple(range(5, 5 + SENTINELS)),
        starts_word=starts,
        ends_word=torch.zeros(size, dtype=torch.bool),
    )


def long_documents(n_tokens=100_000, sentence=20, document=400, seed=5):
    """Documents of random tokens; no token is a special one."""
    ids = torch.randint(FIRST_WORD, 5000, (n_tokens,), generator=torch.Generator().manual_seed(seed)).tolist()
    whole = [ids[start : start + document] for start in range(0, n_tokens, document)]
    return [[one[start : start + sentence] for start in range(0, len(one), sentence)] for one in whole]


def generator(seed=0):
    return torch.Generator().manual_seed(seed)
