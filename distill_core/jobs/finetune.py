"""Fine-tune: load data → learn (`learners.py`) → evaluate, for every data set, seed, number of labels and arm."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from distill_core import datasets, device, environment, evaluate, models, representation
from distill_core.control import JobContext
from distill_core.datasets import Dataset
from distill_core.device import Device
from distill_core.errors import SpecError
from distill_core.jobs import accuracy
from distill_core.jobs.learners import Learned, Learners, Task
from distill_core.jobs.reporting import Reporter
from distill_core.jobs.supervised import Predictions, drop_checkpoints, save_model
from distill_core.results import FinetuneArmResult, FinetuneResult, Movement
from distill_core.specs import FinetuneSpec

MOVED_TEXTS = 256  # test texts on which the networks before and after are compared


@dataclass(frozen=True)
class _Cell:
    """One training of the plan."""

    dataset: str
    seed: int
    n: int
    arm: str


def run(spec: FinetuneSpec, context: JobContext) -> FinetuneResult:
    """Learn and evaluate every cell of the plan; cells that an interrupted try has finished are kept."""
    here = device.resolve(spec.device, spec.dtype, spec.threads)
    context.set_environment(environment.describe(here.type, here.name, here.dtype, here.threads))
    job = _Job(spec, context, here, _load_all(spec))
    for cell in job.open_cells():
        job.do(cell)
        context.set_result(job.result())
        drop_checkpoints(context)
    return job.result()


def _load_all(spec: FinetuneSpec) -> dict[str, Dataset]:
    """The data sets to train and test on. Raises SpecError where their classes differ."""
    names = spec.domains or (spec.dataset, *spec.test_datasets)
    loaded = {
        name: datasets.load(name, text_column=spec.text_column, label_column=spec.label_column) for name in names
    }  # fmt: skip
    first = loaded[names[0]]
    for name, dataset in loaded.items():
        if dataset.label_names != first.label_names:
            raise SpecError(
                f"{name} has the classes {', '.join(dataset.label_names)}, {names[0]} has "
                f"{', '.join(first.label_names)}.",
                "Choose data sets with the same classes.",
            )
    return loaded


@dataclass
class _Job:
    spec: FinetuneSpec
    context: JobContext
    here: Device
    loaded: dict[str, Dataset]
    done: list[FinetuneArmResult] = field(default_factory=list)
    moved: Movement | None = None

    def __post_init__(self) -> None:
        earlier = self.context.run.result()
        if isinstance(earlier, FinetuneResult):
            self.done, self.moved = list(earlier.arms), earlier.moved
        plan = list(self._plan())
        finished = {_Cell(row.dataset, row.seed, row.train_examples, row.arm) for row in self.done}
        self._open = [cell for cell in plan if cell not in finished]
        self.reporter = Reporter(self.context, len(plan), len(plan) - len(self._open))
        self.learners = Learners(self.spec, self.context, self.here, self.reporter)

    def open_cells(self) -> list[_Cell]:
        return self._open

    def _plan(self) -> Iterator[_Cell]:
        """Seed by seed, so that every arm has a first result early. Zero-shot knows no number of labels."""
        for seed in range(self.spec.seed, self.spec.seed + self.spec.seeds):
            for name in self.spec.domains or (self.spec.dataset,):
                for n in self.spec.train_examples:
                    for arm in self.spec.arms:
                        yield _Cell(name, seed, n, arm)

    def do(self, cell: _Cell) -> None:
        """Learn one cell and test it on every data set."""
        name = self._name(cell)
        self.reporter.say(f"{name}: starting")
        dataset = self.loaded[cell.dataset]
        train = dataset.sample_train(cell.n, cell.seed, clamp=bool(self.spec.domains))
        task = Task(cell.arm, name, train, dataset, cell.seed, self._target_texts(cell))
        learned = self.learners.learn(task)
        self.reporter.say(f"{name}: testing", 0.97)
        tests = list(self.loaded) if self.spec.domains or self.spec.test_datasets else [cell.dataset]
        self.done += [self._test(cell, learned, test, name) for test in tests]
        if cell.arm == "pretrained":
            self._keep(learned)
        self.reporter.arm_done()

    def _name(self, cell: _Cell) -> str:
        """The arm, with what tells it from its like in this run."""
        spec = self.spec
        words = [cell.arm]
        if len(spec.domains) > 1:
            words.append(cell.dataset.replace("/", "-").replace(":", "-"))
        if len(spec.train_examples) > 1 or spec.seeds > 1:
            words += [str(cell.n), str(cell.seed)]
        return "-".join(words)

    def _target_texts(self, cell: _Cell) -> tuple[str, ...]:
        """Training texts, without labels, of the domains that the model is tested on."""
        others = [name for name in self.loaded if name != cell.dataset] or [cell.dataset]
        return tuple(text for name in others for text in self.loaded[name].split("train")["text"])

    def _test(self, cell: _Cell, learned: Learned, test: str, name: str) -> FinetuneArmResult:
        texts, labels = accuracy.test_texts(self.loaded[test], self.spec.eval_examples)
        logits = learned.classify(texts)
        if test == cell.dataset and not self.spec.domains:
            Predictions(self.context, texts, labels).add(name, logits)
        return FinetuneArmResult(
            arm=cell.arm, train_examples=cell.n, seed=cell.seed, dataset=cell.dataset, test_dataset=test,
            train_s=learned.train_s, train_tflop=learned.train_tflop, params=learned.params,
            params_trained=learned.params_trained, **evaluate.accuracy(logits, labels).model_dump(),
        )  # fmt: skip

    def _keep(self, learned: Learned) -> None:
        """Save the first fine-tuned model, and what its training moved."""
        if learned.loaded is None or (self.context.run.model_dir / "config.json").is_file():
            return
        save_model(learned.loaded, self.context)
        texts, labels = accuracy.test_texts(next(iter(self.loaded.values())), MOVED_TEXTS)
        encoded = learned.loaded.encode(texts, self.spec.max_length)
        before = models.load(self.spec.model, self.context.store, label_names=learned.loaded.label_names)
        before.model.to(self.here.torch_device)
        states = [
            representation.layer_states(model, encoded, self.here, self.context.check)
            for model in (before.model, learned.loaded.model)
        ]  # fmt: skip
        self.moved = representation.movement(states[0], states[1], labels.tolist())

    def result(self) -> FinetuneResult:
        """The result so far."""
        first = next(iter(self.loaded.values()))
        return FinetuneResult(
            model=str(self.spec.model), dataset=self.spec.dataset, label_names=first.label_names,
            arms=tuple(self.done), moved=self.moved,
        )  # fmt: skip
