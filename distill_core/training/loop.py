"""The only training loop. What differs between jobs is one function: `step(model, indices) → Loss`.

AdamW, linear warm-up and decay, clipping, batches bucketed by length, every random choice from the seed. Device,
precision and several processes go through accelerate (`sharing.py`). A checkpoint holds all that the next step depends
on, so that a resumed run ends with the same weights as an undisturbed one (bitwise on a CPU).
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from distill_core.errors import RunError
from distill_core.machine.devices import Device
from distill_core.models.tokens import bucketed_batches
from distill_core.training import checkpoints, sharing
from distill_core.training.losses import Loss as Loss  # the jobs' step functions give it to `fit`
from distill_core.training.speed import fast

MOST_EVALS = 10  # in about one training: many short epochs shall not cost more to follow than to learn
FLUSH_EVERY_S = 0.5  # seconds between two points of the loss curve: reading a loss waits for the device


@dataclass(frozen=True)
class TrainSettings:
    """How to train. `evals_per_epoch` is how often `evaluate` is asked; 0 means never. `lr_scale` gives a parameter, by
    its name, a share of the learning rate. `token_ids` are all that the texts hold: other rows of the input embedding
    then cost nothing (`speed/fast.py`). None where other tokens may come."""

    epochs: int
    batch_size: int
    learning_rate: float
    warmup_fraction: float = 0.1
    weight_decay: float = 0.01
    max_grad_norm: float = 1.0
    seed: int = 0
    checkpoint_every_s: float = 30.0
    evals_per_epoch: int = 4
    lr_scale: Callable[[str], float] | None = None
    token_ids: tuple[int, ...] | None = None


@dataclass
class Progress:
    """What a listener is told: where training stands, and the means of the losses since the last time."""

    step: int
    total_steps: int
    epoch: float
    examples: int
    elapsed_s: float
    values: dict[str, float] = field(default_factory=dict)
    split: str = "train"


@dataclass(frozen=True)
class FitReport:
    """How a training ended. `train_s` counts optimization alone: no evaluation, no checkpoints."""

    steps: int
    examples: int
    train_s: float


Step = Callable[[nn.Module, Sequence[int]], Loss]
Listener = Callable[[Progress], None]


@dataclass
class Hooks:
    """What a job wants to know or decide while training goes on."""

    on_event: Listener = lambda progress: None
    evaluate: Callable[[nn.Module], dict[str, float]] | None = None
    check: Callable[[], None] = lambda: None
    checkpoint_dir: Path | None = None


def fit(
    model: nn.Module, lengths: Sequence[int], step: Step, settings: TrainSettings, device: Device, hooks: Hooks
) -> FitReport:
    """Train `model` in place on examples 0 … len(lengths) − 1; `lengths` (tokens) serve to bucket them.

    Raises:
        RunError: the loss is no longer a number.
        Stopped: the user stopped the run; a checkpoint was written first.
    """
    trainer = _Trainer(model, lengths, settings, device, hooks)
    try:
        trainer.resume()
        with fast.training(model):
            return trainer.run(step)
    finally:
        trainer.embedding.close()


class _Trainer:
    """One training: the state that a checkpoint holds, and the loop over it."""

    def __init__(
        self, model: nn.Module, lengths: Sequence[int], settings: TrainSettings, device: Device, hooks: Hooks
    ) -> None:
        self.settings, self.hooks, self.lengths = settings, hooks, lengths
        self.accelerator = sharing.accelerator_for(device)
        model.to(device.torch_device)
        self.embedding = fast.embedding(model, settings.token_ids)
        optimizer = torch.optim.AdamW(_parameter_groups(model, settings), lr=settings.learning_rate, fused=True)
        self.model, self.optimizer = self.accelerator.prepare(model, optimizer)
        self.steps_per_epoch = -(-len(lengths) // settings.batch_size)
        self.total_steps = self.steps_per_epoch * settings.epochs
        self.step_number, self.examples, self.train_s = 0, 0, 0.0
        self.started = self.last_checkpoint = self.last_flush = time.monotonic()
        self.sums: dict[str, Tensor] = {}
        self.n_summed = 0

    # ── the loop ─────────────────────────────────────────────────────────────────────────────────────────────

    def run(self, step: Step) -> FitReport:
        self.model.train()
        while self.step_number < self.total_steps:
            epoch, first = divmod(self.step_number, self.steps_per_epoch)
            batches = bucketed_batches(self.lengths, self.settings.batch_size, self.settings.seed, epoch)
            for indices in batches[first:]:
                self._check()
                self._one_step(step, indices)
                self._after_step(len(indices))
        self._flush()
        self.accelerator.unwrap_model(self.model, keep_fp32_wrapper=False)  # the model's own forward again
        return FitReport(self.step_number, self.examples, self.train_s)

    def _check(self) -> None:
        """Let the user pause or stop; a stop costs no step, since a checkpoint is written on the way out."""
        stop = sharing.stop_asked(self.accelerator, self.hooks.check)
        if stop is not None:
            self.save()
            raise stop

    def _one_step(self, step: Step, indices: Sequence[int]) -> None:
        start = time.perf_counter()
        self._set_learning_rate()
        share, weight = sharing.own_share(self.accelerator, indices)
        with self.accelerator.autocast():
            loss = step(self.model, share)
        self.accelerator.backward(loss.total if weight == 1 else loss.total * weight)
        sharing.average_outside(self.accelerator, self.model)
        trained = [parameter for parameter in self.model.parameters() if parameter.requires_grad]
        norm = self.accelerator.clip_grad_norm_(trained, self.settings.max_grad_norm)
        self.optimizer.step()
        if not self.optimizer.step_was_skipped:
            self.embedding.after_step(self.optimizer.param_groups)
        self.optimizer.zero_grad(set_to_none=True)
        values = {**loss.parts, "loss": loss.total, "grad_norm": norm}
        for name, value in sharing.of_all(self.accelerator, values, weight).items():
            self.sums[name] = self.sums[name] + value if name in self.sums else value
        self.n_summed += 1
        self.train_s += time.perf_counter() - start

    def _after_step(self, n: int) -> None:
        self.step_number += 1
        self.examples += n
        now = time.monotonic()
        if now - self.last_flush >= FLUSH_EVERY_S or self.step_number == 1:
            self._flush()
        every = self._eval_every()
        if self.hooks.evaluate and every and (self.step_number % every == 0 or self.step_number == self.total_steps):
            with self.embedding.whole(self.embedding.decay):
                values = self.hooks.evaluate(self.accelerator.unwrap_model(self.model))
            self._tell(values, "validation")
            self.model.train()
        if now - self.last_checkpoint >= self.settings.checkpoint_every_s and self.step_number < self.total_steps:
            self.save()

    def _eval_every(self) -> int:
        per_epoch = self.settings.evals_per_epoch
        return max(1, self.steps_per_epoch // per_epoch, self.total_steps // MOST_EVALS) if per_epoch else 0

    def _set_learning_rate(self) -> None:
        """Linear warm-up, then linear decay to 0 (BERT, arXiv:1810.04805 §A.2)."""
        warmup = round(self.settings.warmup_fraction * self.total_steps)
        if self.step_number < warmup:
            factor = (self.step_number + 1) / warmup
        else:
            factor = (self.total_steps - self.step_number) / max(1, self.total_steps - warmup)
        for group in self.optimizer.param_groups:
            group["lr"] = self.settings.learning_rate * factor * group["lr_scale"]

    # ── telling ──────────────────────────────────────────────────────────────────────────────────────────────

    def _flush(self) -> None:
        if not self.n_summed:
            return
        start = time.perf_counter()
        means = {name: float(total) / self.n_summed for name, total in self.sums.items()}
        self.train_s += time.perf_counter() - start  # an accelerator's steps are orders: here they are waited for
        self.sums, self.n_summed, self.last_flush = {}, 0, time.monotonic()
        if not math.isfinite(means["loss"]):
            raise RunError(
                f"The loss is no longer a number at step {self.step_number}.",
                f"Lower the learning rate (now {self.settings.learning_rate:g}).",
            )
        self._tell(means, "train")

    def _tell(self, values: dict[str, float], split: str) -> None:
        if self.accelerator.is_main_process:
            epoch = self.step_number / self.steps_per_epoch
            self.hooks.on_event(
                Progress(self.step_number, self.total_steps, epoch, self.examples, self.train_s, values, split)
            )

    # ── checkpoints ──────────────────────────────────────────────────────────────────────────────────────────

    def save(self) -> None:
        """Write a checkpoint; the one before is kept until this one is whole.

        Raises RunError instead when the loss is no longer a number: nobody could go on from such weights.
        """
        self._flush()
        self.last_checkpoint = time.monotonic()
        if self.hooks.checkpoint_dir is None or not self.accelerator.is_main_process:
            return
        position = {
            "step": self.step_number,
            "examples": self.examples,
            "train_s": self.train_s,
            "total_steps": self.total_steps,
            "seed": self.settings.seed,
            "decay": self.embedding.decay,
        }
        with self.embedding.whole(1):
            checkpoints.save(
                self.hooks.checkpoint_dir, self.accelerator.unwrap_model(self.model), self.optimizer.optimizer, position
            )

    def resume(self) -> None:
        """Go on from the newest whole checkpoint, if there is one for this very plan."""
        if self.hooks.checkpoint_dir is None:
            return
        model: Any = self.accelerator.unwrap_model(self.model)
        with self.embedding.whole(1):
            position = checkpoints.load(self.hooks.checkpoint_dir, model, self.optimizer.optimizer, self.total_steps)
        if position is not None:
            self.embedding.decay = float(position.get("decay", 1.0))
            self.step_number, self.examples = int(position["step"]), int(position["examples"])
            self.train_s = float(position["train_s"])


def _parameter_groups(model: nn.Module, settings: TrainSettings) -> list[dict[str, Any]]:
    """Matrices decay; biases and normalization weights do not (BERT, arXiv:1810.04805). One group a learning rate."""
    groups: dict[tuple[bool, float], list[nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            scale = settings.lr_scale(name) if settings.lr_scale else 1.0
            groups.setdefault((parameter.ndim >= 2, scale), []).append(parameter)
    return [
        {"params": parameters, "weight_decay": settings.weight_decay if decays else 0.0, "lr_scale": scale}
        for (decays, scale), parameters in groups.items()
    ]
