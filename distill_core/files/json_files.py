"""JSON files that are there whole or not at all: written beside their place, flushed, then moved into it."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import time
from pathlib import Path
from typing import Any

from distill_core.errors import RunError


def write_json(path: Path, data: Any) -> None:
    """Write whole or not at all. Raises RunError when the disk or the rights do not allow it."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(3)}")
    try:
        with temporary.open("w", encoding="utf-8") as file:
            json.dump(data, file, indent=1, allow_nan=False)
            file.flush()
            os.fsync(file.fileno())
        _move(temporary, path)
    except ValueError:
        temporary.unlink()
        raise
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise RunError(
            f"Cannot write {path.name} in {path.parent}: {error.strerror}.",
            "Free some disk space or check the permissions of the folder; DISTILL_RUNS_DIR names another one.",
        ) from error


def read_json(path: Path) -> dict[str, Any] | None:
    """The object in the file; None when it is missing, half-written or not an object."""
    try:
        data = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None
    return data if isinstance(data, dict) else None


def _move(source: Path, target: Path) -> None:
    """Replace the target. On Windows that fails for the moment in which a reader has the target open."""
    deadline = time.monotonic() + 1
    while True:
        try:
            source.replace(target)
            return
        except PermissionError:
            if os.name != "nt" or time.monotonic() > deadline:
                raise
            time.sleep(0.01)
