"""Samples per second beside other loops on the same card, and the share of the card's peak."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch

from benchmarks import contenders, toolkits
from benchmarks.card import facts, product
from benchmarks.card.budget import Deadline, OutOfTime, reason, released, synchronize
from benchmarks.card.learning import fine_tune
from benchmarks.card.lesson import Lesson, empty_cache, lesson
from benchmarks.card.plan import Plan
from benchmarks.workload import Material, Recipe
from distill_core.jobs.supervised import supervised_step
from distill_core.machine import devices
from distill_core.models import shapes, students
from distill_core.models.loading import LoadedModel
from distill_core.models.parameters import count_by_part
from distill_core.training import loop

_REPEATS = 3
CONTENDERS: dict[str, Callable[[Material], None]] = {
    "ours": contenders.ours,
    "trainer": toolkits.trainer,
    "textbrewer": toolkits.textbrewer_written_out,
}


def samples_per_s(plan: Plan, deadline: Deadline) -> dict[str, Any]:
    """Distillation from strings to the trained student, as benchmarks/distillation.py has it, in turns. In bfloat16
    too, but for TextBrewer, whose loop has no such option."""
    taken = lesson(plan)
    device = devices.resolve(plan.device.type)
    teacher, _ = fine_tune(taken, device, plan, deadline)
    formats = [str(dtype).removeprefix("torch.") for dtype in plan.dtypes[:2]]
    asked = [(name, dtype) for dtype in formats for name in CONTENDERS if (name, dtype) != ("textbrewer", "bfloat16")]
    seconds: dict[tuple[str, str], list[float]] = {key: [] for key in asked}
    errors: dict[tuple[str, str], str] = {}
    for repeat in range(1 if plan.small else _REPEATS):
        for name, dtype in asked:
            try:
                deadline.check()
                material = _material(taken, teacher, plan, dtype)
                with empty_cache(plan.folder / f"{name}-{dtype}-{repeat}"):
                    seconds[name, dtype].append(_timed(CONTENDERS[name], material, plan))
            except OutOfTime as error:
                errors.setdefault((name, dtype), reason(error))
            except Exception as error:  # noqa: BLE001 - one contender's failure is its own row
                errors[name, dtype] = reason(error)
            released(plan.device)
    rows = [_row(key, seconds[key], errors.get(key), len(taken.texts) * plan.epochs) for key in asked]
    return {"data": taken.source, "ratios": _ratios(rows), "rows": rows}


def _material(taken: Lesson, teacher: LoadedModel, plan: Plan, dtype: str) -> Material:
    there = students.n_layers(teacher.model.config)
    layers = shapes.spread_layers(there, max(1, there // 2))
    student = students.shallow_student(teacher.model, layers, copy_weights=True).to(plan.device).train()
    teacher.model.to(plan.device).eval()
    recipe = Recipe(
        examples=len(taken.texts),
        epochs=plan.epochs,
        student_layers=len(layers),
        teacher=taken.model,
        device=plan.device.type,
        dtype=dtype,
    )
    return Material(
        recipe, teacher, student, taken.texts, taken.labels, taken.test_texts, taken.test_labels, plan.folder
    )


def _timed(contender: Callable[[Material], None], material: Material, plan: Plan) -> float:
    torch.manual_seed(material.recipe.seed)
    synchronize(plan.device)
    start = time.perf_counter()
    contender(material)
    synchronize(plan.device)
    return time.perf_counter() - start


def _row(key: tuple[str, str], seconds: list[float], error: str | None, samples: int) -> dict[str, Any]:
    row: dict[str, Any] = {"contender": key[0], "dtype": key[1], "repeats": len(seconds)}
    if not seconds:
        return {**row, "error": error or "not measured"}
    return {**row, "seconds": seconds, "samples_per_s": samples / statistics.median(seconds)}


def _ratios(rows: list[dict[str, Any]]) -> dict[str, float | None]:
    """How many times as fast ours is, of medians in float32."""
    speed = {row["contender"]: row.get("samples_per_s") for row in rows if row["dtype"] == "float32"}
    ours = speed["ours"]
    return {
        f"ours_over_{name}": ours / other if ours and other else None for name, other in speed.items() if name != "ours"
    }


def share_of_peak(plan: Plan, deadline: Deadline) -> dict[str, Any]:
    """BERT-base trained in bfloat16 on full batches by the product's loop: 6 · N · tokens/s over the stated peak.

    N counts the weights that multiply each token: all but the embedding tables. Attention's own products (6 % more at
    128 tokens) are left out, so the share is a little too low.
    """
    dtype = str(plan.dtypes[1]).removeprefix("torch.")
    device = devices.resolve(plan.device.type, dtype)
    loaded = product.structure(plan, "bert", ("no", "yes"))
    batch_size, steps = (4, 3) if plan.small else (64, 40)
    encoded, labels = product.full_texts(loaded, batch_size * steps, plan.seq_len)
    step = supervised_step(encoded, labels, device)
    settings = loop.TrainSettings(epochs=1, batch_size=batch_size, learning_rate=1e-5, evals_per_epoch=0)
    warm_up = replace(settings, seed=1)
    hooks = loop.Hooks(check=deadline.check)
    loop.fit(loaded.model, encoded.lengths[: batch_size * 5], step, warm_up, device, hooks)
    synchronize(plan.device)
    start = time.perf_counter()
    loop.fit(loaded.model, encoded.lengths, step, settings, device, hooks)
    synchronize(plan.device)
    tokens_per_s = batch_size * steps * plan.seq_len / (time.perf_counter() - start)
    parts = count_by_part(loaded.model)
    n = sum(parts.values()) - parts["embeddings"]
    peak = facts.peak_of(facts.name_of(plan.device))
    tflops = 6 * n * tokens_per_s / 1e12
    return {
        "dtype": dtype,
        "batch_size": batch_size,
        "seq_len": plan.seq_len,
        "params_that_multiply": n,
        "tokens_per_s": tokens_per_s,
        "tflops": tflops,
        "peak_bf16_tflops": peak.tflops if peak else None,
        "share_of_peak": tflops / peak.tflops if peak else None,
        "large_product_tflops": _large_product_tflops(plan, deadline),
    }


def _large_product_tflops(plan: Plan, deadline: Deadline) -> float:
    """What one large product of bfloat16 matrices reaches here: 2 · n³ operations."""
    deadline.check()
    n = 256 if plan.small else 8192
    matrix = torch.randn(n, n, device=plan.device, dtype=torch.bfloat16)
    calls = 10
    for _ in range(3):
        matrix @ matrix
    synchronize(plan.device)
    start = time.perf_counter()
    for _ in range(calls):
        matrix @ matrix
    synchronize(plan.device)
    return 2 * n**3 * calls / (time.perf_counter() - start) / 1e12
