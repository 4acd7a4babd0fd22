"""A small model that has learned from raw text."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from distill_core.results.records import Accuracy, Record, Result


class Guess(Record):
    """A token with its probability (0–1)."""

    token: str
    probability: float


class ClozeLook(Record):
    """What a model said about one sentence with a gap after `tokens` tokens read.

    `guesses` are the likeliest tokens, and `probability` is that of `wanted`. For ELECTRA the sentence has a wrong
    word, `wanted`; `guesses` are its tokens in their order, each with the probability of being a replaced one.
    """

    tokens: int
    sentence: str
    wanted: str
    probability: float
    guesses: tuple[Guess, ...] = ()


class PretrainResult(Result):
    """A small model that has learned from raw text.

    `held_out` and `held_out_before`: each loss on sentences that were not read, after and before the training.
    `signals` counts the tokens (or, for embeddings, the sentences) that gave a target in all. `corpus_sha256` is of
    the whole corpus, of which `texts` texts were read. `unigram_nats`: the loss of one who knows nothing but how often
    each token occurs, on all unread tokens; `asked_unigram_nats` on those alone that the loss asks for, so that both
    can be compared. `held_out_by_kind`: the loss of masked words apart for tokens that were "masked", "replaced" by
    another and "kept" visible. Older results have neither. `linear_probe`: a linear classifier on the frozen network,
    learned from `probe_labels` labels of `probe_dataset`.
    """

    kind: Literal["pretrain"] = "pretrain"
    family: str
    lesson: Literal["objective", "embeddings"]
    params: int | None = None
    vocab_size: int | None = None
    texts: int | None = None
    tokens: int | None = None
    signals: int | None = None
    sources: tuple[str, ...] = ()
    corpus_sha256: str = ""
    held_out_before: dict[str, float] = Field(default_factory=dict)
    held_out: dict[str, float] = Field(default_factory=dict)
    unigram_nats: float | None = None
    asked_unigram_nats: float | None = None
    held_out_by_kind: dict[str, float] = Field(default_factory=dict)
    cloze: tuple[ClozeLook, ...] = ()
    probe_dataset: str = ""
    probe_labels: int | None = None
    linear_probe_before: Accuracy | None = None
    linear_probe: Accuracy | None = None
    train_s: float | None = None

    @property
    def measured(self) -> tuple[PretrainResult, ...]:
        """The one model, once it is trained."""
        return (self,) if self.train_s is not None else ()

    def as_json(self, run_id: str) -> dict[str, Any]:
        return {"model": f"run:{run_id}", **super().as_json(run_id)}
