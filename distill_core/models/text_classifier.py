"""A text-to-text model as a classifier: T5 answers in words, and the likelihood of each answer is its logit."""

from __future__ import annotations

from typing import Any

import torch
from transformers.modeling_outputs import SequenceClassifierOutput


class TextClassifier(torch.nn.Module):
    """A text-to-text model as a classifier: the logit of a class is the log-likelihood of its answer word.

    Used for T5, which was fine-tuned to write "negative" or "positive" (arXiv:1910.10683 §2.4).
    """

    def __init__(self, model: Any, tokenizer: Any, words: tuple[str, ...]) -> None:
        super().__init__()
        self.model, self.config = model, model.config
        self.answers = [tokenizer(word, return_tensors="pt")["input_ids"] for word in words]

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor, **_: Any) -> Any:
        """Logits (batch, classes) from input_ids and attention_mask (batch, seq)."""
        encoder = self.model.get_encoder()(input_ids=input_ids, attention_mask=attention_mask)
        columns = []
        for answer in self.answers:
            labels = answer.to(input_ids.device).repeat(len(input_ids), 1)
            logits = self.model(encoder_outputs=encoder, attention_mask=attention_mask, labels=labels).logits
            picked = logits.log_softmax(-1).gather(-1, labels.unsqueeze(-1)).squeeze(-1)  # (batch, answer tokens)
            columns.append(picked.sum(-1))
        return SequenceClassifierOutput(logits=torch.stack(columns, dim=-1))
