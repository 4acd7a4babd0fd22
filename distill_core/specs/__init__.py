"""What was asked: one frozen type a kind of run. Forms, command-line flags and JSON files all come from these types.

A field's description, range, unit and typical values are written once, here. `kinds` lists the kinds and reads
untrusted values.
"""

from __future__ import annotations

from distill_core.specs.base import DeviceName, DTypeName, Inventory, Spec, TrainSpec, dataset_name
from distill_core.specs.compare import CompareSpec
from distill_core.specs.distill import DistillArm, DistillSpec
from distill_core.specs.finetune import FinetuneArm, FinetuneSpec
from distill_core.specs.pretrain import PretrainSpec
from distill_core.specs.students import StudentsArm, StudentsSpec

__all__ = [
    "CompareSpec",
    "DTypeName",
    "DeviceName",
    "DistillArm",
    "DistillSpec",
    "FinetuneArm",
    "FinetuneSpec",
    "Inventory",
    "PretrainSpec",
    "Spec",
    "StudentsArm",
    "StudentsSpec",
    "TrainSpec",
    "dataset_name",
]
