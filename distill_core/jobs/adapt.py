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

from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers import AutoModelForMaskedLM

from distill_core.errors import ModelError
from distill_core.files.whole import whole_file
from distill_core.jobs.supervised import answers_step, train_settings
from distill_core.machine import devices
from distill_core.machine.devices import Device
from distill_core.models.loading import LoadedModel
from distill_core.runs.control import JobContext
from distill_core.specs import FinetuneSpec
from distill_core.tasks import masked_words
from distill_core.training.loop import Hooks, fit


@dataclass(frozen=True)
class Adapted:
    """The backbones of a run after more pre-training, one a domain."""

    spec: FinetuneSpec
    context: JobContext
    device: Device

    def weights(self, domain: str, load: Callable[[], LoadedModel], texts: Sequence[str]) -> dict[str, Tensor]:
        """The weights below the head, for a model that will be fine-tuned on this domain.

        Raises ModelError for a family that does not learn from masked words.
        """
        file = self.context.run.adapted_dir / f"{hashlib.sha256(domain.encode()).hexdigest()[:16]}.safetensors"
        if not file.is_file():
            devices.seed_everything(self.spec.seed)
            loaded = load()
            adapt(loaded, texts, self.spec, self.device, self.context, file.stem)
            _save(loaded.model.base_model.state_dict(), file)
        return load_file(file)


def _save(weights: dict[str, Tensor], file: Path) -> None:
    file.parent.mkdir(exist_ok=True)
    with whole_file(file) as new:
        save_file({name: tensor.cpu().contiguous() for name, tensor in weights.items()}, new)


def drop_adapted(context: JobContext) -> None:
    """Delete the backbones of a run that is done: each is as large as the model."""
    shutil.rmtree(context.run.adapted_dir, ignore_errors=True)


def adapt(
    loaded: LoadedModel, texts: Sequence[str], spec: FinetuneSpec, device: Device, context: JobContext, name: str
) -> None:
    """Train the backbone of `loaded` in place on masked words of these texts; `name` is that of its checkpoints.

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
    hooks = Hooks(check=context.check, checkpoint_dir=context.run.checkpoint_dir / f"adapting-{name}")
    fit(model, text.lengths, step, settings, device, hooks)
    loaded.model.base_model.load_state_dict(model.base_model.state_dict(), strict=False)
