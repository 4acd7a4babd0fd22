"""Frozen features: the mean-pooled last hidden states of a network that does not learn, computed once a text."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from distill_core.machine.devices import Device
from distill_core.measure import flops
from distill_core.models import parameters
from distill_core.models.loading import LoadedModel
from distill_core.models.tokens import sorted_batches
from distill_core.training.speed import fast

BATCH = 64


class FrozenFeatures:
    """Features of texts by the network below the head; a text that was seen before costs nothing."""

    def __init__(self, loaded: LoadedModel, max_length: int, device: Device, check: Callable[[], None]) -> None:
        self._model = loaded.model.base_model  # without a head, where it has one
        self._model.eval().to(device.torch_device)
        self.loaded, self._max_length, self._device, self._check = loaded, max_length, device, check
        self._rows: dict[str, Tensor] = {}
        self._seconds: dict[str, float] = {}

    @property
    def params(self) -> int:
        return parameters.count(self._model)

    def tflop(self, texts: Sequence[str]) -> float:
        """10¹² floating-point operations of one pass over these texts."""
        tokens = sum(self.loaded.encode(texts, self._max_length).lengths)
        return flops.forward_tflop(self._model, tokens, len(texts))

    def seconds(self, texts: Sequence[str]) -> float:
        """What computing these texts took, however often they are used. Raises KeyError for one that was not."""
        return sum(self._seconds[text] for text in dict.fromkeys(texts))

    def known(self, texts: Sequence[str]) -> list[str]:
        """Those that have been computed already."""
        return [text for text in texts if text in self._rows]

    def of(self, texts: Sequence[str]) -> np.ndarray[Any, Any]:
        """Shape: (texts, width)."""
        self._compute([text for text in dict.fromkeys(texts) if text not in self._rows])
        return torch.stack([self._rows[text] for text in texts]).numpy()

    def _compute(self, texts: list[str]) -> None:
        if not texts:
            return
        encoded = self.loaded.encode(texts, self._max_length)
        with torch.inference_mode(), fast.memory():
            for indices in sorted_batches(encoded.lengths, BATCH):
                self._check()
                start = time.perf_counter()
                batch = encoded.batch(indices, self._device.torch_device)
                extra = {"decoder_input_ids": batch["input_ids"]} if self._model.config.is_encoder_decoder else {}
                hidden = self._model(**batch, **extra).last_hidden_state.float()  # (batch, seq, width)
                mask = batch["attention_mask"].unsqueeze(-1)  # (batch, seq, 1)
                pooled = ((hidden * mask).sum(1) / mask.sum(1)).cpu().clone()
                read = [texts[index] for index in indices]
                self._rows.update(zip(read, pooled, strict=True))
                self._seconds.update(dict.fromkeys(read, (time.perf_counter() - start) / len(read)))
