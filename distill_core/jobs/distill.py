"""Distill: load data → teacher outputs (cached) → build student → fit → evaluate both → save.

distilled          the student that was asked for, taught with soft targets, labels and hidden states
init-only          the same layers of the teacher, trained on the labels alone
scratch            random weights, labels alone
scratch-distilled  random weights, taught
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import pandas as pd
import torch
from torch import Tensor, nn

from distill_core import datasets, device, environment, evaluate, losses, models, parameters, students, teacher_cache
from distill_core.benchmark import Timing, interleaved
from distill_core.control import JobContext
from distill_core.datasets import Dataset
from distill_core.device import Device
from distill_core.errors import SpecError
from distill_core.jobs import accuracy
from distill_core.jobs.reporting import Reporter
from distill_core.jobs.supervised import LiveAccuracy, labels_of, save_model, supervised_step, train_settings
from distill_core.model_ref import Ref
from distill_core.models import LoadedModel
from distill_core.results import DistillResult, ModelReport, StudentReport
from distill_core.specs import DistillSpec
from distill_core.teacher_cache import TeacherOutputs
from distill_core.tokens import Encoded, check_length
from distill_core.training import Hooks, Loss, Step, fit


def run(spec: DistillSpec, context: JobContext) -> DistillResult:
    """Train and evaluate every arm beside the teacher; arms that an interrupted try has finished are kept."""
    here = device.resolve(spec.device, spec.dtype, spec.threads)
    context.set_environment(environment.describe(here.type, here.name, here.dtype, here.threads))
    dataset = datasets.load(spec.dataset, text_column=spec.text_column, label_column=spec.label_column)
    reporter = Reporter(context, len(spec.arms) + 1)
    reporter.say("Loading the teacher")
    teacher = _load_teacher(spec, dataset, context)
    job = _prepare(spec, context, here, dataset, teacher, reporter)
    earlier = context.run.result()
    done = list(earlier.students) if isinstance(earlier, DistillResult) else []
    result = DistillResult(
        dataset=spec.dataset, teacher_ref=str(spec.teacher), label_names=dataset.label_names,
        teacher=job.teacher_report, teacher_pass_s=job.taught.seconds, students=tuple(done),
    )  # fmt: skip
    context.set_result(result)
    reporter.arm_done()
    for arm in spec.arms:
        if arm not in {student.arm for student in done}:
            done.append(job.run_arm(arm))
            result = result.model_copy(update={"teacher": job.teacher_report, "students": tuple(done)})
            context.set_result(result)
        reporter.arm_done()
    return result


def _load_teacher(spec: DistillSpec, dataset: Dataset, context: JobContext) -> LoadedModel:
    """The teacher, checked against data and student before any work is done."""
    teacher = models.load(spec.teacher, context.store)
    if teacher.label_names is None:
        raise SpecError(f"{spec.teacher} has no classification head, so it cannot teach.", "Fine-tune it first.")
    if accuracy.class_columns(teacher, dataset) != list(range(len(dataset.label_names))):
        raise SpecError(
            f"The teacher tells {', '.join(teacher.label_names)} apart, {spec.dataset} has "
            f"{', '.join(dataset.label_names)}.",
            "Choose a teacher that was fine-tuned on data with the same classes.",
        )
    check_length(spec.max_length, teacher.family)
    if spec.student is None:
        students.choose_layers(teacher.model.config, spec.student_layers, spec.layers)
    return teacher


def _prepare(
    spec: DistillSpec, context: JobContext, here: Device, dataset: Dataset, teacher: LoadedModel, reporter: Reporter
) -> _Job:
    """Tokenize, run the teacher once over all texts, and measure it."""
    train = dataset.sample_train(spec.train_examples, spec.seed) if spec.train_examples else dataset.split("train")
    teacher.model.to(here.torch_device).eval()
    encoded = teacher.encode(train["text"].tolist(), spec.max_length)
    reporter.say("The teacher reads all texts once")
    taught = teacher_cache.outputs(
        teacher.model, encoded, here, keep_hidden=spec.cosine > 0, check=context.check
    )  # fmt: skip
    texts, labels = accuracy.test_texts(dataset, spec.eval_examples)
    test_logits = evaluate.predict(teacher.model, teacher.encode(texts, spec.max_length), here, check=context.check)
    found = evaluate.accuracy(test_logits, labels)
    report = ModelReport(
        params=parameters.count(teacher.model), params_by_part=parameters.count_by_part(teacher.model),
        layers=students.n_layers(teacher.model.config), **found.model_dump(),
    )  # fmt: skip
    return _Job(spec, context, here, dataset, teacher, reporter, train, encoded, taught, test_logits, report)


@dataclass
class _Job:
    """What the arms share: texts, labels, the teacher's outputs and its report."""

    spec: DistillSpec
    context: JobContext
    here: Device
    dataset: Dataset
    teacher: LoadedModel
    reporter: Reporter
    train: pd.DataFrame
    encoded: Encoded
    taught: TeacherOutputs
    teacher_test_logits: Tensor
    teacher_report: ModelReport

    def run_arm(self, arm: str) -> StudentReport:
        """Train one student, measure it beside the teacher, save the first one."""
        student = self._student(arm)
        same_tokens = students.same_vocabulary(self.teacher.tokenizer, student.tokenizer)
        if arm.endswith("distilled") and self.spec.cosine and not same_tokens:
            raise SpecError(
                f"{student.ref} splits texts into other tokens than {self.teacher.ref}, and the cosine loss compares "
                "token by token.",
                "Set cosine to 0, or choose a student with the teacher's vocabulary.",
            )
        encoded = self.encoded if same_tokens else student.encode(self.train["text"].tolist(), self.spec.max_length)
        step = self._step(arm, encoded)
        hooks = Hooks(
            on_event=partial(self.reporter.on_training, arm, arm),
            evaluate=LiveAccuracy(student, self.dataset, self.spec.max_length, self.here),
            check=self.context.check, checkpoint_dir=self.context.run.checkpoint_dir / arm,
        )  # fmt: skip
        settings = train_settings(self.spec, self.spec.seed)
        report = fit(student.model, encoded.lengths, step, settings, self.here, hooks)
        self.reporter.say(f"{arm}: testing and timing", 0.95)
        if not (self.context.run.model_dir / "config.json").is_file():
            save_model(student, self.context)
        return self._report(arm, student, report.train_s)

    def _student(self, arm: str) -> LoadedModel:
        device.seed_everything(self.spec.seed)
        spec, teacher = self.spec, self.teacher
        if spec.student is not None:
            return self._other_student(spec.student)
        layers = students.choose_layers(teacher.model.config, spec.student_layers, spec.layers)
        copied = {"distilled": spec.init == "teacher-layers", "init-only": True}.get(arm, False)
        model = students.shallow_student(teacher.model, layers, copy_weights=copied)
        return LoadedModel(
            teacher.ref, teacher.family, model, teacher.tokenizer, "pretrained" if copied else "random",
            teacher.label_names,
        )  # fmt: skip

    def _other_student(self, ref: Ref) -> LoadedModel:
        """A student of another shape or family; it must bring weights and a tokenizer."""
        return models.load(ref, self.context.store, label_names=self.dataset.label_names)

    def _step(self, arm: str, encoded: Encoded) -> Step:
        labels = labels_of(self.train)
        if not arm.endswith("distilled"):
            return supervised_step(encoded, labels, self.here)
        return distill_step(self.spec, encoded, labels, self.taught, self.here)

    def _report(self, arm: str, student: LoadedModel, train_s: float) -> StudentReport:
        texts, labels = accuracy.test_texts(self.dataset, self.spec.eval_examples)
        encoded = student.encode(texts, self.spec.max_length)
        logits = evaluate.predict(student.model, encoded, self.here, check=self.context.check)
        found = evaluate.accuracy(logits, labels)
        agreed = evaluate.compare_with_teacher(logits, self.teacher_test_logits, labels)
        teacher_time, student_time = self._time(student)
        params = parameters.count(student.model)
        self.teacher_report = self.teacher_report.model_copy(update=_latency(teacher_time))
        return StudentReport(
            arm=arm, seed=self.spec.seed, params=params, params_by_part=parameters.count_by_part(student.model),
            layers=students.n_layers(student.model.config),
            params_saved=1 - params / self.teacher_report.params,
            retained=found.accuracy / self.teacher_report.accuracy,
            speedup=teacher_time.latency_ms_p50 / student_time.latency_ms_p50,
            train_s=train_s, **found.model_dump(), **vars(agreed), **_latency(student_time),
        )  # fmt: skip

    def _time(self, student: LoadedModel) -> tuple[Timing, Timing]:
        """Both at batch size 1, in turns, so that a change of the machine's load meets both."""
        length = min(self.spec.max_length, 128)
        teacher_time, student_time = interleaved((self.teacher, student), 1, length, self.here)
        return teacher_time, student_time


def _latency(timing: Timing) -> dict[str, float]:
    return {"latency_ms_p50": timing.latency_ms_p50, "latency_ms_p95": timing.latency_ms_p95}


def distill_step(spec: DistillSpec, encoded: Encoded, labels: Tensor, taught: TeacherOutputs, here: Device) -> Step:
    """soft · τ² KL + hard · cross-entropy + cosine · (1 − cos), each named for the curves."""

    def step(model: nn.Module, indices: Sequence[int]) -> Loss:
        rows = list(indices)
        batch = encoded.batch(rows, here.torch_device)
        out = model(**batch, output_hidden_states=spec.cosine > 0)
        parts = {}
        if spec.soft:
            teacher_logits = taught.logits[rows].to(here.torch_device)
            parts["soft"] = losses.soft_target_loss(out.logits, teacher_logits, spec.temperature)
        if spec.hard:
            parts["hard"] = losses.hard_label_loss(out.logits, labels[rows].to(here.torch_device))
        if spec.cosine:
            length = batch["input_ids"].shape[1]
            hidden = taught.padded_hidden(rows, length, encoded.padding_side).to(here.torch_device)
            parts["cosine"] = losses.cosine_hidden_loss(
                teacher_cache.last_hidden(out), hidden, batch["attention_mask"]
            )  # fmt: skip
        weights = {"soft": spec.soft, "hard": spec.hard, "cosine": spec.cosine}
        total = torch.stack([weights[name] * value for name, value in parts.items()]).sum()
        return Loss(total, parts)

    return step
