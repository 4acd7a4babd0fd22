"""Transfer experiments made by hand for tests: the numbers are invented, and never leave the tests."""

from __future__ import annotations

import math

import pandas as pd
from sample_training import ENDED, ENVIRONMENT, STARTED

from distill_core.results import FinetuneArmResult, FinetuneResult, Movement
from distill_core.runs.run import Run
from distill_core.runs.store import RunStore
from distill_core.specs import FinetuneSpec

LABELS = ("negative", "positive")
DOMAINS = ("movies", "amazon", "nyt", "tweets")
TOTAL = 22_713_986
TRAINED = {
    "head": 148_610,
    "top1": 1_923_074,
    "top2": 3_697_538,
    "top4": 7_246_466,
    "pretrained": TOTAL,
    "lora": 701_186,
}
_TOP = {"pretrained": 0.86, "frozen": 0.79, "scratch": 0.7, "bow": 0.76}
_SLOPE = {"pretrained": 0.035, "frozen": 0.045, "scratch": 0.05, "bow": 0.075}


def cell(arm: str, n: int, seed: int = 0, **more: object) -> FinetuneArmResult:
    """One result with an interval of ±2.5 points."""
    value = float(more.pop("accuracy", _accuracy(arm, n, seed)))  # type: ignore[arg-type]
    trained = TRAINED.get(arm, TOTAL if arm == "scratch" else 770)
    values = {
        "arm": arm,
        "train_examples": n,
        "seed": seed,
        "accuracy": value,
        "ci_low": value - 0.025,
        "ci_high": value + 0.025,
        "n_eval": 1037,
        "train_s": _seconds(arm, n),
        "params": TOTAL,
        "train_tflop": None if arm == "bow" else 0.0 if arm == "zero-shot" else n * 0.003,
        "params_trained": trained,
        "dataset": "movies",
        "test_dataset": "movies",
        **more,
    }
    return FinetuneArmResult.model_validate(values)


def _accuracy(arm: str, n: int, seed: int) -> float:
    if arm not in _TOP:
        return 0.61
    return _TOP[arm] - _SLOPE[arm] * math.log2(8000 / n) / 1.5 + 0.01 * (seed - 1)


def _seconds(arm: str, n: int) -> float:
    return {"bow": n * 1e-4, "zero-shot": 0.0, "frozen": n * 0.01}.get(arm, n * 0.06)


def movement(n: int = 60) -> Movement:
    """Two classes that lie in each other before, and apart after; the highest layer moved most."""
    before = tuple((math.cos(i * 2.4) * (i % 7) / 4, math.sin(i * 2.4) * (i % 5) / 3) for i in range(n))
    after = tuple((x * 0.5 + (1.5 if i % 2 else -1.5), y * 0.5) for i, (x, y) in enumerate(before))
    layers = ("embeddings", *(f"layer {i}" for i in range(1, 7)))
    return Movement(
        layers=layers,
        cka=(0.998, 0.99, 0.97, 0.93, 0.84, 0.66, 0.41),
        before=before,
        after=after,
        labels=tuple(i % 2 for i in range(n)),
    )


def run_with(
    store: RunStore, rows: list[FinetuneArmResult], state: str = "done", moved: Movement | None = None, **spec: object
) -> Run:
    """A fine-tuning with this spec and these rows."""
    run = store.create(FinetuneSpec.model_validate(spec))
    run.set_environment(ENVIRONMENT)
    dataset = str(spec.get("dataset", "movies"))
    if rows:
        run.set_result(
            FinetuneResult(model="minilm", dataset=dataset, label_names=LABELS, arms=tuple(rows), moved=moved)
        )
    values: dict[str, object] = {"state": state, "progress": 1.0 if state == "done" else 0.4, "started_at": STARTED}
    if state in ("done", "failed", "stopped"):
        values["ended_at"] = ENDED
    run.set_state(**values)
    return run


def curves_run(
    store: RunStore,
    state: str = "done",
    sizes: tuple[int, ...] = (25, 200, 1000, 4000),
    seeds: int = 3,
    arms: tuple[str, ...] = ("pretrained", "frozen", "scratch", "bow", "zero-shot"),
) -> Run:
    """A learning curve; while it is running only its first seed is there."""
    done = range(seeds if state == "done" else 1)
    rows = [cell(arm, n, seed) for seed in done for n in sizes for arm in arms]
    return run_with(store, rows, state, movement(), train_examples=sizes, arms=arms, seeds=seeds)


def unfreeze_run(store: RunStore, decay: float = 1.0, lift: float = 0.0) -> Run:
    """Depths against accuracy; `lift` is added to all of them."""
    found = {"head": 0.72, "top1": 0.775, "top2": 0.8, "top4": 0.815, "pretrained": 0.82, "lora": 0.812}
    rows = [cell(arm, 1000, accuracy=value + lift) for arm, value in found.items()]
    return run_with(store, rows, arms=tuple(found), train_examples=(1000,), layer_lr_decay=decay)


def domains_run(store: RunStore, arms: tuple[str, ...] = ("pretrained", "adapted", "bow")) -> Run:
    """A matrix of four domains; a bag of words from movies fails on tweets."""
    base = {"pretrained": 0.84, "adapted": 0.85, "bow": 0.78}
    rows = [
        cell(
            arm,
            2000,
            accuracy=base[arm] - 0.06 * abs(i - j) - (0.02 * j if arm == "bow" and i != j else 0.0),
            dataset=train,
            test_dataset=test,
            n_eval=(1037, 375, 249, 325)[j],
        )
        for i, train in enumerate(DOMAINS)
        for arm in arms
        for j, test in enumerate(DOMAINS)
    ]
    return run_with(store, rows, moved=movement(), domains=DOMAINS, arms=arms, train_examples=(2000,))


def keep_answers(run: Run, arm: str = "pretrained") -> pd.DataFrame:
    """Let a run with DOMAINS have kept what its models said about 30 texts of each domain; every third is positive.

    A model from home is right on all but the last two texts, a foreign one on all that hold no "odd": these are the
    first ten, the long ones. Of the last two it gets one right.
    """
    rows = []
    for domain in DOMAINS:
        for i in range(30):
            text = f"{domain} <b>{i}</b> " + ("odd words " * 6 if i < 10 else "plain")
            label = int(i % 3 == 0)
            row: dict[str, object] = {"domain": domain, "text": text, "label": label}
            for train in DOMAINS:
                is_right = i < 28 if train == domain else i >= 10 and i != 29
                size = (2.0 + i / 10) * (1 if bool(label) == is_right else -1)
                row |= {f"{arm}-{train}: logit 0": -size, f"{arm}-{train}: logit 1": size}
            rows.append(row)
    frame = pd.DataFrame(rows)
    frame.to_parquet(run.domain_predictions_file, index=False)
    return frame
