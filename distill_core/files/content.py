"""What files hold, as one short text: another whenever a byte is another, whatever their times say."""

from __future__ import annotations

import hashlib
import time
from functools import lru_cache
from pathlib import Path

_SETTLED_S = 2.0  # a file may be written twice within one tick of its disk's clock: FAT's has 2 s
_Status = tuple[int, int, int, int]


def of_folder(folder: Path) -> str:
    """A digest of the names and bytes of the files in a folder; of none where it is not there.

    A file is read again only after its place, size or times have changed. Raises OSError where one cannot be read.
    """
    whole = hashlib.sha256()
    for path in sorted(folder.glob("*")):
        if path.is_file():
            whole.update(f"{path.name}\0{of_file(path)}\0".encode())
    return whole.hexdigest()


def of_file(path: Path) -> str:
    """A digest of the bytes of a file. Raises OSError."""
    stat = path.stat()
    if time.time() - max(stat.st_mtime, stat.st_ctime) < _SETTLED_S:
        return _read(path)
    return _settled(path, (stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns))


@lru_cache(maxsize=256)
def _settled(path: Path, _: _Status) -> str:
    return _read(path)


def _read(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
