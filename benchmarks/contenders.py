"""The contenders: each trains `material.student` in place. Everything inside the function is timed, tokenizing too.

textbrewer           GeneralDistiller, as its examples use it: fixed padding, the teacher at every step
textbrewer-longest   the same, each batch padded to its longest text only
textbrewer-cached    BasicDistiller with is_caching_logits, fixed padding
torchdistill         KDLoss on hooked logits, padded to the batch's longest text, as its GLUE example does
trainer              a subclass of transformers.Trainer, texts grouped by length
ours-first           this project, with an empty cache: the teacher's pass and the writing are in the time
ours-second          this project, another student of the same teacher: digest and reading are in the time
ours-mkl             as ours-first, with torch's own matrix products where oneDNN's would be faster
ours-uncached        this project's loop with the teacher beside the student at every step: the reference
no-teacher           this project's loop on the labels alone: what no distillation can beat
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import nn

from benchmarks import toolkits
from benchmarks.workload import Material
from distill_core.jobs.supervised import supervised_step
from distill_core.models.loading import LoadedModel
from distill_core.terms import LossWeights
from distill_core.training import loop, losses, teacher_cache
from distill_core.training.distillation import DistillStep, Lesson
from distill_core.training.losses import Loss
from distill_core.training.speed import fast


def ours(material: Material) -> None:
    """What the distill job does for one arm, without its evaluations and checkpoints."""
    device, recipe = material.recipe.resolved(), material.recipe
    encoded = material.encode()
    taught = teacher_cache.outputs(material.teacher.model, encoded, device, keep_hidden=False)
    weights = LossWeights({"soft": recipe.soft, "hard": recipe.hard}, recipe.temperature)
    lesson = Lesson(encoded.answered(material.labels), taught)
    teacher = material.teacher
    student = LoadedModel(
        teacher.ref, teacher.family, material.student, teacher.tokenizer, "pretrained", teacher.label_names
    )
    step = DistillStep(weights, lesson, student, teacher, (), device)
    loop.fit(material.student, encoded.lengths, step, recipe.train_settings(encoded), device, loop.Hooks())
    step.close()


def fill_cache(material: Material) -> None:
    """What the first student has left behind; not timed."""
    device = material.recipe.resolved()
    teacher_cache.outputs(material.teacher.model, material.encode(), device, keep_hidden=False)


def whole(material: Material) -> None:
    """`ours` without the shortened last layer: what the cache and the buckets win alone."""
    with fast.plain("first_token"):
        ours(material)


def mkl(material: Material) -> None:
    """`ours` with the products that torch takes by itself: what is left of the gain on a processor of Intel's."""
    with fast.plain("onednn"):
        ours(material)


def uncached(material: Material) -> None:
    """The same student, the same batches in the same order, the teacher asked again at every step."""
    device, recipe, teacher = material.recipe.resolved(), material.recipe, material.teacher.model
    encoded = material.encode()

    def step(model: nn.Module, indices: Sequence[int]) -> Loss:
        batch = encoded.batch(indices)
        with torch.no_grad():
            teacher_logits = teacher(**batch).logits
        logits = model(**batch).logits
        soft = losses.soft_target_loss(logits, teacher_logits, recipe.temperature)
        hard = losses.hard_label_loss(logits, material.labels[list(indices)])
        return Loss(recipe.soft * soft + recipe.hard * hard, {"soft": soft, "hard": hard})

    with fast.products(teacher):
        loop.fit(material.student, encoded.lengths, step, recipe.train_settings(encoded), device, loop.Hooks())


def no_teacher(material: Material) -> None:
    """The limit: the student alone."""
    device = material.recipe.resolved()
    encoded = material.encode()
    step = supervised_step(encoded, material.labels, device)
    with fast.logits_alone(material.student):  # as in `ours`
        loop.fit(material.student, encoded.lengths, step, material.recipe.train_settings(encoded), device, loop.Hooks())


CONTENDERS: dict[str, Callable[[Material], None]] = {
    "textbrewer": toolkits.textbrewer_general,
    "textbrewer-longest": toolkits.textbrewer_longest,
    "textbrewer-cached": toolkits.textbrewer_cached,
    "torchdistill": toolkits.torchdistill,
    "trainer": toolkits.trainer,
    "ours-first": ours,
    "ours-second": ours,
    "ours-whole": whole,
    "ours-mkl": mkl,
    "ours-uncached": uncached,
    "no-teacher": no_teacher,
}
