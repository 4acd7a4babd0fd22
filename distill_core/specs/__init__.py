"""What was asked: one frozen type a kind of job. Forms, command-line flags and JSON files all come from these types.

A field's description, range, unit and typical values are written once, here; `parse` turns every violation into one
SpecError that names the value, what is allowed and what is typical.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, TypeAdapter, ValidationError

from distill_core.errors import SpecError
from distill_core.specs.base import BaseSpec, DeviceName, DTypeName, TrainSpec
from distill_core.specs.compare import CompareSpec
from distill_core.specs.distill import DistillArm, DistillSpec
from distill_core.specs.finetune import FinetuneArm, FinetuneSpec
from distill_core.specs.pretrain import PretrainSpec
from distill_core.specs.sentences import explain
from distill_core.specs.students import StudentsArm, StudentsSpec

__all__ = [
    "SPECS",
    "AnySpec",
    "BaseSpec",
    "CompareSpec",
    "DTypeName",
    "DeviceName",
    "DistillArm",
    "DistillSpec",
    "FinetuneArm",
    "FinetuneSpec",
    "PretrainSpec",
    "Spec",
    "StudentsArm",
    "StudentsSpec",
    "TrainSpec",
    "parse",
]

AnySpec = CompareSpec | FinetuneSpec | DistillSpec | StudentsSpec | PretrainSpec
Spec = Annotated[AnySpec, Field(discriminator="kind")]
SPECS: dict[str, type[BaseSpec]] = {
    "compare": CompareSpec,
    "finetune": FinetuneSpec,
    "distill": DistillSpec,
    "students": StudentsSpec,
    "pretrain": PretrainSpec,
}
_ADAPTER: TypeAdapter[AnySpec] = TypeAdapter(Spec)


def parse(data: dict[str, Any]) -> AnySpec:
    """A spec from untrusted values. Raises SpecError with the first problem in the user's words."""
    if str(data.get("kind")) not in SPECS:  # str: a list cannot be looked up
        raise SpecError(f"Unknown kind of run {data.get('kind')!r}.", f"Known: {', '.join(SPECS)}.")
    try:
        return _ADAPTER.validate_python(data)
    except ValidationError as error:
        raise explain(error, SPECS[data["kind"]]) from error
