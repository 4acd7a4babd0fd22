"""Pretrain: corpus → tokenizer → small model → lesson → fit → save. Raw text alone, no labels.

The lesson is the family's own objective, or what a sentence teacher says (`embedding_lesson.py`). What comes out is a
small pre-trained model with a tokenizer of its own, to be fine-tuned as `run:ID`.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from functools import partial

from transformers import PreTrainedTokenizerFast

from distill_core import corpus, device, environment, families, mini_tokenizers, parameters
from distill_core.control import JobContext
from distill_core.corpus import Corpus
from distill_core.families import Family
from distill_core.jobs import embedding_lesson
from distill_core.jobs.lesson import Lesson, Material
from distill_core.jobs.reporting import Reporter
from distill_core.jobs.supervised import drop_checkpoints
from distill_core.results import PretrainResult
from distill_core.specs import PretrainSpec
from distill_core.training import Hooks, TrainSettings, fit

LESSONS: dict[str, Callable[[Material], Lesson]] = {"embeddings": embedding_lesson.prepare}


def run(spec: PretrainSpec, context: JobContext) -> PretrainResult:
    """Train one small model. A resumed run keeps its tokenizer and goes on from its last checkpoint."""
    here = device.resolve(spec.device, spec.dtype, spec.threads)
    context.set_environment(environment.describe(here.type, here.name, here.dtype, here.threads))
    reporter = Reporter(context, 1)
    reporter.say("Reading the corpus")
    text = corpus.load(spec.corpus or None)
    family = families.get(spec.family)
    reporter.say("Training the tokenizer")
    tokenizer = _tokenizer(family, text, spec, context)
    device.seed_everything(spec.seed)
    lesson = LESSONS[spec.lesson](Material(spec, family, tokenizer, text, here, context, reporter))
    lesson.module.to(here.torch_device)
    result = _begun(spec, context, text, lesson)
    hooks = Hooks(
        on_event=partial(reporter.on_training, spec.family, family.title), evaluate=lesson.held_out,
        check=context.check, checkpoint_dir=context.run.checkpoint_dir,
    )  # fmt: skip
    report = fit(lesson.module, lesson.lengths, lesson.step, _settings(spec, lesson.epochs), here, hooks)
    held_out = lesson.held_out(lesson.module)
    _save(lesson, tokenizer, context)
    drop_checkpoints(context)
    return result.model_copy(update={"held_out": held_out, "train_s": report.train_s})


def _tokenizer(family: Family, text: Corpus, spec: PretrainSpec, context: JobContext) -> PreTrainedTokenizerFast:
    """The run's tokenizer, of the whole corpus. It is kept with the run: a resumed one must not get another."""
    folder = context.run.tokenizer_dir
    if not folder.is_dir():
        trained = mini_tokenizers.shared(family, text.sentences(), text.digest, spec.vocab_size)
        hidden = folder.with_name(".new-tokenizer")
        shutil.rmtree(hidden, ignore_errors=True)
        trained.save_pretrained(hidden)
        hidden.rename(folder)
    tokenizer: PreTrainedTokenizerFast = PreTrainedTokenizerFast.from_pretrained(folder)
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.unk_token
    return tokenizer


def _begun(spec: PretrainSpec, context: JobContext, text: Corpus, lesson: Lesson) -> PretrainResult:
    """The result before the first step, with the losses of the untrained model; a resumed run has it already."""
    earlier = context.run.result()
    if isinstance(earlier, PretrainResult):
        return earlier
    backbone = lesson.backbone()
    result = PretrainResult(
        family=spec.family, lesson=spec.lesson, params=parameters.count(backbone),
        vocab_size=int(backbone.config.vocab_size), texts=len(lesson.lengths), tokens=lesson.tokens,
        signals=lesson.signals, sources=tuple(text.titles.values()), corpus_sha256=text.digest,
        held_out_before=lesson.held_out(lesson.module), teacher_pass_s=lesson.teacher_pass_s,
    )  # fmt: skip
    context.set_result(result)
    return result


def _settings(spec: PretrainSpec, epochs: int) -> TrainSettings:
    return TrainSettings(
        epochs=epochs, batch_size=spec.batch_size, learning_rate=spec.learning_rate,
        warmup_fraction=spec.warmup_fraction, weight_decay=spec.weight_decay, max_grad_norm=spec.max_grad_norm,
        seed=spec.seed, checkpoint_every_s=spec.checkpoint_every_s,
    )  # fmt: skip


def _save(lesson: Lesson, tokenizer: PreTrainedTokenizerFast, context: JobContext) -> None:
    """The backbone with its tokenizer, moved into place when whole."""
    hidden = context.run.path / ".new-model"
    shutil.rmtree(hidden, ignore_errors=True)
    lesson.backbone().save_pretrained(hidden)
    tokenizer.save_pretrained(hidden)
    shutil.rmtree(context.run.model_dir, ignore_errors=True)
    hidden.rename(context.run.model_dir)
