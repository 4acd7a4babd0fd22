"""Transfer: each arm at each training size and seed, and what fine-tuning moved."""

from __future__ import annotations

from typing import Any, Literal

from distill_core.results.records import ErrorInfo, Record, Result


class FinetuneArmResult(Record):
    """One arm at one training size and seed, tested on one data set.

    `train_s` and `train_tflop` are what this arm would have cost alone: frozen features and more pre-training count
    in each row that needs them. `shared_s`: the part of `train_s` that an earlier row of the run had spent already.
    `train_tflop`: floating-point operations in units of 10¹² (`measure/flops.py`); None: not counted. Runs before
    version 0.2 have no `shared_s`, and leave shared work out.
    `steps` and `learning_rate` (the highest): of a training by gradient descent; older results have neither.
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
    shared_s: float | None = None
    steps: int | None = None
    learning_rate: float | None = None
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
