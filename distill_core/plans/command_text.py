"""The command line that runs a spec again: the inverse of cli/flags.py, quoted for a shell."""

from __future__ import annotations

import shlex
from typing import Any

from distill_core.specs import Spec

PROGRAM = ("python", "-m", "distill_core")


def command(spec: Spec) -> str:
    """`python -m distill_core distill --teacher run:ID --ablation`. Settings at their defaults are left out."""
    return shlex.join([*PROGRAM, *arguments(spec)])


def arguments(spec: Spec) -> list[str]:
    """The words after the program's name."""
    values = spec.model_dump(mode="json", exclude_defaults=True, exclude={"kind"})
    words: list[str] = [spec.kind]
    for name, value in values.items():
        words += _flag(f"--{name.replace('_', '-')}", value)
    return words


def _flag(flag: str, value: Any) -> list[str]:
    if value is True:
        return [flag]
    text = ",".join(map(str, value)) if isinstance(value, list) else str(value)
    # with a space, argparse would take a value that begins with a dash for a flag
    return [f"{flag}={text}"] if text.startswith("-") or not text else [flag, text]
