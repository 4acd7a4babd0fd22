"""A text-to-text model as a classifier: T5 answers in words, and its classes are some of them."""

from __future__ import annotations

from typing import Any

import torch
from transformers.modeling_outputs import SequenceClassifierOutput


class TextClassifier(torch.nn.Module):
    """A text-to-text model as a classifier: the score of a class is the log-likelihood of its answer word, in nats.

    Used for T5, which was fine-tuned to write "negative" or "positive" (arXiv:1910.10683 §2.4). These are no logits of
    a head: a score is at most 0, and exp(score) is the share of one word among all that the model might write. softmax
    divides by the sum of these shares, which gives the probabilities of the words where only they may be written. So
    the scores stand where others have logits, in a softmax at any temperature; their own size says how likely it is
    that the model writes one of the words at all.
    """

    def __init__(self, model: Any, tokenizer: Any, words: tuple[str, ...]) -> None:
        super().__init__()
        self.model, self.config = model, model.config
        self.answers = [tokenizer(word, return_tensors="pt")["input_ids"] for word in words]

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor, **_: Any) -> Any:
        """Scores (batch, classes), under the name `logits`, from input_ids and attention_mask (batch, seq)."""
        encoder = self.model.get_encoder()(input_ids=input_ids, attention_mask=attention_mask)
        scores = []
        for answer in self.answers:
            labels = answer.to(input_ids.device).repeat(len(input_ids), 1)
            logits = self.model(encoder_outputs=encoder, attention_mask=attention_mask, labels=labels).logits
            picked = logits.log_softmax(-1).gather(-1, labels.unsqueeze(-1)).squeeze(-1)  # (batch, answer tokens)
            scores.append(picked.sum(-1))
        return SequenceClassifierOutput(logits=torch.stack(scores, dim=-1))
