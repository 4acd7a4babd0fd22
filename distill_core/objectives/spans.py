"""Span corruption: whole spans become one sentinel each, and the decoder writes what they stood for (T5)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Generator, nn

from distill_core.errors import ModelError
from distill_core.models.gaps import SHARE
from distill_core.objectives import draws, packing
from distill_core.objectives.batch import (
    IGNORED,
    Corrupted,
    Document,
    Objective,
    TeacherStates,
    gap_loss,
    pad,
    room,
    some,
)
from distill_core.objectives.masking import Span, budget
from distill_core.objectives.vocabulary import Vocabulary
from distill_core.training.losses import Loss

MEAN_SPAN = 3.0  # tokens (arXiv:1910.10683 §3.3.4)


def draw_spans(n: int, most: int, generator: Generator) -> list[Span]:
    """Spans of `n` tokens to drop: 15 % of the tokens, 3 on average, at most `most` spans (T5, §3.3.4).

    As in T5's code, kept and dropped tokens are each cut at random into pieces that take turns. Departure: there a row
    begins with a kept piece and ends with a dropped one, so that a short text would always lose its end; here a row may
    begin and end with either.
    """
    dropped = min(budget(n, generator, SHARE), max(1, n - 1))
    kept = n - dropped
    count = min(max(1, draws.rounded(dropped / MEAN_SPAN, generator)), dropped, kept + 1, most)
    stays = draws.composition(kept + 2, count + 1, generator)  # the first and the last piece may be empty
    spans, start = [], -1
    for stay, drop in zip(stays, draws.composition(dropped, count, generator), strict=False):
        spans.append((start + stay, start + stay + drop))
        start += stay + drop
    return spans


@dataclass(frozen=True)
class SpanCorruption(Objective):
    """The dropped spans (T5, arXiv:1910.10683 §3.1.4, figure 2):  L = −1/|y| Σ_t log p(y_t | y_{<t}, corrupted x)

        input   Thank you <extra_id_0> me to your party <extra_id_1> week </s>
        target  <extra_id_0> for inviting <extra_id_1> last <extra_id_2>

    The final sentinel ends the target. T5's code lets rows grow until they fill the length after corruption; here the
    length counts before it.
    """

    def corrupt(
        self, documents: Sequence[Document], vocabulary: Vocabulary, max_length: int, generator: Generator
    ) -> Corrupted:
        """Drop 15 % of the tokens in spans. See `Objective.corrupt`."""
        sentinels, end = vocabulary.sentinels, vocabulary.special("last")
        if len(sentinels) < 2:
            raise ModelError(
                f"The tokenizer has {len(sentinels)} sentinel tokens; span corruption needs at least 2.",
                "Add <extra_id_0> to <extra_id_99>.",
            )
        rows = some(packing.by_document(documents, room(max_length, 1)))
        seen, wanted, dropped = [], [], 0
        for row in rows:
            spans = draw_spans(len(row.ids), len(sentinels) - 1, generator)
            line, target, start = [], [], 0
            for sentinel, (first, last) in zip(sentinels, spans, strict=False):
                line += [*row.ids[start:first], sentinel]
                target += [sentinel, *row.ids[first:last]]
                start, dropped = last, dropped + last - first
            seen.append([*line, *row.ids[start:], end])
            wanted.append([*target, sentinels[len(spans)]])
        mask = pad([[1] * len(line) for line in seen], 0)
        decoder = pad([[vocabulary.pad, *target[:-1]] for target in wanted], vocabulary.pad)
        inputs = {"input_ids": pad(seen, vocabulary.pad), "attention_mask": mask, "decoder_input_ids": decoder}
        return Corrupted(inputs, {"labels": pad(wanted, IGNORED)}, rows, n_signal=dropped)

    def loss(self, module: nn.Module, corrupted: Corrupted, teacher_states: TeacherStates | None = None) -> Loss:
        """Mean cross-entropy of the target, its sentinels included. Nats."""
        total = gap_loss(module(**corrupted.inputs).logits, corrupted.targets["labels"])
        return Loss(total, {"spans": total})

    def restore(self, corrupted: Corrupted, vocabulary: Vocabulary) -> list[list[int]]:
        """Each sentinel of the input is replaced by what follows it in the target."""
        rows = []
        for line, target in zip(
            corrupted.inputs["input_ids"].tolist(), corrupted.targets["labels"].tolist(), strict=True
        ):
            spans: dict[int, list[int]] = {}
            for token in target:
                if token in vocabulary.sentinels:
                    spans[token] = []
                    open_span = spans[token]
                elif token != IGNORED:
                    open_span.append(token)
            text = line[: line.index(vocabulary.last)]
            rows.append([token for seen in text for token in spans.get(seen, [seen])])
        return rows

    def backbone(self, module: nn.Module) -> nn.Module:
        """Encoder, decoder and their shared embeddings as a T5Model with the same weights."""
        import transformers

        trained: Any = module
        with torch.device("meta"):
            kept: Any = transformers.T5Model(trained.config)
        kept.shared, kept.encoder, kept.decoder = trained.shared, trained.encoder, trained.decoder
        network: nn.Module = kept
        return network
