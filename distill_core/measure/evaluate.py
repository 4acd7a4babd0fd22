"""How good is a model: accuracy with its interval, agreement with a teacher, inherited and repaired errors."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from distill_core.errors import DataError
from distill_core.machine.devices import Device
from distill_core.maths import intervals
from distill_core.models.asking import Asking
from distill_core.models.tokens import Encoded, sorted_batches
from distill_core.results import Accuracy
from distill_core.training.speed import fast


def wilson(correct: int, n: int) -> Accuracy:
    """Accuracy with its 95 % Wilson score interval. Raises DataError without texts."""
    interval = intervals.wilson(correct, n)
    if interval is None:
        raise DataError("An accuracy needs one text at least, got 0.", "Choose a data set with test texts.")
    return Accuracy(accuracy=correct / n, ci_low=interval[0], ci_high=interval[1], n_eval=n)


def predict(
    model: nn.Module,
    encoded: Encoded,
    device: Device,
    batch_size: int = 64,
    check: Callable[[], None] = lambda: None,
) -> Tensor:
    """Logits of all texts on the CPU, in their order. Shape: (texts, classes)."""
    was_training = model.training
    model.eval()
    logits: Tensor | None = None
    with torch.inference_mode(), fast.products(model):
        for indices in sorted_batches(encoded.lengths, batch_size):
            check()
            out = model(**encoded.batch(indices, device.torch_device)).logits.float().cpu()
            if logits is None:
                logits = torch.empty(len(encoded), out.shape[-1])
            logits[indices] = out
    model.train(was_training)
    return torch.empty(0, 0) if logits is None else logits.clone()


def answers(
    asking: Asking, model: nn.Module, encoded: Encoded, device: Device, check: Callable[[], None] = lambda: None
) -> tuple[Tensor, Tensor]:
    """Logits and right answers at all asked positions, text by text, on the CPU. (positions, choices), (positions,)."""
    was_training = model.training
    model.eval()
    found: list[Tensor] = [torch.empty(0)] * len(encoded)
    targets = list(found)
    with torch.inference_mode(), fast.products(model) if asking.reads_fast else contextlib.nullcontext():
        for indices in sorted_batches(encoded.lengths, asking.eval_batch):
            check()
            batch = encoded.ask(indices, device.torch_device)
            logits = asking.asked(asking.forward(model, batch), batch).float().cpu()
            pairs = zip(batch.by_text(logits), batch.by_text(batch.targets), strict=True)
            for index, (own, right) in zip(indices, pairs, strict=True):
                found[index], targets[index] = own, right
    model.train(was_training)
    if not found:
        return torch.empty(0, 0), torch.empty(0, dtype=torch.long)
    return torch.cat(found), torch.cat(targets)


def accuracy(logits: Tensor, labels: Tensor) -> Accuracy:
    """Accuracy of the most likely class. Shapes: (texts, classes), (texts,)."""
    return wilson(int((logits.argmax(-1) == labels).sum()), len(labels))


@dataclass(frozen=True)
class Agreement:
    """A student beside its teacher on the same texts; counts are texts."""

    agreement: float
    kl_to_teacher: float
    inherited_errors: int
    new_errors: int
    repaired_errors: int


def compare_with_teacher(student_logits: Tensor, teacher_logits: Tensor, labels: Tensor) -> Agreement:
    """How faithful the student is. Inherited: both wrong; new: only the student; repaired: only the teacher.

    `kl_to_teacher` = mean KL(teacher ‖ student) in nats at τ = 1.
    """
    student, teacher = student_logits.argmax(-1), teacher_logits.argmax(-1)
    student_wrong, teacher_wrong = student != labels, teacher != labels
    kl = F.kl_div(
        student_logits.log_softmax(-1), teacher_logits.log_softmax(-1), log_target=True, reduction="batchmean"
    )
    return Agreement(
        agreement=float((student == teacher).double().mean()),
        kl_to_teacher=float(kl),
        inherited_errors=int((student_wrong & teacher_wrong).sum()),
        new_errors=int((student_wrong & ~teacher_wrong).sum()),
        repaired_errors=int((~student_wrong & teacher_wrong).sum()),
    )
