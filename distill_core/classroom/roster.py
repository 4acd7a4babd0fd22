"""Which visitors are teachers: kept beside the runs, as hashes, so that it holds on every server of one folder."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path

from distill_core.files import turns
from distill_core.files.json_files import read_json, write_json

MOST = 50  # the newest; an older one gives the passcode again


def is_teacher(root: Path, visitor: str) -> bool:
    """Whether this visitor has given the passcode."""
    return bool(visitor) and _hash(visitor) in _teachers(root)


def add_teacher(root: Path, visitor: str) -> None:
    """Raises RunError, TimeoutError or OSError where it cannot be written."""
    path = _file(root)
    with turns.locked(path.with_name("teachers.lock"), wait_s=10):
        kept = [one for one in _teachers(root) if one != _hash(visitor)]
        write_json(path, {"teachers": [*kept, _hash(visitor)][-MOST:]})


def remove_teacher(root: Path, visitor: str) -> None:
    """Raises as `add_teacher`."""
    path = _file(root)
    with turns.locked(path.with_name("teachers.lock"), wait_s=10):
        write_json(path, {"teachers": [one for one in _teachers(root) if one != _hash(visitor)]})


def folder(root: Path) -> Path:
    """Where classes and teachers are kept."""
    return root.absolute() / ".classroom"


def _file(root: Path) -> Path:
    return folder(root) / "teachers.json"


def _teachers(root: Path) -> tuple[str, ...]:
    path = _file(root)
    try:
        stat = path.stat()
    except OSError:
        return ()
    return _read(path, (stat.st_mtime_ns, stat.st_size, stat.st_ino))


@lru_cache(maxsize=8)
def _read(path: Path, version: tuple[int, int, int]) -> tuple[str, ...]:
    listed = (read_json(path) or {}).get("teachers")
    return tuple(one for one in listed if isinstance(one, str)) if isinstance(listed, list) else ()


def _hash(visitor: str) -> str:
    return hashlib.sha256(f"teacher:{visitor}".encode()).hexdigest()
