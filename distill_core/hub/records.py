"""The record of resolved commits: which commit of a repository this installation works with, and its files.

One JSON file, written whole under a lock. A snapshot is recorded once it is complete and checked, so a recorded one
needs no network; a damaged record costs a download and nothing else.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from distill_core.files import turns
from distill_core.files.whole import whole_file
from distill_core.hub.names import COMMIT, TOKENIZERS, Request, is_safe_file, records_file


@dataclass(frozen=True)
class Record:
    """A complete snapshot. `revision` is what the commit was resolved from, `files` maps names to bytes."""

    commit: str
    revision: str
    files: Mapping[str, int]

    def is_complete(self, folder: Path) -> bool:
        """Whether every file lies there with its size."""
        return bool(self.files) and all(_size(folder / name) == size for name, size in self.files.items())


def find(request: Request) -> Record | None:
    """The recorded commit of a request, where all its files are still here."""
    record = recorded(request)
    return record if record is not None and record.is_complete(request.snapshot(record.commit)) else None


def recorded(request: Request) -> Record | None:
    """The recorded commit of a request, whether its files are here or not."""
    entry: Any = _read().get(request.key)
    try:
        record = Record(entry["commit"], entry["revision"], {str(k): int(v) for k, v in entry["files"].items()})
        valid = COMMIT.fullmatch(record.commit) and all(is_safe_file(name) for name in record.files)
    except (TypeError, KeyError, ValueError, AttributeError):
        return None
    return record if valid else None


def save(request: Request, record: Record) -> None:
    """Record a complete snapshot, beside those of others."""
    path = records_file()
    with turns.locked(path.with_name(".commits.lock")):
        entry = {"commit": record.commit, "revision": record.revision, "files": dict(record.files)}
        entries = {**_read(), request.key: {**entry, "saved_at": datetime.now(UTC).isoformat(timespec="seconds")}}
        with whole_file(path) as new:
            new.write_text(json.dumps({"version": 1, "snapshots": entries}, indent=1), encoding="utf-8")


def adopt(request: Request) -> Record | None:
    """A snapshot that another program has left in the cache: the commit that the Hub's own ref file names.

    Files stored by their sha256 are checked against it. Weights and a tokenizer must be there. None otherwise.
    """
    commit = request.revision
    if not COMMIT.fullmatch(commit):
        try:
            commit = (request.folder / "refs" / request.revision).read_text(encoding="utf-8").strip()
        except (OSError, ValueError):
            return None
    if request.kind != "model" or not COMMIT.fullmatch(commit):
        return None
    folder = request.snapshot(commit)
    weights = [path.name for path in folder.glob("model*.safetensors")]
    tokenizers = [name for name in TOKENIZERS if (folder / name).is_file()]
    if not weights or not tokenizers or not (folder / "config.json").is_file() or not _has_all_shards(folder):
        return None
    if not all(_matches_own_name(folder / name) for name in weights):
        return None
    names = ["config.json", *tokenizers, *weights]
    return Record(commit, request.revision, {name: (folder / name).stat().st_size for name in names})


def _has_all_shards(folder: Path) -> bool:
    if (folder / "model.safetensors").is_file():
        return True
    try:
        index = json.loads((folder / "model.safetensors.index.json").read_text(encoding="utf-8"))
        return all(is_safe_file(name) and (folder / name).is_file() for name in set(index["weight_map"].values()))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return False


def _matches_own_name(path: Path) -> bool:
    """huggingface_hub names a stored file after its sha256; without symlinks there is no such name to check."""
    blob = path.resolve()
    if len(blob.name) != 64:
        return True
    with blob.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() == blob.name


def _read() -> dict[str, Any]:
    try:
        entries = json.loads(records_file().read_text(encoding="utf-8"))["snapshots"]
    except (OSError, ValueError, KeyError, TypeError):
        return {}
    return entries if isinstance(entries, dict) else {}


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return -1
