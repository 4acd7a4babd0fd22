"""Own files under a name: an upload is kept by its hash, and a name makes it findable again, for whoever gave it.

One small JSON file a name, so that two visitors who keep files at the same time never write the same file.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from distill_core import data_ref
from distill_core.data_ref import Ref
from distill_core.datasets import uploads
from distill_core.errors import DataError, DistillError
from distill_core.files.json_files import read_json, write_json
from distill_core.settings import settings

MAX_NAMES = 100
MAX_CHARS = 60


@dataclass(frozen=True)
class Kept:
    """A named upload: `digest` is the hash under which its bytes lie in the cache."""

    name: str
    digest: str
    text_column: str
    label_column: str
    owner: str = ""

    @property
    def dataset(self) -> Ref:
        """The file with its columns."""
        return data_ref.of_file(_uploads() / f"{self.digest}.csv", self.text_column, self.label_column)


def keep_as(name: str, wanted: Ref | str, owner: str = "") -> Kept:
    """Give an upload and its columns a name; the same name again replaces the former. Raises DataError."""
    clean = " ".join(name.split())
    if not clean or len(clean) > MAX_CHARS or not clean.isprintable():
        raise DataError(f"A name has 1 to {MAX_CHARS} characters, got {len(clean)}.", "For instance: film reviews.")
    ref = data_ref.of(wanted)
    if not uploads.is_kept(ref, owner):
        raise DataError("This file is not stored here.", "Upload it once more.")
    path = _path(clean, owner)
    if not path.exists() and len(kept(owner)) >= MAX_NAMES:
        raise DataError(f"{MAX_NAMES} names are kept already.", "Forget one of them first.")
    one = Kept(clean, Path(ref.name).stem, ref.text_column, ref.label_column, owner)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_json(path, vars(one))
    except (OSError, DistillError) as error:
        raise DataError(f"The name cannot be stored: {error}.", "Free some disk space.") from error
    return one


def kept(owner: str = "") -> list[Kept]:
    """The visitor's names whose file is still there, in alphabetical order; a damaged entry is passed over."""
    found = [_read(path) for path in _names().glob("*.json")]
    return sorted((one for one in found if one is not None and one.owner == owner), key=lambda one: one.name.casefold())


def forget(name: str, owner: str = "") -> None:
    """Remove a name; the bytes stay in the cache for runs that use them."""
    _path(name, owner).unlink(missing_ok=True)


def _read(path: Path) -> Kept | None:
    data = read_json(path) or {}
    values = [data.get(field) for field in ("name", "digest", "text_column", "label_column")]
    values.append(data.get("owner", ""))
    if not all(isinstance(value, str) for value in values):
        return None
    one = Kept(*map(str, values))
    try:
        return one if _path(one.name, one.owner) == path and uploads.is_kept(one.dataset) else None
    except DistillError:  # a column that cannot be one
        return None


def _uploads() -> Path:
    return settings().cache_dir / "uploads"


def _names() -> Path:
    return _uploads() / "names"


def _path(name: str, owner: str = "") -> Path:
    whose = f"{owner}\n{name}" if owner else name
    return _names() / f"{hashlib.sha256(whose.encode('utf-8', 'replace')).hexdigest()[:16]}.json"
