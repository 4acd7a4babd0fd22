"""Learning on the card: to the CPU's accuracy, and through a pause, a stop and a resume."""

from __future__ import annotations

import contextlib
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.card.budget import Deadline, reason, released, synchronize
from benchmarks.card.lesson import Lesson, empty_cache, lesson, made_up
from benchmarks.card.plan import Plan
from distill_core import specs
from distill_core.jobs.supervised import supervised_step
from distill_core.machine import devices
from distill_core.machine.devices import Device
from distill_core.measure import evaluate
from distill_core.model_ref import parse
from distill_core.models import loading, shapes, students
from distill_core.models.loading import LoadedModel
from distill_core.runs.control import Stopped
from distill_core.runs.store import RunStore
from distill_core.training import distillation, loop, teacher_cache
from distill_core.training.distillation import DistillStep

MAX_LENGTH = 64
_BATCH = 32
_SEED = 0
_NOISE = 3.0  # a resumed training may lie this many times as far away as two undisturbed ones from each other


# ── to the CPU's accuracy ────────────────────────────────────────────────────────────────────────────────────────


def accuracies(plan: Plan, deadline: Deadline) -> dict[str, Any]:
    """Fine-tune, then distill half of the layers from the CPU's teacher: on the CPU, and on the device in each format.

    Dropout is drawn by the device's own generator, so that it is not the same training: a row is as on the CPU where
    the two 95 % intervals overlap.
    """
    taken = lesson(plan)
    cpu = devices.resolve("cpu")
    teacher, reference = fine_tune(taken, cpu, plan, deadline)
    rows = [{"task": "fine-tune", "device": "cpu", "dtype": "float32", **reference}]
    with empty_cache(plan.folder / "cpu"):
        student_reference = distill(taken, teacher, cpu, plan, deadline)
    rows.append({"task": "distill", "device": "cpu", "dtype": "float32", **student_reference})
    for dtype in plan.dtypes:
        device = devices.resolve(plan.device.type, str(dtype).removeprefix("torch."))
        named = {"device": device.type, "dtype": device.dtype}
        for task, expected in (("fine-tune", reference), ("distill", student_reference)):
            try:
                if task == "fine-tune":
                    _, found = fine_tune(taken, device, plan, deadline)
                else:
                    with empty_cache(plan.folder / device.dtype):
                        found = distill(taken, teacher, device, plan, deadline)
                found["as_on_cpu"] = found["ci_low"] <= expected["ci_high"] and expected["ci_low"] <= found["ci_high"]
            except Exception as error:  # noqa: BLE001 - one format's failure is its own row
                found = {"error": reason(error)}
            rows.append({"task": task, **named, **found})
            released(plan.device)
    return {
        "data": taken.source,
        "texts": len(taken.texts),
        "epochs": plan.epochs,
        "holds": all(row.get("as_on_cpu", "error" not in row) for row in rows),
        "rows": rows,
    }


def fine_tune(taken: Lesson, device: Device, plan: Plan, deadline: Deadline) -> tuple[LoadedModel, dict[str, Any]]:
    """A fine-tuned model, and its test accuracy with samples per second."""
    devices.seed_everything(_SEED)
    loaded = loading.load(parse(taken.model), RunStore(plan.folder), label_names=taken.label_names)
    encoded = loaded.encode(taken.texts, MAX_LENGTH)
    step = supervised_step(encoded, taken.labels, device)
    settings = replace(_settings(taken, plan), token_ids=encoded.token_ids)
    hooks = loop.Hooks(check=deadline.check)
    seconds = _timed(device, lambda: loop.fit(loaded.model, encoded.lengths, step, settings, device, hooks))
    return loaded, _judged(loaded, taken, device, seconds, plan)


def distill(taken: Lesson, teacher: LoadedModel, device: Device, plan: Plan, deadline: Deadline) -> dict[str, Any]:
    """A student of half of the teacher's layers: its test accuracy, and samples per second with the teacher's pass."""
    devices.seed_everything(_SEED)
    there = students.n_layers(teacher.model.config)
    layers = shapes.spread_layers(there, max(1, there // 2))
    model = students.shallow_student(teacher.model, layers, copy_weights=True)
    student = replace(teacher, model=model)
    teacher.model.to(device.torch_device)
    encoded = teacher.encode(taken.texts, MAX_LENGTH)
    settings = replace(_settings(taken, plan), token_ids=encoded.token_ids)
    spec = specs.DistillSpec(teacher=parse(taken.model), temperature=2.0, soft=0.5, hard=0.5)

    def learn() -> None:
        taught = teacher_cache.outputs(teacher.model, encoded, device, keep_hidden=False)
        labeled = torch.ones(len(taken.labels), dtype=torch.bool)
        lesson_of_teacher = distillation.Lesson(encoded, taken.labels, labeled, taught)
        step = DistillStep(spec, lesson_of_teacher, student, None, (), device)
        hooks = loop.Hooks(check=deadline.check)
        loop.fit(model, encoded.lengths, step, settings, device, hooks)
        step.close(model)

    seconds = _timed(device, learn)
    return _judged(student, taken, device, seconds, plan)


def _settings(taken: Lesson, plan: Plan) -> loop.TrainSettings:
    return loop.TrainSettings(
        epochs=plan.epochs,
        batch_size=_BATCH,
        learning_rate=taken.learning_rate,
        seed=_SEED,
        checkpoint_every_s=1e9,
        evals_per_epoch=0,
    )


def _timed(device: Device, work: Callable[[], object]) -> float:
    synchronize(device.torch_device)
    start = time.perf_counter()
    work()
    synchronize(device.torch_device)
    return time.perf_counter() - start


def _judged(loaded: LoadedModel, taken: Lesson, device: Device, seconds: float, plan: Plan) -> dict[str, Any]:
    logits = evaluate.predict(loaded.model, loaded.encode(taken.test_texts, MAX_LENGTH), device)
    found = evaluate.accuracy(logits, taken.test_labels)
    return {**found.model_dump(), "samples_per_s": len(taken.texts) * plan.epochs / seconds, "train_s": seconds}


# ── through a pause, a stop and a resume ─────────────────────────────────────────────────────────────────────────


def interruption(plan: Plan, deadline: Deadline) -> dict[str, Any]:
    """Two undisturbed trainings, one that pauses, and one that is stopped in its middle and resumed.

    Differences are the largest of any weight. Torch is asked for repeatable sums; where a kernel has none, two
    undisturbed trainings differ too, and a disturbed one may be as far away.
    """
    taken = made_up(plan.train_texts)
    device = devices.resolve(plan.device.type)
    n_steps = -(-len(taken.texts) // _BATCH) * plan.epochs
    with _repeatable():
        first = _weights(taken, device, plan, deadline.check)
        second = _weights(taken, device, plan, deadline.check)
        paused = _weights(taken, device, plan, _pausing(n_steps // 2, deadline))
        folder = plan.folder / "checkpoint"
        with contextlib.suppress(Stopped):
            _weights(taken, device, plan, _stopping(n_steps // 2), folder)
        stopped_at = sorted(path.name for path in folder.glob("step-*"))
        resumed = _weights(taken, device, plan, deadline.check, folder)
        shutil.rmtree(folder, ignore_errors=True)
    repeat = _farthest(first, second)
    found = {"paused": _farthest(first, paused), "resumed": _farthest(first, resumed)}
    return {
        "steps": n_steps,
        "checkpoints": stopped_at,
        "undisturbed_difference": repeat,
        "paused_difference": found["paused"],
        "resumed_difference": found["resumed"],
        "bitwise": repeat == 0 and not any(found.values()),
        "holds": bool(stopped_at) and all(gap <= _NOISE * repeat for gap in found.values()),
    }


def _weights(
    taken: Lesson, device: Device, plan: Plan, check: Callable[[], None], checkpoint_dir: Path | None = None
) -> dict[str, Tensor]:
    """The weights after a training of BERT's mini."""
    devices.seed_everything(_SEED)
    loaded = loading.load(parse(taken.model), RunStore(plan.folder), label_names=taken.label_names)
    encoded = loaded.encode(taken.texts, MAX_LENGTH)
    settings = replace(_settings(taken, plan), token_ids=encoded.token_ids)
    hooks = loop.Hooks(check=check, checkpoint_dir=checkpoint_dir)
    step = supervised_step(encoded, taken.labels, device)
    loop.fit(loaded.model, encoded.lengths, step, settings, device, hooks)
    return _on_cpu(loaded.model)


def _on_cpu(model: nn.Module) -> dict[str, Tensor]:
    return {name: weight.detach().cpu() for name, weight in model.named_parameters()}


def _pausing(at: int, deadline: Deadline) -> Callable[[], None]:
    """A check that holds one step up, as a pause does."""
    steps = iter(range(10**9))

    def check() -> None:
        deadline.check()
        if next(steps) == at:
            time.sleep(0.2)

    return check


def _stopping(at: int) -> Callable[[], None]:
    steps = iter(range(10**9))

    def check() -> None:
        if next(steps) == at:
            raise Stopped

    return check


def _farthest(first: dict[str, Tensor], second: dict[str, Tensor]) -> float:
    return max(float((weight - second[name]).abs().max()) for name, weight in first.items())


@contextlib.contextmanager
def _repeatable() -> Iterator[None]:
    """Kernels that give the same sums each time, where torch has them; a warning, not an error, where it has none."""
    before, warns = torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()
    torch.use_deterministic_algorithms(True, warn_only=True)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before, warn_only=warns)
