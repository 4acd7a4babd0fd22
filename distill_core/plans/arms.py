"""The arms of a distillation: one spec becomes a list of students that differ in known ingredients.

Arms share the data order, the seed and the teacher's outputs, so that a difference comes from the ingredient alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from distill_core import arms as table
from distill_core.plans.cells import StudentCell
from distill_core.specs import DistillSpec
from distill_core.terms import BY_KEY, LABELS_ALONE


@dataclass(frozen=True, eq=False)
class DistillCell(StudentCell):
    """The training of one student, and the spec with its own ingredients."""

    spec: DistillSpec

    @property
    def ingredients(self) -> dict[str, Any]:
        """What may differ between arms, for tables."""
        names = (*BY_KEY, "temperature", "student_layers", "init")
        return {name: getattr(self.spec, name) for name in names}


def plan(spec: DistillSpec) -> list[DistillCell]:
    """All cells of a spec, seed by seed, so that every arm has a first result early."""
    variants = _sweep(spec) or (_ablation(spec) if spec.ablation else []) or _arms(spec)
    return [
        _cell(spec.model_copy(update=changes), name, seed)
        for seed in range(spec.seed, spec.seed + spec.seeds)
        for name, changes in variants
    ]


def kept(planned: list[DistillCell]) -> DistillCell:
    """The cell whose student is saved as the run's model: the first that learns from the teacher, else the first."""
    return next((cell for cell in planned if cell.is_taught), planned[0])


def _cell(spec: DistillSpec, arm: str, seed: int) -> DistillCell:
    """Texts without a label teach through the teacher alone: who does not hear it there leaves them out. In raw text
    every text holds its own answers."""
    key = f"{arm}-{seed}" if spec.seeds > 1 else arm
    labels = spec.labeled_examples or None if spec.mode == "task" else None
    reads_all = spec.weights.asks_the_teacher and not _reads_labeled_alone(arm)
    return DistillCell(
        arm,
        seed,
        key,
        key.replace(" ", "-").replace(",", ""),
        spec.student or spec.teacher,
        spec.init == "random",
        spec.weights,
        None if reads_all else labels,
        labels,
        spec.epochs,
        spec,
    )


def _reads_labeled_alone(arm: str) -> bool:
    return any(row.reads_labeled_alone for row in table.DISTILL if row.key == arm)


def _arms(spec: DistillSpec) -> list[tuple[str, dict[str, Any]]]:
    """The arms that were asked for, each with what it changes."""
    rows = [table.distill(name) for name in spec.arms]
    return [(row.key, {**(LABELS_ALONE if row.learns_from_labels_alone else {}), **row.changes}) for row in rows]


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
