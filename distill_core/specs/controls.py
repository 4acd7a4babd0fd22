"""How a form offers a setting: its label, and the range or the choices that make sense in a lesson.

A spec's field says what is allowed; the `Control` beside it says what a form shows of that, often less.
`setting(DistillSpec, "temperature")` puts the two together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args, get_origin

from annotated_types import Ge, Le
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

Number = int | float


@dataclass(frozen=True)
class Control:
    """What a form shows of a setting: a range with a step, or a few choices. An end that is None is the spec's own."""

    label: str = ""
    least: Number | None = None
    most: Number | None = None
    step: Number | None = None
    choices: Sequence[Any] = ()


PLAIN = Control()
EPOCHS = Control("Epochs", 1, 10)
SEEDS = Control("Repeat with so many seeds", 1, 5)
TEMPERATURE = Control("Temperature τ", 0.5, 10.0, 0.5)
WEIGHT = Control("", 0.0, 1.0, 0.05)  # of a loss term; its label comes from the term's title


@dataclass(frozen=True)
class Setting:
    """A field as a form needs it. `start` is its default; an end is None where neither control nor spec has one."""

    label: str
    help: str | None
    start: Any
    least: Number | None
    most: Number | None
    step: Number | None
    choices: Sequence[Any]


def setting(spec: type[BaseModel], name: str) -> Setting:
    """Label, range, start and help of one field of a spec. Raises KeyError for a field that it does not have."""
    info = spec.model_fields[name]
    control = Control(**described(info).get("control", {}))
    return Setting(
        label=control.label,
        help=help_text(info),
        start=None if info.default is PydanticUndefined else info.default,
        least=control.least if control.least is not None else _limit(info, Ge, "ge"),
        most=control.most if control.most is not None else _limit(info, Le, "le"),
        step=control.step,
        choices=tuple(control.choices or _named(info)),
    )


def help_text(info: FieldInfo) -> str:
    """A field's description, and what is typical."""
    typical = described(info).get("typical")
    return f"{info.description}{f' Typical: {typical}.' if typical else ''}"


def described(info: FieldInfo) -> dict[str, Any]:
    """What `specs.base.field` says of a field beyond pydantic's own: unit, typical, control."""
    extra = info.json_schema_extra
    return dict(extra) if isinstance(extra, dict) else {}


def as_json(control: Control) -> dict[str, Any]:
    """What a control sets, for the field's JSON schema."""
    return {name: value for name, value in asdict(control).items() if value not in ("", None, ())}


def _limit(info: FieldInfo, kind: type[Ge] | type[Le], name: str) -> Number | None:
    return next((getattr(limit, name) for limit in info.metadata if isinstance(limit, kind)), None)


def _named(info: FieldInfo) -> tuple[Any, ...]:
    """The names that a field takes, where it takes only some."""
    return get_args(info.annotation) if get_origin(info.annotation) is Literal else ()
