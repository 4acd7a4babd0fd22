"""What a pre-training needs to know of its lesson, whichever it is."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import nn
from transformers import PretrainedConfig, PreTrainedTokenizerFast

from distill_core.corpus.types import Corpus
from distill_core.families import Family
from distill_core.jobs.reporting import Reporter
from distill_core.machine.devices import Device
from distill_core.models import loading
from distill_core.results import ClozeLook
from distill_core.runs.control import JobContext
from distill_core.specs import PretrainSpec
from distill_core.training.loop import Step

BASE_WIDTH = 768
_IDS = ("pad_token_id", "bos_token_id", "eos_token_id")


@dataclass(frozen=True)
class Material:
    """What every lesson is made of."""

    spec: PretrainSpec
    family: Family
    tokenizer: PreTrainedTokenizerFast
    text: Corpus
    device: Device
    context: JobContext
    reporter: Reporter


@dataclass(frozen=True)
class Lesson:
    """One training: `step` on the examples whose lengths (tokens) are `lengths`, `epochs` times.

    `held_out(module)` gives the losses on text that is not read; `backbone()` the network to keep; `signals` counts the
    targets of the whole training, where that is known beforehand, and `counted()` the tokens and signals so far, where
    it is not. `bare()` is the network below its heads. `cloze(module)` is what it says about sentences with a gap;
    `looks`: how often it is asked, and the held-out loss measured. `by_kind(module)` is the held-out loss by what
    became of the asked tokens (`asked_tokens`).
    """

    module: nn.Module
    lengths: list[int]
    epochs: int
    step: Step
    held_out: Callable[[nn.Module], dict[str, float]]
    backbone: Callable[[], Any]
    bare: Callable[[], Any]
    signals: int | None = None
    cloze: Callable[[nn.Module], tuple[ClozeLook, ...]] | None = None
    counted: Callable[[], tuple[int, int]] | None = None
    looks: int | None = None
    unigram_nats: float | None = None
    asked_unigram_nats: float | None = None
    by_kind: Callable[[nn.Module], dict[str, float]] | None = None

    @property
    def tokens(self) -> int:
        """Tokens read in all."""
        return sum(self.lengths) * self.epochs


def mini_config(family: Family, tokenizer: PreTrainedTokenizerFast) -> PretrainedConfig:
    """The family's small configuration for this tokenizer, without dropout: what is learned once is not overlearned.

    First weights are drawn so that a layer's sums are as large as in the base model: the spread is
    0.02 · √(768 / width). With 0.02 alone, attention at width 128 is too weak to begin to learn. T5 scales by its
    widths itself. A tokenizer without a padding token (GPT) pads with its unknown one.
    """
    ids = {name: getattr(tokenizer, name) for name in _IDS if getattr(tokenizer, name) is not None}
    config = loading.build_config(family, {**family.mini, "vocab_size": len(tokenizer), **ids})
    if tokenizer.pad_token_id is None:
        config.pad_token_id = tokenizer.unk_token_id
    spread = 0.02 * math.sqrt(BASE_WIDTH / getattr(config, family.shape.width[0]))
    for name in {"initializer_range", "init_std"} & config.to_dict().keys():
        setattr(config, name, spread)
    for name in dropouts(config):
        setattr(config, name, 0.0)
    return config


def dropouts(config: PretrainedConfig) -> dict[str, float]:
    """The names and values of a config's dropout rates; the families spell them in ten ways."""
    return {name: value for name, value in config.to_dict().items() if "drop" in name and isinstance(value, float)}


def usual_dropout(config: PretrainedConfig, family: Family) -> PretrainedConfig:
    """The config with the family's own dropout rates, for the fine-tuning to come."""
    usual = dropouts(loading.build_config(family, family.mini))
    for name, value in usual.items():
        setattr(config, name, value)
    return config


def within_budget(lengths: list[int], tokens: int) -> tuple[int, int]:
    """How many of the texts to read, and how often, so that about `tokens` tokens are read in all."""
    total = sum(lengths)
    if total <= tokens:
        return len(lengths), max(1, round(tokens / total))
    read = 0
    for count, length in enumerate(lengths, start=1):
        read += length
        if read >= tokens:
            return count, 1
    return len(lengths), 1
