"""The data sets of a run: read once, known by a fingerprint in env.json, and the same again where a run is resumed."""

from __future__ import annotations

from collections.abc import Sequence

from distill_core.data_ref import Ref
from distill_core.datasets import catalogue
from distill_core.datasets.dataset import Dataset
from distill_core.errors import RunError
from distill_core.models.loading import LoadedModel
from distill_core.results import Cut
from distill_core.runs.control import JobContext
from distill_core.runs.run import Run

_NEXT = "Start a new run: numbers of other texts must not stand beside those that are there."


def load(refs: Sequence[Ref], context: JobContext) -> dict[str, Dataset]:
    """The data sets by their keys, in this order. Raises DataError, AssetError, and RunError where a try of this run
    that has left something read other texts, labels or splits."""
    loaded = {ref.key: catalogue.load(ref) for ref in refs}
    prints = tuple(dataset.fingerprint for dataset in loaded.values())
    environment = context.run.environment()
    before = environment.data if environment is not None else None
    if before not in ((), prints) and _has_begun(context.run):
        raise _changed(list(loaded), before or (), prints, refs)
    if environment is not None:
        context.set_environment(environment.model_copy(update={"data": prints}))
    return loaded


def cut(loaded: LoadedModel, name: str, max_length: int, *, train: Sequence[str], test: Sequence[str]) -> Cut:
    """How many of a data set's texts are longer than this model may read of them."""
    shares = [loaded.encode(texts, max_length).cut_share for texts in (train, test)]
    return Cut(dataset=name, max_length=max_length, train=shares[0], test=shares[1])


def _has_begun(run: Run) -> bool:
    """Whether an earlier try has left a result or a checkpoint to go on from."""
    return run.result() is not None or run.checkpoint_dir.is_dir()


def _changed(keys: list[str], before: tuple[str, ...], now: tuple[str, ...], refs: Sequence[Ref]) -> RunError:
    if not before:
        return RunError("This run began before runs kept a fingerprint of their texts, which may be others now.", _NEXT)
    pairs = zip(keys, now, before, strict=False)
    key = next((key for key, new, old in pairs if new != old), keys[-1])
    ref = next(ref for ref in refs if ref.key == key)
    what = "The file" if ref.is_file else f"The data set {ref.name}"
    return RunError(f"{what} changed since this run began: it holds other texts, labels or splits.", _NEXT)
