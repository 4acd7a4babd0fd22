"""The code that a page shows: definitions of the core, read from their files, so that nothing heavy is imported."""

from __future__ import annotations

import ast
from functools import cache

from distill_core.errors import SpecError
from distill_core.places import PROJECT


def definitions(*names: str) -> str:
    """The source of functions and classes, in this order, as their files hold it.

    A name is the module's place in the core and the definition: `training/losses:soft_target_loss`.
    Raises SpecError for a module without this definition at its top.
    """
    return "\n\n\n".join(_definition(*name.split(":")) for name in names)


@cache
def _definition(module: str, name: str) -> str:
    text = (PROJECT / "distill_core" / f"{module}.py").read_text(encoding="utf-8")
    for node in ast.parse(text).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name == name:
            first = min(line.lineno for line in (node, *node.decorator_list))
            return "\n".join(text.splitlines()[first - 1 : node.end_lineno])
    raise SpecError(f"{module}.py has no {name!r}.", "Correct the name where the page asks for this code.")
