"""Fine-tune: load data → learn (`learners.py`) → evaluate, for every data set, seed, number of labels and arm."""

from __future__ import annotations

from dataclasses import dataclass, field

from torch import Tensor

from distill_core import arms
from distill_core.arms import SAVED
from distill_core.datasets.dataset import Dataset
from distill_core.errors import DistillError, SpecError
from distill_core.jobs import accuracy, cells, data, learners, overlaps
from distill_core.jobs.adapt import drop_adapted
from distill_core.jobs.device import prepared_device
from distill_core.jobs.reporting import Reporter
from distill_core.jobs.supervised import DomainPredictions, Predictions, drop_checkpoints, save_model
from distill_core.jobs.workshop import Assignment, Learned, Workshop
from distill_core.machine.devices import Device
from distill_core.measure import evaluate, representation
from distill_core.models import loading
from distill_core.models.loading import LoadedModel
from distill_core.plans import transfer_cells
from distill_core.plans.transfer_cells import FinetuneCell
from distill_core.results import Cut, ErrorInfo, FinetuneArmResult, FinetuneResult, Movement, Overlap
from distill_core.runs.control import JobContext
from distill_core.specs import FinetuneSpec
from distill_core.tasks.base import texts_of

MOVED_TEXTS = 256  # test texts on which the networks before and after are compared


def run(spec: FinetuneSpec, context: JobContext) -> FinetuneResult:
    """Learn and evaluate every cell of the plan; cells that an interrupted try has finished are kept.

    Raises DistillError where no cell at all could be learned.
    """
    device = prepared_device(spec, context)
    job = _Job(spec, context, device, _load_all(spec, context))
    cells.finish(job, cells.in_turn(job.learn, job.open_cells()))
    drop_adapted(context)
    drop_checkpoints(context)
    job.check_some_learned()
    return job.result()


def _load_all(spec: FinetuneSpec, context: JobContext) -> dict[str, Dataset]:
    """The data sets to train and test on. Raises SpecError where their classes differ."""
    refs = spec.domains or (spec.dataset, *spec.test_datasets)
    loaded = data.load(refs, context)
    first = loaded[refs[0].key]
    for name, dataset in loaded.items():
        if dataset.label_names != first.label_names:
            raise SpecError(
                f"{name} has the classes {', '.join(dataset.label_names)}, {refs[0].key} has "
                f"{', '.join(first.label_names)}.",
                "Choose data sets with the same classes.",
            )
    return loaded


@dataclass
class _Job(cells.Job[FinetuneCell, list[FinetuneArmResult]]):
    spec: FinetuneSpec
    context: JobContext
    device: Device
    loaded: dict[str, Dataset]
    done: list[FinetuneArmResult] = field(default_factory=list)
    moved: Movement | None = None
    errors: list[DistillError] = field(default_factory=list)
    cut: tuple[Cut, ...] = ()

    def __post_init__(self) -> None:
        earlier = self.context.run.result()
        if isinstance(earlier, FinetuneResult):
            self.done, self.moved = [row for row in earlier.arms if row.error is None], earlier.moved
            self.cut = earlier.cut
        plan = transfer_cells.plan(self.spec)
        self._place = {cell: place for place, cell in enumerate(plan)}
        finished = set(map(self._cell, self.done))
        self._open = [cell for cell in plan if cell not in finished]
        self.reporter = Reporter(self.context, len(plan), len(plan) - len(self._open))
        self.workshop = Workshop(self.spec, self.context, self.device, self.reporter)
        self.overlaps = self._overlaps()
        self.tests = {name: accuracy.test_texts(one, self.spec.eval_examples) for name, one in self.loaded.items()}

    def _overlaps(self) -> tuple[Overlap, ...]:
        trained = {name: self.loaded[name] for name in {cell.dataset: None for cell in self._place}}
        brought = overlaps.of_models([self.spec.model], self.loaded, self.context.store)
        return (*overlaps.of_data(trained, self.loaded), *brought)

    def open_cells(self) -> list[FinetuneCell]:
        return self._open

    def learn(self, cell: FinetuneCell) -> list[FinetuneArmResult]:
        """Learn one cell and test it on every data set; the model of the run is saved."""
        self.reporter.say(f"{cell.key}: starting")
        dataset = self.loaded[cell.dataset]
        train = dataset.sample_train(cell.n, cell.seed, clamp=bool(self.spec.domains))
        targets = self._target_texts(cell) if arms.finetune(cell.arm).reads_targets else ()
        learned = learners.learn(Assignment(cell, train, dataset, targets), self.workshop)
        with learned.kept_when_stopped():
            return self._tested(cell, learned)

    def _tested(self, cell: FinetuneCell, learned: Learned) -> list[FinetuneArmResult]:
        self.reporter.say(f"{cell.key}: testing", 0.97)
        logits = {test: learned.classify(texts) for test, (texts, _) in self.tests.items()}
        self._keep_predictions(cell, logits)
        if learned.loaded is not None and not self.cut:
            self.cut = self._count_cut(learned.loaded)
        if self._is_kept(cell) and learned.loaded is not None:
            self._keep_model(learned.loaded)
        return [self._row(cell, learned, test, logits[test]) for test in self.tests]

    def _count_cut(self, loaded: LoadedModel) -> tuple[Cut, ...]:
        """What is never read of each data set: all arms with tokens read alike."""
        spec, most = self.spec, max(self.spec.train_examples)
        trained = {cell.dataset for cell in self._place}
        return tuple(
            data.cut(
                loaded,
                name,
                spec.max_length,
                train=texts_of(one.sample_train(most, spec.seed, clamp=True)) if name in trained else (),
                test=self.tests[name][0],
            )
            for name, one in self.loaded.items()
        )

    def keep(self, cell: FinetuneCell, found: list[FinetuneArmResult]) -> None:
        """Add the rows of a cell, one for each data set that it was tested on."""
        self.done += found

    def failed(self, cell: FinetuneCell, error: DistillError) -> None:
        """One row that says why."""
        self.context.log(f"{cell.key}: {error}")
        self.errors.append(error)
        row = FinetuneArmResult(
            arm=cell.arm,
            train_examples=cell.n,
            seed=cell.seed,
            dataset=cell.dataset,
            test_dataset=cell.dataset,
            error=ErrorInfo(**error.as_json()),
        )
        self.done.append(row)

    def check_some_learned(self) -> None:
        """Raises the first error where nothing else came of the run."""
        if self.errors and all(row.error is not None for row in self.done):
            raise self.errors[0]

    def _target_texts(self, cell: FinetuneCell) -> tuple[str, ...]:
        """Training texts, without labels, of the domains that the model is tested on: as many of each, where there are
        more than `adapt_examples`."""
        others = [name for name in self.loaded if name != cell.dataset] or [cell.dataset]
        texts = [self.loaded[name].split("train")["text"] for name in others]
        if self.spec.adapt_examples:
            most = -(-self.spec.adapt_examples // len(others))
            texts = [part.sample(min(most, len(part)), random_state=self.spec.seed) for part in texts]
        return tuple(text for part in texts for text in part)

    def _keep_predictions(self, cell: FinetuneCell, logits: dict[str, Tensor]) -> None:
        """What the model says about the test texts of its own data set, and of all of them where there are several."""
        if len(self.spec.domains) < 2:
            Predictions(self.context, *self.tests[cell.dataset]).add(cell.key, logits[cell.dataset])
        if len(self.tests) > 1:
            DomainPredictions(self.context, self.tests).add(cell.key, logits)

    def _row(self, cell: FinetuneCell, learned: Learned, test: str, logits: Tensor) -> FinetuneArmResult:
        _, labels = self.tests[test]
        return FinetuneArmResult(
            arm=cell.arm,
            train_examples=cell.n,
            seed=cell.seed,
            dataset=cell.dataset,
            test_dataset=test,
            train_texts=self._train_texts(cell),
            train_s=learned.train_s,
            train_tflop=learned.train_tflop,
            shared_s=learned.shared_s,
            steps=learned.steps,
            learning_rate=learned.learning_rate,
            params=learned.params,
            params_trained=learned.params_trained,
            **evaluate.accuracy(logits, labels).model_dump(),
        )

    def _train_texts(self, cell: FinetuneCell) -> int:
        """How many texts a cell learns from: fewer than asked for, where a domain has fewer."""
        return min(cell.n, self.loaded[cell.dataset].train_size)

    def _is_kept(self, cell: FinetuneCell) -> bool:
        """Whether the run keeps this model: fine-tuned with the first seed, from the most labeled texts so far."""
        first = transfer_cells.plan(self.spec)[0]
        if (cell.arm, cell.dataset, cell.seed) != (SAVED, first.dataset, first.seed):
            return False
        sizes = [
            row.train_examples
            for row in self.done
            if (row.arm, row.dataset, row.seed) == (SAVED, first.dataset, first.seed) and row.error is None
        ]
        return cell.n >= max(sizes, default=0)

    def _keep_model(self, loaded: LoadedModel) -> None:
        """Save a fine-tuned model, and what its training moved."""
        save_model(loaded, self.context, self.spec.max_length)
        texts, labels = accuracy.test_texts(next(iter(self.loaded.values())), MOVED_TEXTS)
        encoded = loaded.encode(texts, self.spec.max_length)
        before = loading.load(self.spec.model, self.context.store, label_names=loaded.label_names)
        before.model.to(self.device.torch_device)
        states = [
            representation.layer_states(model, encoded, self.device, self.context.check)
            for model in (before.model, loaded.model)
        ]
        self.moved = representation.movement(states[0], states[1], labels.tolist())

    def result(self) -> FinetuneResult:
        """The result so far, in the order of the plan: what has failed in an earlier try is done last."""
        first = next(iter(self.loaded.values()))
        return FinetuneResult(
            model=str(self.spec.model),
            dataset=self.spec.dataset.key,
            label_names=first.label_names,
            arms=tuple(sorted(self.done, key=lambda row: self._place[self._cell(row)])),
            moved=self.moved,
            overlaps=self.overlaps,
            cut=self.cut,
        )

    def _cell(self, row: FinetuneArmResult) -> FinetuneCell:
        return transfer_cells.cell(self.spec, row.arm, row.seed, row.dataset, row.train_examples)
