"""A few plain sentences with a gap, put to a model while it learns: each family answers in the way it was trained.

Masked models fill the mask, GPT goes on after the beginning, T5 and BART write into the gap (the first token counts),
XLNet says the token from its place alone. ELECTRA sees a wrong word instead, and says of each token how likely it is
a replaced one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor, nn

from distill_core.objectives.permutation import visibility
from distill_core.objectives.vocabulary import Vocabulary
from distill_core.results import ClozeLook, Guess

TOP = 5
GAP = "___"


@dataclass(frozen=True)
class Probe:
    """`before` + `word` + `after` is the sentence; `wrong` takes the word's place for ELECTRA."""

    before: str
    word: str
    after: str
    wrong: str


PROBES = (
    Probe("It was one", "of", "the best days of the year.", "went"),
    Probe("The President of the United", "States", "spoke to the people.", "house"),
    Probe("She opened the", "door", "and went into the room.", "because"),
    Probe("They did not", "know", "what to do.", "king"),
    Probe("The king and the", "queen", "sat at the table.", "never"),
)


@dataclass(frozen=True)
class _Pieces:
    """A probe as token ids."""

    before: list[int]
    word: int
    after: list[int]
    wrong: int


def ask(
    key: str,
    network: nn.Module,
    tokenizer: Any,
    vocabulary: Vocabulary,
    *,
    tokens: int,
    probes: Sequence[Probe] = PROBES,
) -> tuple[ClozeLook, ...]:
    """What the network of an objective says about each probe, after `tokens` tokens read. It ends in eval mode."""
    network.eval()
    with torch.inference_mode():
        return tuple(_ask_one(key, network, tokenizer, vocabulary, probe, tokens) for probe in probes)


def _ask_one(key: str, network: Any, tokenizer: Any, vocabulary: Vocabulary, probe: Probe, tokens: int) -> ClozeLook:
    def ids(text: str) -> list[int]:
        return [int(token) for token in tokenizer(text, add_special_tokens=False)["input_ids"]]

    pieces = _Pieces(ids(probe.before), ids(probe.word)[0], ids(probe.after), ids(probe.wrong)[0])
    if key == "electra":
        return _judged(network, tokenizer, vocabulary, probe, pieces, tokens)
    shares = _SAY[key](network, vocabulary, pieces).float().softmax(-1)
    best = shares.topk(min(TOP, len(shares)))
    guesses = tuple(
        Guess(token=text_of(tokenizer, int(token)), probability=float(share))
        for share, token in zip(best.values, best.indices, strict=True)
    )
    seen = [probe.before, GAP] if key == "gpt" else [probe.before, GAP, probe.after]
    return ClozeLook(
        tokens=tokens,
        sentence=" ".join(seen),
        wanted=probe.word,
        probability=float(shares[pieces.word]),
        guesses=guesses,
    )


def text_of(tokenizer: Any, token: int) -> str:
    """A token as people read it."""
    return tokenizer.decode([token]).strip() or str(tokenizer.convert_ids_to_tokens(token))


# ── what each family says: logits over the vocabulary at the gap, shape (vocab,) ─────────────────────────────────


def _masked(network: Any, vocabulary: Vocabulary, pieces: _Pieces) -> Tensor:
    first, mask, last = (vocabulary.special(name) for name in ("first", "mask", "last"))
    out = network(_row(network, [first, *pieces.before, mask, *pieces.after, last]))
    logits: Tensor = out.prediction_logits if "prediction_logits" in out else out.logits
    return logits[0, 1 + len(pieces.before)]


def _causal(network: Any, vocabulary: Vocabulary, pieces: _Pieces) -> Tensor:
    logits: Tensor = network(_row(network, pieces.before)).logits
    return logits[0, -1]


def _span(network: Any, vocabulary: Vocabulary, pieces: _Pieces) -> Tensor:
    sentinel = vocabulary.sentinels[0]
    seen = _row(network, [*pieces.before, sentinel, *pieces.after, vocabulary.special("last")])
    logits: Tensor = network(seen, decoder_input_ids=_row(network, [vocabulary.pad, sentinel])).logits
    return logits[0, -1]


def _rewritten(network: Any, vocabulary: Vocabulary, pieces: _Pieces) -> Tensor:
    """BART's decoder has written the beginning, and says what comes at the mask."""
    first, mask, last = (vocabulary.special(name) for name in ("first", "mask", "last"))
    seen = _row(network, [first, *pieces.before, mask, *pieces.after, last])
    logits: Tensor = network(seen, decoder_input_ids=_row(network, [last, first, *pieces.before])).logits
    return logits[0, -1]


def _permuted(network: Any, vocabulary: Vocabulary, pieces: _Pieces) -> Tensor:
    """The gap is last in the order: it sees all other tokens, and none sees it."""
    mask, last, first = (vocabulary.special(name) for name in ("mask", "last", "first"))
    row = _row(network, [*pieces.before, mask, *pieces.after, last, first])
    perm_mask, target_mapping = visibility([[len(pieces.before)]], row.shape[1])
    logits: Tensor = network(
        row, perm_mask=perm_mask.to(row.device), target_mapping=target_mapping.to(row.device)
    ).logits
    return logits[0, 0]


_SAY: MappingProxyType[str, Callable[[Any, Vocabulary, _Pieces], Tensor]] = MappingProxyType(
    {
        "bert": _masked,
        "roberta": _masked,
        "albert": _masked,
        "distilbert": _masked,
        "ernie": _masked,
        "gpt": _causal,
        "t5": _span,
        "xlnet": _permuted,
        "bart": _rewritten,
    }
)


def _judged(
    network: Any, tokenizer: Any, vocabulary: Vocabulary, probe: Probe, pieces: _Pieces, tokens: int
) -> ClozeLook:
    """ELECTRA: every token with its probability of being a replaced one, in the order of the sentence."""
    text = [*pieces.before, pieces.wrong, *pieces.after]
    row = _row(network, [vocabulary.special("first"), *text, vocabulary.special("last")])
    shares = network.discriminator(row).logits[0, 1:-1].float().sigmoid().tolist()
    guesses = tuple(
        Guess(token=text_of(tokenizer, token), probability=share) for token, share in zip(text, shares, strict=True)
    )
    return ClozeLook(
        tokens=tokens,
        sentence=" ".join([probe.before, probe.wrong, probe.after]),
        wanted=probe.wrong,
        probability=shares[len(pieces.before)],
        guesses=guesses,
    )


def _row(network: nn.Module, ids: list[int]) -> Tensor:
    """One row on the network's device. Shape: (1, seq)."""
    return torch.tensor([ids], device=next(network.parameters()).device)
