"""Masked words: one question a gap, and the whole vocabulary to choose from. No labels, no task: raw text alone.

This is the task of DistilBERT's general distillation (arXiv:1910.01108 §2–3): what learns it is a smaller pre-trained
model, to be fine-tuned.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
import torch
from torch import Generator, Tensor, nn
from transformers import AutoModelForMaskedLM, PretrainedConfig, PreTrainedModel

from distill_core.datasets.dataset import Dataset
from distill_core.errors import DataError
from distill_core.model_ref import Ref
from distill_core.models import loading
from distill_core.models.gaps import gap_answers, mask_tokens
from distill_core.models.loading import LoadedModel
from distill_core.models.tokens import ASKED, IGNORED, Batch, Encoded, PerToken, sorted_batches
from distill_core.runs.store import RunStore
from distill_core.tasks import facts as task_facts
from distill_core.tasks.base import Task, texts_of

PROBE_TEXTS = 200  # validation texts for the live curve; the report is made on the test split
PROBE_SEED = 1


@dataclass(frozen=True)
class MaskedText(Encoded):
    """Texts whose gaps are drawn anew whenever they are asked: without a generator from torch's global one, which
    checkpoints hold."""

    mask_id: int = 0
    n_tokens: int = 0
    special: tuple[int, ...] = ()

    @property
    def token_ids(self) -> None:
        """Any token may come: one in ten of the hidden ones becomes a random one."""
        return None

    def ask(
        self, indices: Sequence[int], device: torch.device | str = "cpu", generator: Generator | None = None
    ) -> Batch:
        """The texts at these indices with some words hidden, which are asked."""
        inputs = self.batch(indices)
        ids = inputs["input_ids"]
        maskable = inputs["attention_mask"].bool() & ~torch.isin(ids, torch.tensor(self.special))
        masked = mask_tokens(ids, maskable, self.mask_id, self.n_tokens, generator=generator)
        gaps = masked.labels != IGNORED
        inputs = {name: tensor.to(device) for name, tensor in {**inputs, "input_ids": masked.input_ids}.items()}
        return Batch(inputs, masked.labels[gaps], tuple(gaps.sum(-1).tolist()), gaps.to(device))

    def masked_once(self, batch_size: int, seed: int) -> Encoded:
        """The same texts, the shorter ones first, with gaps that stay."""
        generator = torch.Generator().manual_seed(seed)
        ids: list[Tensor] = []
        gaps: list[Tensor] = []
        targets: list[Tensor] = []
        for indices in sorted_batches(self.lengths, batch_size):
            batch = self.ask(indices, generator=generator)
            real, places = batch.inputs["attention_mask"].bool(), batch.places
            ids += [row[words] for row, words in zip(batch.inputs["input_ids"], real, strict=True)]
            gaps += [row[words].long() for row, words in zip(places, real, strict=True)] if places is not None else []
            targets += batch.by_text(batch.targets)
        return Encoded(tuple(ids), self.pad_id, self.padding_side, {ASKED: PerToken(tuple(gaps))}, tuple(targets))


def masked_text(loaded: LoadedModel, texts: Sequence[str], max_length: int) -> MaskedText:
    """These texts as the model reads them, some words hidden. Raises ModelError beyond its positions."""
    encoded, tokenizer = loaded.encode(texts, max_length), loaded.tokenizer
    return MaskedText(
        encoded.ids,
        encoded.pad_id,
        encoded.padding_side,
        cut=encoded.cut,
        mask_id=tokenizer.mask_token_id,
        n_tokens=len(tokenizer),
        special=tuple(tokenizer.all_special_ids),
    )


class MaskedWords(Task):
    """A masked language model: its logits are (gaps, vocabulary), computed at the gaps alone."""

    facts = task_facts.get("masked-words")
    eval_batch = 32  # a row of logits for each gap is as long as the vocabulary
    reads_fast = False  # its numbers are compared with those of earlier runs, digit by digit

    def teacher(self, ref: Ref, dataset: Dataset, store: RunStore) -> LoadedModel:
        return loading.load_masked_lm(ref, store)

    def learner(self, ref: Ref, dataset: Dataset, store: RunStore) -> LoadedModel:
        return loading.load_masked_lm(ref, store)

    def head(self, config: PretrainedConfig) -> PreTrainedModel:
        return AutoModelForMaskedLM.from_config(config)

    def encode(self, loaded: LoadedModel, frame: pd.DataFrame, max_length: int) -> MaskedText:
        return masked_text(loaded, texts_of(frame), max_length)

    def probe(self, loaded: LoadedModel, frame: pd.DataFrame, max_length: int) -> Encoded:
        """Texts that are masked once, so that every model fills in the same gaps."""
        return self.encode(loaded, frame, max_length).masked_once(self.eval_batch, PROBE_SEED)

    def test_rows(self, dataset: Dataset, limit: int) -> pd.DataFrame:
        frame = dataset.split("test")
        if frame.empty:
            raise DataError(f"{dataset.title} has no test texts.", "Give more texts: one in ten is kept for the test.")
        return frame.head(limit or len(frame))

    def validation_rows(self, dataset: Dataset) -> pd.DataFrame:
        return dataset.split("validation").head(PROBE_TEXTS)

    def forward(self, model: nn.Module, batch: Batch, **more: Any) -> Any:
        """The output of the model, with `logits` at the gaps alone."""
        nowhere = torch.zeros_like(batch.inputs["input_ids"], dtype=torch.bool)
        return gap_answers(model, batch.inputs, nowhere if batch.places is None else batch.places, **more)

    def asked(self, output: Any, batch: Batch) -> Tensor:
        logits: Tensor = output.logits
        return logits


TASK = MaskedWords()
