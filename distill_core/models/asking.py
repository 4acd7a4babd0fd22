"""How a model is asked, and where in its output the answers stand. Every task asks in its own way (`tasks/`)."""

from __future__ import annotations

from typing import Any, Protocol

from torch import Tensor, nn

from distill_core.models.tokens import Batch


class Asking(Protocol):
    """One way to ask. `name` is what a model gives at each position.

    `eval_batch` texts are measured at once; `reads_fast` says whether matrix products may then take the fast path,
    which sums in another order.
    """

    name: str = "logits"
    eval_batch: int = 64
    reads_fast: bool = True

    def forward(self, model: nn.Module, batch: Batch, **more: Any) -> Any:
        """The model's output on these texts; `more` goes to the model."""
        return model(**batch.inputs, **more)

    def asked(self, output: Any, batch: Batch) -> Tensor:
        """What the output holds at the asked positions, text by text. Shape: (positions, choices)."""
        logits: Tensor = output.logits if batch.places is None else output.logits[batch.places]
        return logits


class _Plainly(Asking):
    """The model as it is: logits of each text, or of the tokens that are asked."""


PLAINLY = _Plainly()
