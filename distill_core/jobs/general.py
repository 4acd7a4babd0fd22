"""General distillation, the recipe of DistilBERT: no labels, no task, raw text alone (arXiv:1910.01108 §2–3).

The student learns to fill in masked words as its teacher does: soft targets over the vocabulary, masked language
modeling, and the direction of the hidden states. What comes out is a smaller pre-trained model, to be fine-tuned.
"Accuracy" here is the share of masked tokens that are guessed right.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from distill_core.datasets import catalogue
from distill_core.errors import DataError
from distill_core.jobs.reporting import Reporter
from distill_core.jobs.supervised import drop_checkpoints, save_model, train_settings
from distill_core.machine import devices, environment
from distill_core.machine.devices import Device
from distill_core.measure import evaluate
from distill_core.measure.benchmark import interleaved
from distill_core.models import loading, parameters, students
from distill_core.models.gaps import gap_answers
from distill_core.models.loading import LoadedModel
from distill_core.models.tokens import Encoded, sorted_batches
from distill_core.objectives import masking
from distill_core.objectives.batch import IGNORED
from distill_core.plans import arms
from distill_core.plans.arms import Arm
from distill_core.results import DistillResult, ModelReport, StudentReport
from distill_core.runs.control import JobContext
from distill_core.specs import DistillSpec
from distill_core.training import losses, teacher_cache
from distill_core.training.loop import Hooks, fit
from distill_core.training.losses import Loss
from distill_core.training.speed.onednn import onednn_products

PROBE_TEXTS = 200  # validation texts for the live curve; the report is made on the test split
PROBE_SEED = 1


def run(spec: DistillSpec, context: JobContext) -> DistillResult:
    """Distill a masked language model on the texts of a data set, without their labels."""
    device = devices.resolve(spec.device, spec.dtype, spec.threads)
    context.set_environment(environment.describe(device.type, device.name, device.dtype, device.threads))
    dataset = catalogue.load(spec.dataset)
    planned = arms.plan(spec)
    reporter = Reporter(context, len(planned))
    reporter.say("Loading the teacher")
    teacher = loading.load_masked_lm(spec.teacher, context.store)
    teacher.model.eval().to(device.torch_device)
    train = teacher.encode(
        dataset.sample_train(spec.train_examples, spec.seed, clamp=True)["text"].tolist(), spec.max_length
    )
    tested, followed = (dataset.split(name)["text"].tolist() for name in ("test", "validation"))
    if not tested:
        raise DataError(f"{dataset.title} has no test texts.", "Give more texts: one in ten is kept for the test.")
    test = _probe(teacher, tested[: spec.eval_examples or len(tested)], spec.max_length)
    job = _General(
        spec, context, device, teacher, reporter, train, test, _probe(teacher, followed[:PROBE_TEXTS], spec.max_length)
    )
    earlier = context.run.result()
    done = list(earlier.students) if isinstance(earlier, DistillResult) else []
    if isinstance(earlier, DistillResult):
        job.keep_times(earlier)
    finished = {(student.arm, student.seed) for student in done}
    result = _result(spec, job, done)
    for arm in planned:
        if (arm.name, arm.seed) not in finished:
            done.append(job.teach(arm))
            result = _result(spec, job, done)
            context.set_result(result)
            drop_checkpoints(context)
        reporter.arm_done()
    return result


def _result(spec: DistillSpec, job: _General, done: list[StudentReport]) -> DistillResult:
    return DistillResult(
        dataset=spec.dataset.key,
        teacher_ref=str(spec.teacher),
        label_names=(),
        teacher=job.teacher_report(),
        students=tuple(done),
    )


@dataclass(frozen=True)
class _Probe:
    """Texts that are masked once, so that every model fills in the same gaps."""

    encoded: Encoded
    batches: tuple[tuple[dict[str, Tensor], Tensor], ...]

    def logits(self, model: nn.Module, device: Device) -> tuple[Tensor, Tensor]:
        """Logits at the gaps and the hidden tokens. Shapes: (gaps, vocab), (gaps,)."""
        was_training = model.training
        model.eval()
        found, wanted = [], []
        with torch.inference_mode():
            for batch, labels in self.batches:
                inputs = {name: tensor.to(device.torch_device) for name, tensor in batch.items()}
                gaps = labels != IGNORED
                found.append(gap_answers(model, inputs, gaps.to(device.torch_device)).logits.float().cpu())
                wanted.append(labels[gaps])
        model.train(was_training)
        return torch.cat(found), torch.cat(wanted)


def _probe(teacher: LoadedModel, texts: list[str], max_length: int) -> _Probe:
    generator = torch.Generator().manual_seed(PROBE_SEED)
    encoded = teacher.encode(texts, max_length)
    batches = []
    for indices in sorted_batches(encoded.lengths, 32):
        batch = encoded.batch(indices)
        masked = _mask(batch, teacher, generator)
        batches.append(({**batch, "input_ids": masked.input_ids}, masked.labels))
    return _Probe(encoded, tuple(batches))


def _mask(batch: dict[str, Tensor], teacher: LoadedModel, generator: torch.Generator | None) -> masking.Masked:
    special = torch.tensor(teacher.tokenizer.all_special_ids, device=batch["input_ids"].device)
    maskable = batch["attention_mask"].bool() & ~torch.isin(batch["input_ids"], special)
    return masking.mask_tokens(
        batch["input_ids"], maskable, teacher.tokenizer.mask_token_id, len(teacher.tokenizer), generator=generator
    )


@dataclass
class _General:
    """What the arms share."""

    spec: DistillSpec
    context: JobContext
    device: Device
    teacher: LoadedModel
    reporter: Reporter
    train: Encoded
    test: _Probe
    validation: _Probe
    _report: ModelReport | None = None

    def teacher_report(self) -> ModelReport:
        """The teacher on the test gaps; computed once."""
        if self._report is None:
            logits, wanted = self.test.logits(self.teacher.model, self.device)
            found = evaluate.accuracy(logits, wanted) if len(wanted) else None
            if found is None or not found.accuracy:
                raise DataError(
                    f"The teacher is right on none of the {len(wanted)} hidden words of the test texts.",
                    "Choose another teacher, or give more texts.",
                )
            self._report = ModelReport(
                params=parameters.count(self.teacher.model),
                params_by_part=parameters.count_by_part(self.teacher.model),
                layers=students.n_layers(self.teacher.model.config),
                **found.model_dump(),
            )
        return self._report

    def keep_times(self, earlier: DistillResult) -> None:
        """The teacher's latency that an interrupted try has measured."""
        if earlier.teacher is not None:
            times = {name: getattr(earlier.teacher, name) for name in ("latency_ms_p50", "latency_ms_p95")}
            self._report = self.teacher_report().model_copy(update=times)

    def teach(self, arm: Arm) -> StudentReport:
        """Train one student and measure it beside the teacher."""
        devices.seed_everything(arm.seed)
        layers = students.choose_layers(self.teacher.model.config, arm.spec)
        model = students.shallow_masked_lm(self.teacher.model, layers, copy_weights=arm.spec.init == "teacher-layers")
        student = LoadedModel(self.teacher.ref, self.teacher.family, model, self.teacher.tokenizer, "pretrained")
        hooks = Hooks(
            on_event=partial(self.reporter.on_training, arm.key, arm.key),
            check=self.context.check,
            evaluate=self._live,
            checkpoint_dir=self.context.run.checkpoint_dir / arm.key.replace(" ", "-"),
        )
        settings = train_settings(self.spec, arm.seed)
        with onednn_products(self.teacher.model):
            report = fit(model, self.train.lengths, partial(self._step, arm.spec), settings, self.device, hooks)
        if arm.key == arms.kept(arms.plan(self.spec)).key:
            save_model(student, self.context)
        return self._student_report(arm, student, report.train_s)

    def _live(self, model: nn.Module) -> dict[str, float]:
        if not self.validation.batches:
            return {}
        logits, wanted = self.validation.logits(model, self.device)
        return {"accuracy": evaluate.accuracy(logits, wanted).accuracy} if len(wanted) else {}

    def _step(self, spec: DistillSpec, model: nn.Module, indices: Sequence[int]) -> Loss:
        batch = self.train.batch(indices, self.device.torch_device)
        masked = _mask(batch, self.teacher, None)
        inputs = {**batch, "input_ids": masked.input_ids}
        gaps = masked.labels != IGNORED
        out = gap_answers(model, inputs, gaps, output_hidden_states=spec.cosine > 0)
        with torch.no_grad():
            taught = gap_answers(self.teacher.model, inputs, gaps, output_hidden_states=spec.cosine > 0)
        parts = _gap_losses(spec, out.logits, taught.logits, masked.labels[gaps])
        if spec.cosine:
            parts["cosine"] = losses.cosine_hidden_loss(
                teacher_cache.last_hidden(out), teacher_cache.last_hidden(taught), batch["attention_mask"]
            )
        total = torch.stack([getattr(spec, name) * value for name, value in parts.items()]).sum()
        return Loss(total, parts)

    def _student_report(self, arm: Arm, student: LoadedModel, train_s: float) -> StudentReport:
        teacher = self.teacher_report()
        logits, wanted = self.test.logits(student.model, self.device)
        theirs, _ = self.test.logits(self.teacher.model, self.device)
        length = min(self.spec.max_length, 128)
        teacher_time, student_time = interleaved((self.teacher, student), 1, length, self.device)
        teacher = teacher.model_copy(
            update={"latency_ms_p50": teacher_time.latency_ms_p50, "latency_ms_p95": teacher_time.latency_ms_p95}
        )
        self._report = teacher
        found, params = evaluate.accuracy(logits, wanted), parameters.count(student.model)
        more: dict[str, Any] = {**found.model_dump(), **vars(evaluate.compare_with_teacher(logits, theirs, wanted))}
        return StudentReport(
            arm=arm.name,
            seed=arm.seed,
            params=params,
            params_by_part=parameters.count_by_part(student.model),
            layers=students.n_layers(student.model.config),
            ingredients=arm.ingredients,
            train_s=train_s,
            params_saved=1 - params / teacher.params,
            retained=found.accuracy / teacher.accuracy,
            speedup=teacher_time.latency_ms_p50 / student_time.latency_ms_p50,
            latency_ms_p50=student_time.latency_ms_p50,
            latency_ms_p95=student_time.latency_ms_p95,
            **more,
        )


def _gap_losses(spec: DistillSpec, logits: Tensor, taught: Tensor, wanted: Tensor) -> dict[str, Tensor]:
    """Soft targets and masked language modeling at the gaps; a batch without a gap teaches nothing."""
    if not len(wanted):
        return {"hard": logits.sum() * 0}
    parts = {}
    if spec.soft:
        parts["soft"] = losses.soft_target_loss(logits, taught, spec.temperature)
    if spec.hard:
        parts["hard"] = losses.hard_label_loss(logits, wanted)
    return parts
