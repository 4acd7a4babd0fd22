"""JSON files that are there whole or not at all."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from distill_core.errors import RunError
from distill_core.files import disk
from distill_core.files.whole import whole_file


def write_json(path: Path, data: Any) -> None:
    """Write whole or not at all. Raises RunError when the disk or the rights do not allow it."""
    try:
        with whole_file(path) as new, new.open("w", encoding="utf-8") as file:
            json.dump(data, file, indent=1, allow_nan=False)
    except OSError as error:
        if disk.is_full(error):
            raise RunError(f"The disk is full: {path.name} cannot be written.", disk.HINT) from error
        raise RunError(
            f"Cannot write {path.name} in {path.parent}: {error.strerror}.",
            "Free some disk space or check the permissions of the folder; DISTILL_RUNS_DIR names another one.",
        ) from error


def read_json(path: Path) -> dict[str, Any] | None:
    """The object in the file; None when it is missing, half-written, not an object, nested too deep, or holds what
    `write_json` never writes: NaN, infinities (by name, or as 1e999), half a pair of UTF-16 surrogates, which no text
    can show."""
    try:
        data = json.loads(path.read_bytes().decode(), parse_constant=_refuse)
        json.dumps(data, ensure_ascii=False, allow_nan=False).encode()
    except (OSError, ValueError, RecursionError):
        return None
    return data if isinstance(data, dict) else None


def _refuse(name: str) -> None:
    raise ValueError(f"{name} is no number of JSON.")
