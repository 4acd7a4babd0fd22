"""More pre-training on unlabeled texts of the domain where the model shall work (arXiv:2004.10964): masked words.

It knows neither labels nor the number of labeled texts, so that all seeds and sizes of a run share it. Its weights lie
in the run's folder until the run is done: a second try goes on from them.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers import AutoModelForMaskedLM

from distill_core.errors import ModelError
from distill_core.files.whole import whole_file
from distill_core.jobs.supervised import answers_step, train_settings
from distill_core.machine import devices
from distill_core.machine.devices import Device
from distill_core.measure import flops
from distill_core.models.loading import LoadedModel
from distill_core.runs.control import JobContext
from distill_core.specs import FinetuneSpec
from distill_core.tasks import masked_words
from distill_core.training.loop import Hooks, fit


@dataclass(frozen=True)
class Backbone:
    """Weights below the head after more pre-training, and what that took. `is_shared`: an earlier training of the run
    has paid for it."""

    weights: dict[str, Tensor]
    train_s: float
    train_tflop: float
    is_shared: bool


@dataclass(frozen=True)
class Adapted:
    """The backbones of a run after more pre-training, one a domain."""

    spec: FinetuneSpec
    context: JobContext
    device: Device

    def backbone(self, domain: str, load: Callable[[], LoadedModel], texts: Sequence[str]) -> Backbone:
        """The weights below the head, for a model that will be fine-tuned on this domain.

        Raises ModelError for a family that does not learn from masked words.
        """
        file = self.context.run.adapted_dir / f"{hashlib.sha256(domain.encode()).hexdigest()[:16]}.safetensors"
        is_shared = file.is_file()
        if not is_shared:
            devices.seed_everything(self.spec.seed)
            loaded = load()
            took = adapt(loaded, texts, self.spec, self.device, self.context, file.stem)
            _save(loaded.model.base_model.state_dict(), took, file)
        with safe_open(file, "pt") as opened:
            took = opened.metadata() or {}
        return Backbone(load_file(file), float(took.get("train_s", 0)), float(took.get("train_tflop", 0)), is_shared)


def _save(weights: dict[str, Tensor], took: dict[str, str], file: Path) -> None:
    file.parent.mkdir(exist_ok=True)
    with whole_file(file) as new:
        save_file({name: tensor.cpu().contiguous() for name, tensor in weights.items()}, new, took)


def drop_adapted(context: JobContext) -> None:
    """Delete the backbones of a run that is done: each is as large as the model."""
    shutil.rmtree(context.run.adapted_dir, ignore_errors=True)


def adapt(
    loaded: LoadedModel, texts: Sequence[str], spec: FinetuneSpec, device: Device, context: JobContext, name: str
) -> dict[str, str]:
    """Train the backbone of `loaded` in place on masked words of these texts; `name` is that of its checkpoints.

    Returns what it took: `train_s` and `train_tflop`.

    Raises ModelError for a family that does not learn from masked words.
    """
    if loaded.tokenizer.mask_token_id is None or not loaded.family.fills_gaps:
        raise ModelError(f"{loaded.family.title} does not learn from masked words.", "Leave out the adapted arm.")
    model = AutoModelForMaskedLM.from_config(loaded.model.config)
    model.base_model.load_state_dict(loaded.model.base_model.state_dict(), strict=False)
    model.tie_weights()
    text = masked_words.masked_text(loaded, texts, spec.max_length)
    step = answers_step(masked_words.TASK, text, device)
    settings = replace(train_settings(spec, spec.seed), epochs=spec.adapt_epochs, evals_per_epoch=0)
    tokens = sum(text.lengths) * settings.epochs
    tflop = flops.training_tflop(model, tokens, tokens)
    hooks = Hooks(check=context.check, checkpoint_dir=context.run.checkpoint_dir / f"adapting-{name}")
    report = fit(model, text.lengths, step, settings, device, hooks)
    loaded.model.base_model.load_state_dict(model.base_model.state_dict(), strict=False)
    return {"train_s": str(report.train_s), "train_tflop": str(tflop)}
