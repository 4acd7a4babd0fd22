"""Files and folders that are there whole or not at all.

What is new is written beside its place under a hidden name, flushed to the disk, and renamed. A reader sees the old
one or the new one, never half of either; after a power cut too. A write that fails leaves the old one and nothing else;
what a killed process leaves is deleted by the next write to the same place, and by `sweep`.
"""

from __future__ import annotations

import contextlib
import errno
import glob
import os
import platform
import re
import secrets
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import psutil

from distill_core.files import disk

WINDOWS = os.name == "nt"
_NODE = re.sub(r"[^A-Za-z0-9-]", "-", platform.node())[:60] or "here"
_HIDDEN = re.compile(r"\..+\.([A-Za-z0-9-]{1,60})\.(\d{1,10})\.[0-9a-f]{8}")
_FOREIGN_S = 86_400  # what another machine writes on a shared disk is whole within a day
_MOVE_WAIT_S = 1.0


@contextlib.contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """A hidden name to write the file to; at the end of the block it takes the place of `path`.

    The folder must exist. Raises OSError as the disk does; an error inside the block leaves the old file.
    """
    _delete_remains(path)
    temporary = _beside(path)
    try:
        yield temporary
        put_file(temporary, path)
    except BaseException as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        _tell_if_full(error)
        raise


def put_file(source: Path, path: Path) -> None:
    """Move a finished file of the same disk to its place, flushed first. Raises OSError."""
    _flush(source)
    _move(source, path)
    _flush_names(path.parent)


@contextlib.contextmanager
def whole_folder(path: Path, *, replace: bool = True) -> Iterator[Path]:
    """An empty folder to fill; at the end of the block it takes the place of `path`.

    A folder cannot be renamed onto another: the old one is moved aside first. Of two writers at the same moment one
    wins. Without `replace` whoever comes first stays: raises FileExistsError when `path` is there at the end of the
    block. Raises OSError as the disk does.
    """
    _delete_remains(path)
    temporary = _beside(path)
    temporary.mkdir(parents=True)
    try:
        yield temporary
        _flush_tree(temporary)
        (_swap if replace else _claim)(temporary, path)
    except BaseException as error:
        shutil.rmtree(temporary, ignore_errors=True)
        _tell_if_full(error)
        raise
    _flush_names(path.parent)


def discard_folder(path: Path) -> None:
    """Delete a folder: at once for every reader, then file by file. Raises OSError while a program keeps it open."""
    gone = _beside(path)
    _move(path, gone)
    shutil.rmtree(gone, ignore_errors=True)


def _tell_if_full(error: BaseException) -> None:
    """Raise OSError where a library has told a full disk in an error of its own."""
    full = disk.as_os_error(error)
    if full is not None:
        raise full from error


def _swap(new: Path, path: Path) -> None:
    old = _beside(path)
    with contextlib.suppress(FileNotFoundError):
        _move(path, old)
    try:
        _move(new, path)
    except OSError:
        if not path.is_dir():
            with contextlib.suppress(OSError):
                _move(old, path)
            raise
        shutil.rmtree(new)  # another writer was faster, and its folder is as whole
    shutil.rmtree(old, ignore_errors=True)


def _claim(new: Path, path: Path) -> None:
    try:
        _move(new, path)
    except OSError as error:
        if path.exists():
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path)) from error
        raise


def _move(source: Path, target: Path) -> None:
    """Rename. On Windows that fails for the moment in which a reader has the target open."""
    deadline = time.monotonic() + _MOVE_WAIT_S
    while True:
        try:
            source.replace(target)
            return
        except PermissionError:
            if not WINDOWS or time.monotonic() > deadline:
                raise
            time.sleep(0.01)


# ── to the disk ──────────────────────────────────────────────────────────────────────────────────────────────────


def _flush(file: Path) -> None:
    """Wait until the bytes are on the disk. Windows flushes only what is open for writing."""
    descriptor = os.open(file, os.O_RDWR if WINDOWS else os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _flush_tree(folder: Path) -> None:
    for inside, _, names in os.walk(folder):
        for name in names:
            _flush(Path(inside, name))
        _flush_names(Path(inside))


def _flush_names(folder: Path) -> None:
    """Wait until the names of a folder are on the disk, so that a rename outlives a power cut.

    Windows and some network disks cannot: the file is in its place then, and that must do.
    """
    if WINDOWS:
        return
    with contextlib.suppress(OSError):
        _flush(folder)


# ── hidden names ─────────────────────────────────────────────────────────────────────────────────────────────────


def _beside(path: Path) -> Path:
    """A hidden name that nobody uses. It tells machine and process, so that remains of a killed one are known."""
    return path.with_name(f".{path.name}.{_NODE}.{os.getpid()}.{secrets.token_hex(4)}")


def sweep(folder: Path, depth: int = 0) -> int:
    """Delete what killed processes have left half-written in a folder, and `depth` levels below; how many that were."""
    try:
        with os.scandir(folder) as entries:
            found = [(Path(entry.path), entry.is_dir(follow_symlinks=False)) for entry in entries]
    except OSError:
        return 0
    left = [path for path, _ in found if (name := _HIDDEN.fullmatch(path.name)) and _is_left(path, *name.groups())]
    for path in left:
        _delete(path)
    below = [path for path, is_folder in found if is_folder and depth > 0 and path not in left]
    return len(left) + sum(sweep(path, depth - 1) for path in below)


def _delete_remains(path: Path) -> None:
    """What processes of this machine that live no more have left of earlier writes to `path`."""
    for left in path.parent.glob(f"{glob.escape(f'.{path.name}.{_NODE}')}.*.*"):
        process = left.name.split(".")[-2]
        if process.isdigit() and _is_left(left, _NODE, process):
            _delete(left)


def _is_left(path: Path, node: str, process: str) -> bool:
    """Whether its writer has ended. One of another machine is asked for its age alone; a number may since be that of
    another process, which then began after the last write."""
    try:
        status = path.lstat()
        if node != _NODE:
            return time.time() - max(status.st_mtime, status.st_ctime) > _FOREIGN_S
        return bool(psutil.Process(int(process)).create_time() > max(status.st_mtime, status.st_ctime) + 1)
    except psutil.NoSuchProcess:
        return True
    except (OSError, psutil.Error, ValueError, OverflowError):
        return False


def _delete(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with contextlib.suppress(OSError):
            path.unlink()
