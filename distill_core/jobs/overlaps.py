"""Wherever texts of two data sets meet in one result: how many test texts of the one are training texts of the other.

A model brings the training texts of all runs that it comes from: its own, its teacher's, the one that it began as.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from distill_core import model_ref
from distill_core.data_ref import Ref as DataRef
from distill_core.datasets import catalogue, splits, twins
from distill_core.datasets.dataset import Dataset
from distill_core.errors import DistillError
from distill_core.results import Overlap
from distill_core.runs.run import Run
from distill_core.runs.store import RunStore


def of_data(trained: Mapping[str, Dataset], tested: Mapping[str, Dataset]) -> tuple[Overlap, ...]:
    """For each two data sets that are not the same one; only those that do overlap."""
    known = {name: set(_forms(dataset, splits.TRAIN)) for name, dataset in trained.items()}
    asked = {name: _forms(dataset, splits.TEST) for name, dataset in tested.items()}
    found = [
        Overlap(trained_on=train, tested_on=test, texts=sum(form in forms for form in own), of=len(own))
        for train, forms in known.items()
        for test, own in asked.items()
        if train != test
    ]
    return tuple(one for one in found if one.texts)


def of_models(
    refs: Iterable[model_ref.Ref | None], tested: Mapping[str, Dataset], store: RunStore
) -> tuple[Overlap, ...]:
    """The same for the data sets that these models have learned from; `texts` is None where that cannot be told, since
    a data set is not there any more or has changed."""
    found: dict[tuple[str, str], Overlap] = {}
    for source, before in _learned_from([ref for ref in refs if ref is not None], store, set()):
        for name, dataset in tested.items():
            same = source.key == name and (before == dataset.fingerprint or (before is None and not source.is_file))
            if not same:
                for one in _of_source(source, before, name, dataset):
                    found[one.trained_on, one.tested_on] = one
    return tuple(found.values())


def _of_source(source: DataRef, before: str | None, name: str, dataset: Dataset) -> tuple[Overlap, ...]:
    unknown = Overlap(trained_on=source.key, tested_on=name, texts=None, of=len(dataset.split(splits.TEST)))
    try:
        learned = catalogue.load(source)
    except DistillError:
        return (unknown,)
    if source.is_file and before != learned.fingerprint:
        return (unknown,)
    return of_data({source.key: learned}, {name: dataset})


def _learned_from(
    refs: Iterable[model_ref.Ref], store: RunStore, seen: set[str]
) -> Iterator[tuple[DataRef, str | None]]:
    """The data sets of the runs behind these models, each with its fingerprint then, where the run has kept it."""
    for ref in refs:
        if ref.source != "run" or ref.name in seen:
            continue
        seen.add(ref.name)
        try:
            run = store.get(ref.name)
            spec = run.spec()
        except DistillError:
            continue
        learned = spec.learned_from
        if learned is not None:
            yield learned, _first_fingerprint(run)
        yield from _learned_from(spec.refs, store, seen)


def _first_fingerprint(run: Run) -> str | None:
    environment = run.environment()
    return environment.data[0] if environment is not None and environment.data else None


def _forms(dataset: Dataset, split: str) -> list[str]:
    return [twins.form(text) for text in dataset.split(split)["text"]]
