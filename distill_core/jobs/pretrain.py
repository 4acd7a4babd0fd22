"""Pretrain: corpus → tokenizer → small model → lesson → fit → save. Raw text alone, no labels.

The lesson is the family's own objective, or what a sentence teacher says (`embedding_lesson.py`). What comes out is a
small pre-trained model with a tokenizer of its own, to be fine-tuned as `run:ID`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from torch import nn
from transformers import PreTrainedTokenizerFast

from distill_core import families
from distill_core.corpus import library
from distill_core.corpus.types import Corpus
from distill_core.errors import RunError
from distill_core.families import Family
from distill_core.files.whole import whole_folder
from distill_core.jobs import embedding_lesson, linear_probe, objective_lesson
from distill_core.jobs.device import prepared_device
from distill_core.jobs.lesson import Lesson, Material
from distill_core.jobs.reporting import Reporter
from distill_core.jobs.supervised import drop_checkpoints
from distill_core.machine import devices
from distill_core.model_ref import Ref
from distill_core.models import loading, mini_tokenizers, parameters
from distill_core.models.loading import LoadedModel
from distill_core.results import Accuracy, PretrainResult
from distill_core.runs.control import JobContext
from distill_core.specs import PretrainSpec
from distill_core.training.loop import Hooks, TrainSettings, fit

LESSONS: dict[str, Callable[[Material], Lesson]] = {
    "embeddings": embedding_lesson.prepare,
    "objective": objective_lesson.prepare,
}
LOOKS_PER_EPOCH = 4  # where a lesson does not say it


def run(spec: PretrainSpec, context: JobContext) -> PretrainResult:
    """Train one small model. A resumed run keeps its tokenizer and goes on from its last checkpoint."""
    device = prepared_device(spec, context)
    reporter = Reporter(context, 1)
    reporter.say("Reading the corpus")
    text = _same_text(library.load(spec.corpus or None, check=context.check), context)
    family = families.get(spec.family)
    reporter.say("Training the tokenizer")
    tokenizer = _tokenizer(family, text, spec, context)
    devices.seed_everything(spec.seed)
    material = Material(spec, family, tokenizer, text, device, context, reporter)
    lesson = LESSONS[spec.lesson](material)
    lesson.module.to(device.torch_device)
    _begin(material, lesson)
    hooks = Hooks(
        on_event=partial(reporter.on_training, spec.family, family.title),
        evaluate=partial(_look, material, lesson),
        check=context.check,
        checkpoint_dir=context.run.checkpoint_dir,
    )
    report = fit(lesson.module, lesson.lengths, lesson.step, _settings(spec, lesson), device, hooks)
    held_out = lesson.held_out(lesson.module)
    tokens, signals = lesson.counted() if lesson.counted else (lesson.tokens, lesson.signals)
    reporter.say("Asking what the network has learned", 1.0)
    probe = _linear_probe(material, lesson)
    _save(lesson, tokenizer, context)
    drop_checkpoints(context)
    return _so_far(context).model_copy(
        update={
            "held_out": held_out,
            "held_out_by_kind": lesson.by_kind(lesson.module) if lesson.by_kind else {},
            "train_s": report.train_s,
            "tokens": tokens,
            "signals": signals,
            "linear_probe": probe,
        }
    )


def _same_text(text: Corpus, context: JobContext) -> Corpus:
    """The corpus. Raises RunError when a resumed run would go on in another text than it has begun with."""
    earlier = context.run.result()
    if isinstance(earlier, PretrainResult) and earlier.corpus_sha256 != text.digest:
        raise RunError(
            "The corpus is not the one that this run began with: a text has come or gone since.",
            "Start a new run. Which texts are here says: python -m distill_core corpus",
        )
    return text


def _tokenizer(family: Family, text: Corpus, spec: PretrainSpec, context: JobContext) -> PreTrainedTokenizerFast:
    """The run's tokenizer, of the whole corpus. It is kept with the run: a resumed one must not get another."""
    folder = context.run.tokenizer_dir
    if not folder.is_dir():
        if spec.teacher is not None:  # teacher and student must split texts alike
            trained = loading.load_masked_lm(spec.teacher, context.store).tokenizer
        elif spec.start is not None:  # its embeddings stand for its own tokens
            trained = loading.load(spec.start, context.store).tokenizer
        else:
            trained = mini_tokenizers.shared(family, text.sentences(), text.digest, spec.vocab_size, context.check)
        with whole_folder(folder) as new:
            trained.save_pretrained(new)
    tokenizer: PreTrainedTokenizerFast = PreTrainedTokenizerFast.from_pretrained(folder)
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.unk_token
    return tokenizer


def _begin(material: Material, lesson: Lesson) -> None:
    """Write the result before the first step, with the losses of the untrained model; a resumed run has it already."""
    spec, context, text = material.spec, material.context, material.text
    if isinstance(context.run.result(), PretrainResult):
        return
    probe = linear_probe.load(spec)
    context.set_result(
        PretrainResult(
            family=spec.family,
            lesson=spec.lesson,
            params=parameters.count(lesson.bare()),
            vocab_size=len(material.tokenizer),
            texts=len(lesson.lengths),
            tokens=lesson.tokens,
            signals=lesson.signals,
            sources=tuple(text.titles.values()),
            corpus_sha256=text.digest,
            held_out_before=lesson.held_out(lesson.module),
            unigram_nats=lesson.unigram_nats,
            asked_unigram_nats=lesson.asked_unigram_nats,
            cloze=lesson.cloze(lesson.module) if lesson.cloze else (),
            probe_dataset=spec.probe_dataset.key,
            probe_labels=linear_probe.n_labels(probe),
            linear_probe_before=_linear_probe(material, lesson),
        )
    )


def _so_far(context: JobContext) -> PretrainResult:
    result = context.run.result()
    if not isinstance(result, PretrainResult):
        raise RunError(f"The result of the run {context.run.id} is gone.", "Start it again.")
    return result


def _look(material: Material, lesson: Lesson, module: nn.Module) -> dict[str, float]:
    """The held-out losses for the curve; what it says about the gaps goes into the result.

    A resumed run looks again where its checkpoint was: what came after that is replaced.
    """
    if lesson.cloze is not None:
        said = lesson.cloze(module)
        result = _so_far(material.context)
        before = tuple(look for look in result.cloze if look.tokens < said[0].tokens)
        material.context.set_result(result.model_copy(update={"cloze": before + said}))
    counted = dict(zip(("tokens", "signals"), map(float, lesson.counted()), strict=True)) if lesson.counted else {}
    return {**lesson.held_out(module), **counted}


def _linear_probe(material: Material, lesson: Lesson) -> Accuracy | None:
    spec = material.spec
    loaded = LoadedModel(
        Ref("run", material.context.run.id), material.family, lesson.bare(), material.tokenizer, "pretrained"
    )
    dataset = linear_probe.load(spec)
    return linear_probe.accuracy(loaded, dataset, spec.max_length, material.device, material.context.check)


def _settings(spec: PretrainSpec, lesson: Lesson) -> TrainSettings:
    per_epoch = max(1, round(lesson.looks / lesson.epochs)) if lesson.looks else LOOKS_PER_EPOCH
    return TrainSettings(
        epochs=lesson.epochs,
        batch_size=spec.batch_size,
        learning_rate=spec.learning_rate,
        warmup_fraction=spec.warmup_fraction,
        weight_decay=spec.weight_decay,
        max_grad_norm=spec.max_grad_norm,
        seed=spec.seed,
        checkpoint_every_s=spec.checkpoint_every_s,
        evals_per_epoch=per_epoch,
    )


def _save(lesson: Lesson, tokenizer: PreTrainedTokenizerFast, context: JobContext) -> None:
    """The backbone with its tokenizer."""
    with whole_folder(context.run.model_dir) as new:
        lesson.backbone().save_pretrained(new)
        tokenizer.save_pretrained(new)
