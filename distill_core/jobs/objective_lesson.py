"""A family's own objective as a lesson: corrupt raw text, and learn to undo it. No teacher but DistilBERT's, no labels.

Own random weights, no warm start, unless the request names a model to begin with. Every random choice while it learns
comes from torch's global generator, which checkpoints hold: a resumed run draws what an undisturbed one would have.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, cast

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from distill_core.errors import SpecError
from distill_core.jobs import asked_tokens, reading
from distill_core.jobs.lesson import Lesson, Material, mini_config, usual_dropout, within_budget
from distill_core.machine.devices import Device
from distill_core.models import loading, students
from distill_core.objectives import cloze, distilled, lexicon, table
from distill_core.objectives.batch import Corrupted, Document, Objective, TeacherStates
from distill_core.objectives.vocabulary import Vocabulary
from distill_core.results import ClozeLook
from distill_core.training.losses import Loss

LOOKS = 10  # at held-out loss and cloze while it learns
SPECIAL = 3  # at most so many special tokens frame a row
PHRASES_FROM = 20_000  # passages in which ERNIE's phrases and entities are looked for
_HELD_OUT_SEED = 1
_HELD_OUT_BATCH = 64  # documents


class Learner(nn.Module):
    """The network with its objective. `counts` are the tokens read and the signals received so far; a checkpoint holds
    them, so they are exact after a resume too."""

    counts: Tensor

    def __init__(self, objective: Objective, network: nn.Module) -> None:
        super().__init__()
        self.objective, self.network = objective, network
        self.register_buffer("counts", torch.zeros(2, dtype=torch.int64))

    def forward(self, corrupted: Corrupted, teacher_states: TeacherStates | None = None) -> Loss:
        """The loss of a batch. Only a network in training mode counts it."""
        if self.training:
            self.counts += torch.tensor([corrupted.n_tokens, corrupted.n_signal], device=self.counts.device)
        return self.objective.loss(self.network, corrupted, teacher_states)


def prepare(material: Material) -> Lesson:
    """Network, text within the budget, and the step.

    Raises:
        SpecError: the teacher has another vocabulary or width.
    """
    spec, family = material.spec, material.family
    objective = table.get(family.key)
    learner = Learner(objective, objective.build(mini_config(family, material.tokenizer)))
    teacher = _teacher(material, learner)
    _begin(material, learner, teacher)
    material.reporter.say("Tokenizing the text")
    text = _within_budget(material)

    def step(module: nn.Module, indices: Sequence[int]) -> Loss:
        corrupted = objective.corrupt(
            [text.documents[index] for index in indices], text.vocabulary, spec.max_length, torch.default_generator
        )
        found: Loss = _with_teacher(module, corrupted, teacher, material.device)
        return found

    def asked(module: Any) -> tuple[ClozeLook, ...]:
        read = int(learner.counts[0])
        return cloze.ask(family.key, module.network, material.tokenizer, text.vocabulary, tokens=read)

    return Lesson(
        module=learner,
        lengths=text.lengths,
        epochs=text.epochs,
        step=step,
        held_out=lambda module: _held_out(module, text.held_out, teacher, material.device),
        backbone=lambda: _kept(learner, material),
        bare=lambda: objective.backbone(learner.network),
        cloze=asked,
        counted=lambda: (int(learner.counts[0]), int(learner.counts[1])),
        looks=LOOKS,
        unigram_nats=text.unigram_nats,
        asked_unigram_nats=asked_tokens.unigram_nats(objective, text.held_out, text.counts),
        by_kind=lambda module: _by_kind(module, text, teacher, material.device),
    )


def _by_kind(module: Any, text: _Text, teacher: Any, device: Device) -> dict[str, float]:
    """The held-out loss by what became of the asked tokens."""
    was_training = module.training
    module.eval()
    with torch.inference_mode():
        found = asked_tokens.by_kind(
            module.objective,
            text.held_out,
            text.vocabulary.mask,
            lambda batch: float(_with_teacher(module, batch, teacher, device).parts["masked"]),
        )
    module.train(was_training)
    return found


@dataclass(frozen=True)
class _Text:
    """What is read: documents with the tokens that each costs, how often, and the batches that are held out."""

    vocabulary: Vocabulary
    documents: Sequence[Document]
    lengths: list[int]
    epochs: int
    held_out: list[Corrupted]
    unigram_nats: float
    counts: Tensor  # how often each token is read, plus one


def _within_budget(material: Material) -> _Text:
    spec = material.spec
    kept, passages = reading.split(material.text, spec.seed)
    vocabulary = _vocabulary(material, passages)
    encode = partial(_encode, material.tokenizer)
    held_out = _held_out_batches(reading.documents(kept, encode, spec.max_length - SPECIAL), material, vocabulary)
    # BERT's random second segments are read on top of the text that was chosen
    stretch = sum(batch.n_tokens for batch, _ in held_out) / sum(n for _, n in held_out)
    documents = reading.documents(
        passages, encode, spec.max_length - SPECIAL, tokens=round(spec.tokens / stretch), sentences=spec.sentences
    )
    lengths = [round(reading.length(document) * stretch) for document in documents]
    n_read, epochs = within_budget(lengths, spec.tokens)
    counts = _counts(documents[:n_read], vocabulary.size)
    nats = _unigram_nats(counts, kept, encode)
    return _Text(vocabulary, documents, lengths[:n_read], epochs, [batch for batch, _ in held_out], nats, counts)


def _encode(tokenizer: Any, texts: list[str]) -> list[list[int]]:
    rows: list[list[int]] = tokenizer(texts, add_special_tokens=False)["input_ids"] if texts else []
    return rows


def _vocabulary(material: Material, passages: Sequence[Sequence[str]]) -> Vocabulary:
    """The tokenizer's vocabulary; ERNIE's with the phrases and entities of the text."""
    vocabulary = Vocabulary.of(material.tokenizer, material.family)
    if material.family.key != "ernie":
        return vocabulary
    texts = [sentence for passage in passages[:PHRASES_FROM] for sentence in passage]
    return replace(vocabulary, lexicon=lexicon.find(texts, lambda text: _encode(material.tokenizer, [text])[0]))


def _teacher(material: Material, learner: Learner) -> Any:
    """DistilBERT's teacher: a masked language model of the same vocabulary and width. None for the others."""
    ref = material.spec.teacher
    if ref is None:
        return None
    teacher = loading.load_masked_lm(ref, material.context.store)
    own: Any = learner.network
    width = teacher.model.config.hidden_size
    if width != own.config.dim:
        raise SpecError(
            f"{ref} is {width} wide, the student {own.config.dim}; their hidden states are compared.",
            "Pre-train BERT here first (--family bert) and name that run as the teacher.",
        )
    return teacher.model.eval().requires_grad_(False).to(material.device.torch_device)


def _begin(material: Material, learner: Learner, teacher: Any) -> None:
    """Give the network the weights of the start, if there is one; of the teacher itself its head too."""
    start, network = material.spec.start, cast(PreTrainedModel, learner.network)
    if start is None:
        return
    is_teacher = start == material.spec.teacher
    students.begin_with(network, teacher if is_teacher else loading.load(start, material.context.store).model)


def _with_teacher(module: nn.Module, corrupted: Corrupted, teacher: Any, device: Device) -> Any:
    moved = corrupted.to(device.torch_device)
    return module(moved, distilled.teach(teacher, moved) if teacher is not None else None)


def _held_out_batches(
    documents: Sequence[Document], material: Material, vocabulary: Vocabulary
) -> list[tuple[Corrupted, int]]:
    """Batches that are corrupted once, so that every look meets the same gaps; each with the tokens it was made of."""
    generator = torch.Generator().manual_seed(_HELD_OUT_SEED)
    objective = table.get(material.family.key)
    batches = []
    for start in range(0, len(documents), _HELD_OUT_BATCH):
        some = documents[start : start + _HELD_OUT_BATCH]
        corrupted = objective.corrupt(some, vocabulary, material.spec.max_length, generator)
        batches.append((corrupted, sum(map(reading.length, some))))
    return batches


def _held_out(module: nn.Module, batches: Sequence[Corrupted], teacher: Any, device: Device) -> dict[str, float]:
    """The loss on text that is not read and its parts, each batch weighted by its signals."""
    was_training = module.training
    module.eval()
    sums: dict[str, float] = {}
    with torch.inference_mode():
        for batch in batches:
            found = _with_teacher(module, batch, teacher, device)
            for name, value in {"loss": found.total, **found.parts}.items():
                sums[name] = sums.get(name, 0.0) + float(value) * batch.n_signal
    module.train(was_training)
    total = sum(batch.n_signal for batch in batches)
    return {name: value / total for name, value in sums.items()}


def _counts(read: Sequence[Document], size: int) -> Tensor:
    """How often each token was read, plus one. Shape: (vocab,)."""
    counts = torch.ones(size, dtype=torch.float64)
    for document in read:
        counts += torch.bincount(torch.tensor([token for sentence in document for token in sentence]), minlength=size)
    return counts


def _unigram_nats(counts: Tensor, kept: Sequence[Sequence[str]], encode: reading.Encode) -> float:
    """The loss on the held-out text of one who knows nothing but how often each token was read (plus one). Nats."""
    size = len(counts)
    rows = encode([sentence for passage in kept for sentence in passage])
    asked = torch.bincount(torch.tensor([token for row in rows for token in row]), minlength=size).double()
    return float(-(asked * (counts / counts.sum()).log()).sum() / asked.sum())


def _kept(learner: Learner, material: Material) -> Any:
    """The network with its pre-training head, as the official checkpoints have it: a model to fine-tune, and for masked
    words a teacher of general distillation. Of ELECTRA the discriminator."""
    network: Any = copy.deepcopy(learner.objective.kept(learner.network)).cpu()
    network.config = usual_dropout(copy.deepcopy(network.config), material.family)
    return network
