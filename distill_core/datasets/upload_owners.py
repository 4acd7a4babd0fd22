"""Whose an own file is, and how much room one visitor has. An empty owner is the machine's own user: all are theirs.

A file lies once under its hash, however many visitors uploaded it; an empty marker beside it stands for each of them.
"""

from __future__ import annotations

import re
from pathlib import Path

from distill_core.errors import DataError
from distill_core.settings import settings

_OWNER = re.compile(r"[0-9A-Za-z_-]{1,64}")


def folder() -> Path:
    """Where own files lie."""
    return settings().cache_dir / "uploads"


def is_of(digest: str, owner: str) -> bool:
    """Whether this visitor has uploaded the file."""
    return not owner or _marker(digest, owner).is_file()


def add(digest: str, owner: str) -> None:
    """Say whose a file is. Raises OSError."""
    if owner:
        marker = _marker(digest, owner)
        marker.parent.mkdir(parents=True, exist_ok=True)
        marker.touch()


def check_room(size: int, owner: str) -> None:
    """Raises DataError where a new file of `size` bytes is more than one visitor, or all together, may keep."""
    sizes = {path.stem: path.stat().st_size for path in folder().glob("*.csv")}
    mine = sum(sizes.get(marker.name.partition(".")[0], 0) for marker in _markers().glob(f"*.{owner}")) if owner else 0
    if owner and mine + size > settings().upload_mib_visitor * 2**20:
        raise DataError(
            f"Your files here take {mine / 2**20:.0f} MiB; together with this one they would take more than "
            f"{settings().upload_mib_visitor} MiB.",
            "Upload a shorter file (DISTILL_UPLOAD_MIB_VISITOR sets the limit).",
        )
    if sum(sizes.values()) + size > settings().upload_mib * 2**20:
        raise DataError(
            f"The files that were uploaded here take {settings().upload_mib} MiB: there is no room for another.",
            f"Delete files that nobody needs in {folder()} (DISTILL_UPLOAD_MIB sets the limit)."
            if not owner
            else "Ask whoever runs this server (DISTILL_UPLOAD_MIB sets the limit).",
        )


def forget(owner: str) -> None:
    """Take away everything that says whose a file was; a file that was this visitor's alone goes too."""
    if not owner:
        return
    for marker in _markers().glob(f"*.{owner}"):
        digest = marker.name.partition(".")[0]
        marker.unlink(missing_ok=True)
        if not any(_markers().glob(f"{digest}.*")):
            (folder() / f"{digest}.csv").unlink(missing_ok=True)


def _markers() -> Path:
    return folder() / "owners"


def _marker(digest: str, owner: str) -> Path:
    if not _OWNER.fullmatch(owner):
        raise DataError("This visitor cannot own files.", "Reload the page.")
    return _markers() / f"{digest}.{owner}"
