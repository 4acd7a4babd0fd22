"""A digest of files: another whenever a byte is another, and read no more often than needed."""

from __future__ import annotations

import hashlib
import os
import time
from pathlib import Path

import pytest

from distill_core.files import content


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Every file that is really read."""
    found: list[Path] = []
    read = content._read

    def counted(path: Path) -> str:
        found.append(path)
        return read(path)

    monkeypatch.setattr(content, "_read", counted)
    content._settled.cache_clear()
    return found


def later(monkeypatch: pytest.MonkeyPatch, seconds: float = 10) -> None:
    now = time.time() + seconds
    monkeypatch.setattr(time, "time", lambda: now)


def test_it_is_the_digest_of_the_bytes(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"weights")
    assert content.of_file(tmp_path / "a") == hashlib.sha256(b"weights").hexdigest()


def test_a_settled_file_is_read_once(tmp_path: Path, reads: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a").write_bytes(b"weights")
    later(monkeypatch)
    assert len({content.of_folder(tmp_path) for _ in range(5)}) == 1
    assert len(reads) == 1


def test_a_file_of_the_same_size_time_and_place_is_told_apart(tmp_path: Path) -> None:
    """As fast as two trainings of a tiny model may write it; a tool may set times back, too."""
    file = tmp_path / "a"
    file.write_bytes(b"weights")
    stat, before = file.stat(), content.of_folder(tmp_path)
    with file.open("r+b") as same:
        same.write(b"WEIGHTS")
    os.utime(file, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert (file.stat().st_size, file.stat().st_mtime_ns, file.stat().st_ino) == (7, stat.st_mtime_ns, stat.st_ino)
    assert content.of_folder(tmp_path) != before


def test_names_count_and_folders_inside_do_not(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"weights")
    before = content.of_folder(tmp_path)
    (tmp_path / "more").mkdir()
    assert content.of_folder(tmp_path) == before
    (tmp_path / "a").rename(tmp_path / "b")
    assert content.of_folder(tmp_path) != before


def test_a_folder_that_is_not_there_has_a_digest_too(tmp_path: Path) -> None:
    assert content.of_folder(tmp_path / "none") == content.of_folder(tmp_path / "none")
