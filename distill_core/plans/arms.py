"""The arms of a distillation: one spec becomes a list of students that differ in known ingredients.

Arms share the data order, the seed and the teacher's outputs, so that a difference comes from the ingredient alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from distill_core import arms as table
from distill_core.specs import DistillSpec
from distill_core.terms import BY_KEY, LABELS_ALONE


@dataclass(frozen=True)
class Arm:
    """One student: its name, its seed, and the spec with the arm's own ingredients."""

    name: str
    seed: int
    spec: DistillSpec
    reads_labeled_alone: bool = False

    @property
    def key(self) -> str:
        """A name for files and curves; the seed is part of it where there are several."""
        return f"{self.name}-{self.seed}" if self.spec.seeds > 1 else self.name

    @property
    def is_taught(self) -> bool:
        """Whether it learns from the teacher, and not from the labels alone."""
        return self.spec.weights.asks_the_teacher

    @property
    def reads_unlabeled(self) -> bool:
        """Whether texts without a label teach it something: through the teacher alone they can."""
        return self.is_taught and not self.reads_labeled_alone

    @property
    def ingredients(self) -> dict[str, Any]:
        """What may differ between arms, for tables."""
        names = (*BY_KEY, "temperature", "student_layers", "init")
        return {name: getattr(self.spec, name) for name in names}


def plan(spec: DistillSpec) -> list[Arm]:
    """All arms of a spec, seed by seed, so that every arm has a first result early."""
    seeds = range(spec.seed, spec.seed + spec.seeds)
    variants = _sweep(spec) or (_ablation(spec) if spec.ablation else [])
    if variants:
        return [Arm(name, seed, spec.model_copy(update=changes)) for seed in seeds for name, changes in variants]
    return [_arm(spec, table.distill(name), seed) for seed in seeds for name in spec.arms]


def kept(planned: list[Arm]) -> Arm:
    """The arm whose student is saved as the run's model: the first that learns from the teacher, else the first."""
    return next((arm for arm in planned if arm.is_taught), planned[0])


def _arm(spec: DistillSpec, row: table.DistillArm, seed: int) -> Arm:
    loss = LABELS_ALONE if row.learns_from_labels_alone else {}
    return Arm(row.key, seed, spec.model_copy(update={**loss, **row.changes}), row.reads_labeled_alone)


def _ablation(spec: DistillSpec) -> list[tuple[str, dict[str, Any]]]:
    """Leave out one ingredient at a time (DistilBERT, arXiv:1910.01108 Table 4)."""
    used = [term.key for term in spec.weights.used]
    without = [(f"no {name}", {name: 0.0}) for name in used] if len(used) > 1 else []
    initial = [("random init", {"init": "random"})] if spec.init == "teacher-layers" else []
    return [("all", {}), *without, *initial]


def _sweep(spec: DistillSpec) -> list[tuple[str, dict[str, Any]]]:
    """Temperature × weight, or depths; both when both are listed."""
    if not (spec.sweep_temperatures or spec.sweep_soft or spec.sweep_layers):
        return []
    variants = []
    for layers in spec.sweep_layers or (None,):
        for temperature in spec.sweep_temperatures or (None,):
            for soft in spec.sweep_soft or (None,):
                changes: dict[str, Any] = {}
                if layers is not None:
                    changes |= {"student_layers": layers, "layers": None}
                if temperature is not None:
                    changes["temperature"] = temperature
                if soft is not None:
                    changes |= {"soft": soft, "hard": 1 - soft}
                variants.append((_name(changes), changes))
    return variants


def _name(changes: dict[str, Any]) -> str:
    words = {"student_layers": "layers", "temperature": "temperature", "soft": "soft"}
    return ", ".join(f"{words[name]} {value:g}" for name, value in changes.items() if name in words)
