"""Who can teach: the fine-tuned models of finished runs, newest first, and public checkpoints fine-tuned on SST-2."""

from __future__ import annotations

from dataclasses import dataclass

from distill_core import families
from distill_core.arms import SAVED
from distill_core.datasets import catalogue
from distill_core.errors import DistillError
from distill_core.model_ref import Ref
from distill_core.models.shapes import shape_of
from distill_core.results import FinetuneResult
from distill_core.runs.run import Run
from distill_core.runs.store import RunStore
from distill_core.settings import DATA
from distill_core.specs import FinetuneSpec


@dataclass(frozen=True)
class Teacher:
    """One candidate. `layers` is None where only loading can tell; `accuracy` (0–1) is its own run's."""

    ref: str
    label: str
    dataset: str
    label_names: tuple[str, ...]
    layers: int | None
    accuracy: float | None = None
    text_column: str = "text"
    label_column: str = "label"

    @property
    def datasets(self) -> tuple[str, ...]:
        """Its own data set first, then the named ones with the same classes: there it can teach too."""
        same = [name for name in catalogue.names() if catalogue.info(name).label_names == self.label_names]
        return tuple(dict.fromkeys([self.dataset, *same]))


def from_run(run: Run) -> Teacher | None:
    """The model that a finished fine-tuning has saved; None where there is none."""
    result = run.result_as(FinetuneResult)
    if run.state().state != "done" or not run.model_dir.is_dir() or result is None:
        return None
    try:
        spec = run.spec_as(FinetuneSpec)
    except DistillError:
        return None
    if spec is None:
        return None
    found = [arm.accuracy for arm in result.arms if arm.arm == SAVED and arm.accuracy is not None]
    shape = shape_of(Ref("run", run.id), RunStore(run.path.parent))
    return Teacher(
        f"run:{run.id}",
        f"{spec.heading} ({run.id.partition('-')[0]})",
        spec.dataset,
        result.label_names,
        shape.layers if shape else None,
        found[0] if found else None,
        spec.text_column,
        spec.label_column,
    )


def public() -> list[Teacher]:
    """The families' public checkpoints for SST-2; they need the Hub."""
    found = []
    for family in families.FAMILIES:
        if family.sst2_hub_id is not None and not family.sst2_note:
            ref = Ref("sst2", family.key)
            shape = shape_of(ref, RunStore(DATA))
            info = catalogue.info("sst2")
            label = f"{family.title} fine-tuned on SST-2, from the Hub"
            found.append(Teacher(str(ref), label, "sst2", info.label_names, shape.layers if shape else None))
    return found


def origin(ref: Ref, store: RunStore) -> tuple[Ref, int | None]:
    """The pre-trained model that a fine-tuned one began as, and its number of labeled texts, where its run tells them.

    Raises RunError for a run that is not there.
    """
    if ref.source != "run":
        return ref, None
    return store.get(ref.name).spec().origin or (ref, None)
