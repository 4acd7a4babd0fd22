"""More pre-training on unlabeled texts of the domain where the model shall work (arXiv:2004.10964): masked words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import nn
from transformers import AutoModelForMaskedLM

from distill_core import losses, objectives
from distill_core.control import JobContext
from distill_core.device import Device
from distill_core.errors import ModelError
from distill_core.jobs.supervised import train_settings
from distill_core.models import LoadedModel
from distill_core.specs import FinetuneSpec
from distill_core.training import Hooks, Loss, fit


def adapt(
    loaded: LoadedModel, texts: Sequence[str], spec: FinetuneSpec, here: Device, context: JobContext
) -> None:  # fmt: skip
    """Train the backbone of `loaded` in place on masked words of these texts.

    Raises ModelError for a family that does not learn from masked words.
    """
    if loaded.tokenizer.mask_token_id is None or loaded.family.architecture != "encoder":
        raise ModelError(f"{loaded.family.title} does not learn from masked words.", "Leave out the adapted arm.")
    model = AutoModelForMaskedLM.from_config(loaded.model.config)
    model.base_model.load_state_dict(loaded.model.base_model.state_dict(), strict=False)
    model.tie_weights()
    encoded = loaded.encode(texts, spec.max_length)
    special = torch.tensor(loaded.tokenizer.all_special_ids)

    def step(network: nn.Module, indices: Sequence[int]) -> Loss:
        batch = encoded.batch(indices)
        maskable = batch["attention_mask"].bool() & ~torch.isin(batch["input_ids"], special)
        masked = objectives.mask_tokens(
            batch["input_ids"], maskable, loaded.tokenizer.mask_token_id, len(loaded.tokenizer)
        )  # fmt: skip
        gaps = masked.labels != objectives.IGNORED
        logits = network(
            input_ids=masked.input_ids.to(here.torch_device),
            attention_mask=batch["attention_mask"].to(here.torch_device),
        ).logits[gaps.to(here.torch_device)]
        wanted = masked.labels[gaps].to(here.torch_device)
        return Loss(losses.hard_label_loss(logits, wanted) if len(wanted) else logits.sum() * 0, {})

    settings = replace(train_settings(spec, spec.seed), epochs=spec.adapt_epochs, evals_per_epoch=0)
    fit(model, encoded.lengths, step, settings, here, Hooks(check=context.check))
    loaded.model.base_model.load_state_dict(model.base_model.state_dict(), strict=False)
