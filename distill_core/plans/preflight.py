"""Checks of a spec against this machine, before a run is made: unknown data, missing models, lengths, layers.

Quick and without torch, so that pages and the command line answer at once. What only the loaded model can tell, the
job checks itself, with the same sentences.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from distill_core import data_ref, families
from distill_core.assets import shelf
from distill_core.corpus import library
from distill_core.data_ref import NONE
from distill_core.datasets import catalogue, uploads
from distill_core.errors import DistillError, ModelError, RunError, SpecError
from distill_core.families import Family
from distill_core.files.json_files import read_json
from distill_core.model_ref import Ref
from distill_core.models import shapes
from distill_core.runs.store import RunStore
from distill_core.settings import DATA
from distill_core.specs import AnySpec, CompareSpec, DistillSpec, FinetuneSpec, PretrainSpec, StudentsSpec


def check(spec: AnySpec, store: RunStore) -> None:
    """Raises DistillError with the first thing that would make the run fail."""
    if isinstance(spec, CompareSpec):
        _check_compare(spec, store)
    elif isinstance(spec, FinetuneSpec):
        _check_finetune(spec, store)
    elif isinstance(spec, DistillSpec):
        _check_distill(spec, store)
    elif isinstance(spec, StudentsSpec):
        _check_students(spec, store)
    else:
        _check_pretrain(spec, store)
    for ref in _datasets(spec):
        if ref.is_file:
            catalogue.load(ref)
        elif ref != NONE:
            catalogue.info(ref.name)
        elif not isinstance(spec, CompareSpec):
            raise SpecError("There is nothing to learn from without a data set.", "Choose one, for instance movies.")


def _datasets(spec: AnySpec) -> tuple[data_ref.Ref, ...]:
    """All data sets that the spec names."""
    if isinstance(spec, PretrainSpec):
        return () if spec.probe_dataset == NONE else (spec.probe_dataset,)
    further = (*spec.test_datasets, *spec.domains) if isinstance(spec, FinetuneSpec) else ()
    return (spec.dataset, *further)


def check_from_page(spec: AnySpec, store: RunStore) -> None:
    """`check` for a request from a browser: it may not name files of the server, except uploads that were kept.

    Raises DistillError.
    """
    listed = [value if isinstance(value, tuple) else (value,) for value in vars(spec).values()]
    for ref in (entry for values in listed for entry in values):
        if isinstance(ref, Ref) and ref.source == "path":
            raise SpecError(f"{ref} names a folder of the server.", "Use the command line for models in folders.")
    for dataset in _datasets(spec):
        if dataset.is_file and not uploads.is_kept(dataset):
            raise SpecError("This file was not uploaded here.", "Upload it on the Fine-tune page.")
    check(spec, store)


def _check_compare(spec: CompareSpec, store: RunStore) -> None:
    limits = [_positions(_family(ref, store)) for ref in spec.models]
    shortest = min(spec.seq_lens)
    if all(limit is not None and limit < shortest for limit in limits):
        most = max(limit for limit in limits if limit is not None)
        raise SpecError(
            f"A length of {shortest:,} tokens is more than any of these models can read.", f"Choose at most {most:,}."
        )
    for ref in spec.models:
        _local_config(ref, store)


def _check_finetune(spec: FinetuneSpec, store: RunStore) -> None:
    if "zero-shot" in spec.arms and spec.model.source != "minilm":
        raise SpecError(f"{spec.model} was not trained to compare sentences.", "zero-shot works with minilm alone.")
    if spec.arms != ("bow",):
        _check_trainable(spec.model, spec.max_length, store)
        _check_arms(spec, store)


def _check_arms(spec: FinetuneSpec, store: RunStore) -> None:
    """Arms that this model cannot take: said before the other arms have cost their time."""
    family, shape = _family(spec.model, store), shapes.shape_of(spec.model, store)
    if "adapted" in spec.arms and family is not None and not family.fills_gaps:
        raise ModelError(f"{family.title} does not learn from masked words.", "Leave out the adapted arm.")
    for arm in spec.arms:
        if not arm.startswith("top"):
            continue
        top = int(arm.removeprefix("top"))
        if (shape is not None and top > shape.layers) or (family is not None and family.shared_layers):
            there = shape.layers if shape is not None else "one shared layer"
            raise SpecError(f"{arm} needs {top} layers of their own; this model has {there}.", "Choose head or all.")


def _check_distill(spec: DistillSpec, store: RunStore) -> None:
    _check_trainable(spec.teacher, spec.max_length, store)
    config = _local_config(spec.teacher, store)
    if config is None:
        return
    if spec.mode == "task":
        _check_head(spec.teacher, config)
    shape = shapes.of_config(config)
    if shape is not None and spec.student is None:
        _check_layers(spec, shape.layers)
    if spec.student is not None:
        _check_trainable(spec.student, spec.max_length, store)


def _check_students(spec: StudentsSpec, store: RunStore) -> None:
    """A student that is missing is an error of its own rows; without any student there is nothing to do."""
    _check_trainable(spec.teacher or spec.base, spec.max_length, store)
    config = _local_config(spec.teacher, store) if spec.teacher is not None else None
    if config is not None and spec.teacher is not None:
        _check_head(spec.teacher, config)
    problems = []
    for ref in spec.students:
        try:
            _check_trainable(ref, spec.max_length, store)
            _local_config(ref, store)
        except DistillError as error:
            problems.append(error)
    if len(problems) == len(spec.students):
        raise problems[0]


def _check_head(teacher: Ref, config: dict[str, Any]) -> None:
    if not any("SequenceClassification" in name for name in config.get("architectures") or []):
        raise ModelError(
            f"{teacher} has no classification head, so it cannot teach.", "Fine-tune it first, then name run:ID."
        )


def _check_pretrain(spec: PretrainSpec, store: RunStore) -> None:
    library.check_names(spec.corpus or None)
    if spec.teacher is not None:
        _check_trainable(spec.teacher, spec.max_length, store)
        _local_config(spec.teacher, store)
    limit = families.get(spec.family).max_positions
    if limit is not None and spec.max_length > limit:
        raise SpecError(
            f"{spec.family} has {limit} positions, got a length of {spec.max_length}.",
            f"Choose at most {limit} tokens.",
        )


def _check_layers(spec: DistillSpec, there: int) -> None:
    if spec.student_layers > there:
        raise SpecError(
            f"The student has {spec.student_layers} layers, its teacher only {there}.", f"Choose 1 to {there} layers."
        )
    for layer in spec.layers or ():
        if layer >= there:
            raise SpecError(f"The teacher has no layer {layer}.", f"Its layers are 0 to {there - 1}.")


def _check_trainable(ref: Ref, max_length: int, store: RunStore) -> None:
    if ref.source == "structure":
        raise ModelError(
            f"{ref} has random weights and no tokenizer.", "Choose minilm, a run, or a checkpoint of the Hub."
        )
    family = _family(ref, store)
    limit = _positions(family)
    if family is not None and limit is not None and max_length > limit:
        raise SpecError(
            f"{family.title} has {limit} positions, got a length of {max_length:,}.", f"Choose at most {limit} tokens."
        )


def _family(ref: Ref, store: RunStore) -> Family | None:
    if ref.family is not None:
        return ref.family
    config = _local_config(ref, store)
    return families.by_model_type(str(config.get("model_type"))) if config else None


def _positions(family: Family | None) -> int | None:
    return family.max_positions if family is not None else None


def _local_config(ref: Ref, store: RunStore) -> dict[str, Any] | None:
    """config.json of a model that should be on this disk; None where it has to be fetched first."""
    if ref.source == "run":
        run = store.get(ref.name)
        config = read_json(run.model_dir / "config.json")
        if config is None:
            raise RunError(
                f"The run {ref.name} has saved no model (state: {run.state().state}).",
                "Choose a finished training run.",
            )
        return config
    if ref.source in ("path", "mini"):
        path = Path(ref.name) if ref.source == "path" else DATA / "minis" / ref.name
        config = read_json(path / "config.json")
        if config is None:
            raise ModelError(f"There is no model for {ref}.", "Use minilm, a run, or a folder of save_pretrained.")
        return config
    if ref.source == "minilm":
        row = next(row for row in shelf.status() if row.name == "minilm")
        return read_json(row.folder / "config.json") if row.present else None
    return None
