"""What the experiments of the Transfer lab offer: training sizes, depths to unfreeze, domains with the same classes."""

from __future__ import annotations

from distill_core import arms, model_ref
from distill_core.arms import FinetuneArm
from distill_core.datasets import catalogue, known_splits
from distill_core.errors import DistillError
from distill_core.model_ref import Ref
from distill_core.models.shapes import shape_of
from distill_core.plans.training_cost import offered_sizes
from distill_core.runs.store import RunStore

SIZES = (25, 50, 100, 200, 500, 1000, 2000, 4000)
USUAL_CURVE = (25, 100, 500)
USUAL_SIZE = 500
_USUAL_DOMAINS = ("movies", "amazon", "nyt", "tweets")


def sizes(dataset: str, train_size: int | None = None) -> tuple[int, ...]:
    """Numbers of labeled texts that a form offers, smallest first, up to all that there are.

    `train_size`: the number of training texts of an own file. Where it is unknown, "all" is not offered.
    """
    most = train_size or known_splits.train_size(dataset)
    if most is None:
        return tuple(size for size in offered_sizes(dataset) if size <= max(SIZES))
    return (*(size for size in SIZES if size < most), most)


def usual_sizes(offered: tuple[int, ...]) -> list[int]:
    """The points of a first learning curve: few enough to wait for, and a tenfold range."""
    usual = [size for size in offered if size in USUAL_CURVE]
    return usual or list(offered[-2:])


def usual_size(offered: tuple[int, ...]) -> int:
    """The one size of an experiment that holds it fixed."""
    return max((size for size in offered if size <= USUAL_SIZE), default=offered[0])


def depth_arms(model: str, store: RunStore) -> tuple[str, ...]:
    """How much of this model can be unfrozen: the head, the 1, 2, 4, … highest layers, all; and LoRA.

    ALBERT shares one layer, so it has no highest one.
    """
    ref = _ref(model)
    family = ref.family if ref else None
    shape = shape_of(ref, store) if ref else None
    layers = 0 if shape is None or (family is not None and family.shared_layers) else shape.layers
    found: list[FinetuneArm] = []
    for arm in arms.by_depth(arms.FINETUNE):
        found += [arm.numbered(k) for k in (1, 2, 4, 8, 16) if k < layers] if arm.is_numbered else [arm]
    return tuple(arm.key for arm in found)


def _ref(model: str) -> Ref | None:
    try:
        return model_ref.parse(model)
    except DistillError:
        return None


def domain_names() -> tuple[str, ...]:
    """Data sets with the classes of the four domains, these first: a matrix needs the same classes everywhere."""
    wanted = domain_labels()
    others = [name for name in catalogue.names() if catalogue.info(name).label_names == wanted]
    return (*_USUAL_DOMAINS, *(name for name in others if name not in _USUAL_DOMAINS))


def domain_labels() -> tuple[str, ...]:
    """The classes that a domain must have to join the matrix."""
    return catalogue.info(_USUAL_DOMAINS[0]).label_names


def usual_domains() -> list[str]:
    """The four that need no Hub."""
    return list(_USUAL_DOMAINS)
