"""Replaced token detection: a small generator fills the gaps, the discriminator says which tokens are not the original
(ELECTRA)."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Generator, Tensor, nn

from distill_core.models.gaps import only_at
from distill_core.objectives import packing
from distill_core.objectives.batch import IGNORED, Corrupted, Document, Objective, TeacherStates, gap_loss, room, some
from distill_core.objectives.masking import chosen_tokens, lay_out, single_tokens, unmasked
from distill_core.objectives.vocabulary import Vocabulary
from distill_core.training.losses import Loss

WEIGHT = 50.0  # λ, of the discriminator's loss (arXiv:2003.10555 §2 and table 6)


class Electra(nn.Module):
    """Generator and discriminator with the same word, position and type embeddings (arXiv:2003.10555 §3.2)."""

    def __init__(self, config: Any) -> None:
        super().__init__()
        import transformers

        self.generator: Any = transformers.ElectraForMaskedLM(generator_config(config))
        self.discriminator: Any = transformers.ElectraForPreTraining(config)
        own, other = self.discriminator.electra.embeddings, self.generator.electra.embeddings
        for name in ("word_embeddings", "position_embeddings", "token_type_embeddings"):
            setattr(other, name, getattr(own, name))
        self.generator.generator_lm_head.weight = own.word_embeddings.weight  # tied, as in every masked model

    def forward(self, corrupted: Corrupted) -> Judged:
        """Both networks in one pass, so that training on several devices sees one module."""
        mask = corrupted.inputs["attention_mask"]
        with only_at(self.generator.generator_predictions, corrupted.targets["labels"] != IGNORED):
            generated = self.generator(**corrupted.inputs).logits
        seen, replaced = replace(corrupted, generated)
        return Judged(generated, self.discriminator(input_ids=seen, attention_mask=mask).logits, replaced)


class Judged(NamedTuple):
    """The generator's logits (gaps, vocab), the discriminator's (batch, seq), and where a token was replaced."""

    generated: Tensor
    judged: Tensor
    replaced: Tensor


def generator_config(config: Any) -> Any:
    """The generator's config: a third of the heads of the discriminator's size, at least one.

    So it is a third as wide, as in the paper's base model (table 6), and half as wide with two heads: within the 1/4 to
    1/2 that §3.2 finds best. Embeddings keep their width, since they are shared; a linear layer joins the two.
    """
    small = copy.deepcopy(config)
    heads = max(1, config.num_attention_heads // 3)
    small.num_attention_heads = heads
    small.hidden_size = config.hidden_size * heads // config.num_attention_heads
    small.intermediate_size = max(1, config.intermediate_size * heads // config.num_attention_heads)
    return small


def sample(logits: Tensor, noise: Tensor) -> Tensor:
    """Tokens drawn from softmax(logits) by uniform numbers (inverse of the distribution function).

    Shapes: (n, vocab), (n,) in [0, 1) → (n,).
    """
    cumulative = logits.float().softmax(-1).cumsum(-1)
    place = (noise.to(cumulative) * cumulative[:, -1]).unsqueeze(-1)
    return torch.searchsorted(cumulative, place, right=True).squeeze(-1).clamp(max=logits.shape[-1] - 1)


def replace(corrupted: Corrupted, generated: Tensor) -> tuple[Tensor, Tensor]:
    """What the discriminator sees, and True where a token is not the original.

    Shapes: generated (gaps, vocab) → (batch, seq) each.
    """
    labels, masked = corrupted.targets["labels"], corrupted.inputs["input_ids"]
    gaps = labels != IGNORED
    seen = masked.clone()
    seen[gaps] = sample(generated.detach(), corrupted.noise[gaps])
    return seen, gaps & (seen != labels)


@dataclass(frozen=True)
class ReplacedTokens(Objective):
    """Original or replaced, for every token (ELECTRA, arXiv:2003.10555 §2):

        L = L_MLM(generator) + λ · mean over all tokens of −[ y log D + (1 − y) log(1 − D) ],   λ = 50

    15 % of the tokens are masked; the generator learns to say them, and one token drawn from each of its answers
    replaces the original. A drawn token that happens to be the original counts as original. No gradient flows through
    the draw. As the paper says, all chosen tokens are masked (its code leaves some as they are), and as in its code
    [CLS] and [SEP] are judged too.
    """

    def corrupt(
        self, documents: Sequence[Document], vocabulary: Vocabulary, max_length: int, generator: Generator
    ) -> Corrupted:
        """The generator's input; what it draws there is decided by `noise`. See `Objective.corrupt`."""
        rows = some(packing.full_sentences(documents, room(max_length, 2)))
        laid = lay_out(rows, vocabulary)
        chosen = chosen_tokens(rows, laid, single_tokens, vocabulary, generator)
        labels = torch.where(chosen, laid.input_ids, torch.full_like(laid.input_ids, IGNORED))
        masked = torch.where(chosen, torch.full_like(laid.input_ids, vocabulary.special("mask")), laid.input_ids)
        noise = torch.rand(masked.shape, generator=generator)
        inputs = {"input_ids": masked, "attention_mask": laid.attention_mask}
        return Corrupted(inputs, {"labels": labels}, rows, n_signal=int(laid.text.sum()), noise=noise)

    def build(self, config: Any) -> nn.Module:
        """Generator and discriminator with random weights."""
        return Electra(config)

    def backbone(self, module: nn.Module) -> nn.Module:
        """The discriminator's network; the generator is thrown away (§2)."""
        electra: Any = module
        kept: nn.Module = electra.discriminator.electra
        return kept

    def kept(self, module: nn.Module) -> nn.Module:
        """The discriminator."""
        electra: Any = module
        discriminator: nn.Module = electra.discriminator
        return discriminator

    def loss(self, module: nn.Module, corrupted: Corrupted, teacher_states: TeacherStates | None = None) -> Loss:
        """The generator's cross-entropy and 50 times the discriminator's binary one. Nats.

        `base_rate` is no part of the sum: what `detection` would be for one who knows the share of replaced tokens
        alone.
        """
        found: Judged = module(corrupted)
        real, labels = corrupted.inputs["attention_mask"].bool(), corrupted.targets["labels"]
        judged, replaced = found.judged[real], found.replaced[real].to(found.judged.dtype)
        share = replaced.mean()
        parts = {
            "generator": gap_loss(found.generated, labels[labels != IGNORED]),
            "detection": F.binary_cross_entropy_with_logits(judged, replaced),
            "base_rate": -torch.xlogy(share, share) - torch.xlogy(1 - share, 1 - share),
        }
        return Loss(parts["generator"] + WEIGHT * parts["detection"], parts)

    def restore(self, corrupted: Corrupted, vocabulary: Vocabulary) -> list[list[int]]:
        """The generator's targets put back."""
        return unmasked(corrupted, vocabulary)
