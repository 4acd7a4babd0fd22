"""Command-line flags from the spec types: a field is written once, in `specs/`, and becomes a flag here."""

from __future__ import annotations

import argparse
from typing import Any, NoReturn

from pydantic_core import PydanticUndefined

from distill_core.errors import SpecError
from distill_core.kinds import KINDS
from distill_core.specs import controls


class Parser(argparse.ArgumentParser):
    """argparse that raises a SpecError, so that wrong usage has the same form as every other error."""

    def error(self, message: str) -> NoReturn:
        raise SpecError(f"{message[0].upper()}{message[1:]}.", f"See: {self.prog} --help")


def add_spec_flags(parser: argparse.ArgumentParser, kind: str) -> None:
    """One flag a field: batch_sizes → --batch-sizes. Values stay text; pydantic reads and checks them."""
    for name, field in KINDS[kind].spec.model_fields.items():
        if name == "kind":
            continue
        said = controls.described(field)
        unit = f" [{said['unit']}]" if said.get("unit") else ""
        required = field.default is PydanticUndefined
        default = "required" if required else f"default: {_shown(field.default)}"
        help_text = f"{field.description}{unit} ({default})".replace("%", "%%")
        if field.annotation is bool:
            parser.add_argument(f"--{name.replace('_', '-')}", dest=name, nargs="?", const="true", help=help_text)
            continue
        parser.add_argument(f"--{name.replace('_', '-')}", dest=name, metavar="…", required=required, help=help_text)


def _shown(value: Any) -> str:
    if value is None or value == "":
        return "empty"
    return ",".join(str(part) for part in value) if isinstance(value, tuple) else str(value)


def spec_values(arguments: argparse.Namespace, kind: str) -> dict[str, Any]:
    """The values that were given, ready for `kinds.parse_spec`."""
    names = [name for name in KINDS[kind].spec.model_fields if name != "kind"]
    given = {name: getattr(arguments, name) for name in names if getattr(arguments, name) is not None}
    return {"kind": kind, **given}
