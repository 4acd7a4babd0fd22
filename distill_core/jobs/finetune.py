"""Fine-tune: load data → load base → fit → evaluate, beside arms that show what pre-training was worth.

pretrained  all weights learn, from the pre-trained ones
frozen      the network stays as it is; a linear probe learns on its mean-pooled last hidden states
scratch     the same architecture from random weights
bow         bag of words: TF-IDF and logistic regression, no network at all
"""

from __future__ import annotations

import itertools
import time
from dataclasses import dataclass
from functools import partial

import pandas as pd

from distill_core import bag_of_words, datasets, device, environment, evaluate, models, parameters, students
from distill_core.control import JobContext
from distill_core.datasets import Dataset
from distill_core.device import Device
from distill_core.jobs import accuracy
from distill_core.jobs.features import FrozenFeatures
from distill_core.jobs.reporting import Reporter
from distill_core.jobs.supervised import (
    LiveAccuracy,
    Predictions,
    labels_of,
    save_model,
    supervised_step,
    train_settings,
)
from distill_core.models import LoadedModel
from distill_core.results import Accuracy, FinetuneArmResult, FinetuneResult
from distill_core.specs import FinetuneSpec
from distill_core.training import Hooks, fit


def run(spec: FinetuneSpec, context: JobContext) -> FinetuneResult:
    """Train and evaluate every arm at every size and seed; arms that an interrupted try has finished are kept."""
    here = device.resolve(spec.device, spec.dtype, spec.threads)
    context.set_environment(environment.describe(here.type, here.name, here.dtype, here.threads))
    dataset = datasets.load(spec.dataset, text_column=spec.text_column, label_column=spec.label_column)
    earlier = context.run.result()
    done = list(earlier.arms) if isinstance(earlier, FinetuneResult) else []
    plan = list(itertools.product(range(spec.seed, spec.seed + spec.seeds), spec.train_examples, spec.arms))
    job = _Job(spec, context, here, dataset, Reporter(context, len(plan), len(done)))
    finished = {(arm.seed, arm.train_examples, arm.arm) for arm in done}
    for seed, n, arm in plan:
        if (seed, n, arm) not in finished:
            done.append(job.run_arm(arm, n, seed))
            job.reporter.arm_done()
            context.set_result(_result(spec, dataset, done))
    return _result(spec, dataset, done)


def _result(spec: FinetuneSpec, dataset: Dataset, arms: list[FinetuneArmResult]) -> FinetuneResult:
    return FinetuneResult(
        model=str(spec.model), dataset=spec.dataset, label_names=dataset.label_names, arms=tuple(arms)
    )  # fmt: skip


@dataclass
class _Job:
    """What the arms share: the data, the test texts, and frozen features that are computed once."""

    spec: FinetuneSpec
    context: JobContext
    here: Device
    dataset: Dataset
    reporter: Reporter
    _features: FrozenFeatures | None = None

    def run_arm(self, arm: str, n: int, seed: int) -> FinetuneArmResult:
        """One arm at one size and seed."""
        self.reporter.say(f"{arm}, {n} labels, seed {seed}")
        train = self.dataset.sample_train(n, seed)
        runner = {"bow": self._bag_of_words, "frozen": self._frozen}.get(arm)
        if runner is not None:
            return runner(train, n, seed)
        return self._trained(arm, train, n, seed)

    def _trained(self, arm: str, train: pd.DataFrame, n: int, seed: int) -> FinetuneArmResult:
        loaded = self._start(arm, seed)
        encoded = loaded.encode(train["text"].tolist(), self.spec.max_length)
        labels = labels_of(train)
        name = f"{arm}-{n}-{seed}" if len(self.spec.train_examples) > 1 or self.spec.seeds > 1 else arm
        settings = train_settings(self.spec, seed)
        hooks = Hooks(
            on_event=partial(self.reporter.on_training, name, f"{arm}, {n} labels"),
            evaluate=LiveAccuracy(loaded, self.dataset, self.spec.max_length, self.here), check=self.context.check,
            checkpoint_dir=self.context.run.checkpoint_dir / name,
        )  # fmt: skip
        step = supervised_step(encoded, labels, self.here)
        report = fit(loaded.model, encoded.lengths, step, settings, self.here, hooks)
        self.reporter.say(f"{arm}: testing", 0.97)
        found = self._test(loaded, name)
        if arm == "pretrained" and not (self.context.run.model_dir / "config.json").is_file():
            save_model(loaded, self.context)
        return _arm_result(
            arm, n, seed, found, report.train_s, parameters.count(loaded.model), students.trainable(loaded.model)
        )  # fmt: skip

    def _start(self, arm: str, seed: int) -> LoadedModel:
        device.seed_everything(seed)
        loaded = models.load(self.spec.model, self.context.store, label_names=self.dataset.label_names)
        if arm == "scratch":
            fresh = models.build_classifier(loaded.model.config, self.dataset.label_names)
            loaded = LoadedModel(
                loaded.ref, loaded.family, fresh, loaded.tokenizer, "random", self.dataset.label_names
            )  # fmt: skip
        return loaded

    def _test(self, loaded: LoadedModel, name: str) -> Accuracy:
        texts, labels = accuracy.test_texts(self.dataset, self.spec.eval_examples)
        encoded = loaded.encode(texts, self.spec.max_length)
        logits = evaluate.predict(loaded.model, encoded, self.here, check=self.context.check)
        Predictions(self.context, texts, labels).add(name, logits)
        return evaluate.accuracy(logits, labels)

    def _bag_of_words(self, train: pd.DataFrame, n: int, seed: int) -> FinetuneArmResult:
        texts, labels = accuracy.test_texts(self.dataset, self.spec.eval_examples)
        start = time.perf_counter()
        predicted, weights = bag_of_words.fit_and_predict(train["text"].tolist(), train["label"].tolist(), texts, seed)
        seconds = time.perf_counter() - start
        found = evaluate.wilson(int((predicted == labels.numpy()).sum()), len(labels))
        return _arm_result("bow", n, seed, found, seconds, weights, weights)

    def _frozen(self, train: pd.DataFrame, n: int, seed: int) -> FinetuneArmResult:
        if self._features is None:
            bare = models.load(self.spec.model, self.context.store)
            self._features = FrozenFeatures(bare, self.spec.max_length, self.here, self.context.check)
        texts, labels = accuracy.test_texts(self.dataset, self.spec.eval_examples)
        start = time.perf_counter()
        learned, tested = self._features.of(train["text"].tolist()), self._features.of(texts)
        predicted, weights = bag_of_words.probe(learned, train["label"].tolist(), tested, seed)
        seconds = time.perf_counter() - start
        found = evaluate.wilson(int((predicted == labels.numpy()).sum()), len(labels))
        return _arm_result("frozen", n, seed, found, seconds, self._features.params + weights, weights)


def _arm_result(
    arm: str, n: int, seed: int, found: Accuracy, train_s: float, params: int, params_trained: int
) -> FinetuneArmResult:
    return FinetuneArmResult(
        arm=arm, train_examples=n, seed=seed, train_s=train_s, params=params, params_trained=params_trained,
        **found.model_dump(),
    )  # fmt: skip
