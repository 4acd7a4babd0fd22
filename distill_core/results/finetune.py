"""Transfer: each arm at each training size and seed, and what fine-tuning moved."""

from __future__ import annotations

from typing import Any, Literal

from distill_core.results.records import ErrorInfo, Record, Result


class FinetuneArmResult(Record):
    """One arm at one training size and seed, tested on one data set.

    `train_tflop`: floating-point operations of the training in units of 10¹², estimated as 6 · parameters · tokens for
    a full step and 2 for a forward pass (Kaplan et al., arXiv:2001.08361 §2.1), embeddings not counted.
    `train_examples` is what was asked for; `train_texts` what there was, None in an older result.
    """

    arm: str
    train_examples: int
    train_texts: int | None = None
    seed: int
    accuracy: float | None = None
    ci_low: float | None = None
    ci_high: float | None = None
    n_eval: int | None = None
    train_s: float | None = None
    train_tflop: float | None = None
    params: int | None = None
    params_trained: int | None = None
    dataset: str = ""
    test_dataset: str = ""
    error: ErrorInfo | None = None


class Movement(Record):
    """What fine-tuning moved, on some test texts. `cka` (one value a layer, embeddings first): linear CKA of the states
    before and after, 1 = nothing moved. `before` and `after`: texts in the plane of the two main axes (PCA)."""

    layers: tuple[str, ...]
    cka: tuple[float, ...]
    before: tuple[tuple[float, float], ...]
    after: tuple[tuple[float, float], ...]
    labels: tuple[int, ...]


class FinetuneResult(Result):
    kind: Literal["finetune"] = "finetune"
    model: str
    dataset: str
    label_names: tuple[str, ...] = ()
    arms: tuple[FinetuneArmResult, ...] = ()
    moved: Movement | None = None

    @property
    def classes(self) -> tuple[str, ...]:
        return self.label_names

    @property
    def measured(self) -> tuple[FinetuneArmResult, ...]:
        return self.arms

    def as_json(self, run_id: str) -> dict[str, Any]:
        return {"arms": [arm.model_dump() for arm in self.arms]}
