"""The clients of npm and Debian, played by small scripts: what they are asked, and every way in which they fail."""

from __future__ import annotations

import hashlib
import os
import time
from dataclasses import replace
from pathlib import Path

import pytest
from toy_registry import Registry

from distill_core.assets import package_clients, shelf
from distill_core.errors import AssetError
from distill_core.settings import settings

pytestmark = pytest.mark.skipif(os.name == "nt", reason="the played clients are shell scripts")


@pytest.fixture
def play(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Put a script on PATH under a client's name; it writes its arguments into a file."""
    folder = tmp_path / "clients"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")

    def write(name: str, script: str) -> Path:
        asked = tmp_path / "asked"
        (folder / name).write_text(f'#!/bin/sh\necho "$@" >> {asked}\n{script}\n')
        (folder / name).chmod(0o755)
        return asked

    return write


def fetch(tmp_path: Path, registry: str = "npm", seconds: float = 20) -> tuple[str, str]:
    return package_clients.fetch(registry, "toy", "1.0-2", tmp_path / "target", time.monotonic() + seconds)


@pytest.mark.parametrize(
    ("registry", "client", "asks"),
    [("npm", "npm", "pack toy@1.0-2 --ignore-scripts"), ("debian", "apt-get", "download toy=1.0-2")],
)
def test_the_file_comes_and_nothing_else_stays(play, tmp_path: Path, registry: str, client: str, asks: str) -> None:
    asked = play(client, "echo content > toy-1.0-2.tgz")
    before = set(tmp_path.iterdir())
    assert fetch(tmp_path, registry) == ("ok", "")
    assert (tmp_path / "target").read_text() == "content\n"
    assert asked.read_text().startswith(asks)
    assert set(tmp_path.iterdir()) - before == {tmp_path / "target", asked}


def test_missing_client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert fetch(tmp_path) == ("client", "npm is not installed")
    assert fetch(tmp_path, "debian") == ("client", "apt-get is not installed")


@pytest.mark.parametrize(
    ("script", "kind", "message"),
    [
        (
            "printf 'npm error code ETARGET\nnpm error notarget No version 1.\nnpm error A log\n' >&2; exit 1",
            "moved",
            "npm ended with 1: code ETARGET notarget No version 1",
        ),
        (
            "echo \"E: Version '1.0-2' for 'toy' was not found\"; exit 100",
            "moved",
            "npm ended with 100: Version '1.0-2' for 'toy' was not found",
        ),
        (
            "echo 'E: Failed to fetch http://127.0.0.1/pool/toy_1.0.deb  404  Not Found [IP: 127.0.0.1 80]'; exit 100",
            "moved",
            "npm ended with 100: Failed to fetch 404 Not Found [IP: 127.0.0.1 80]",
        ),
        (
            "echo 'npm error network request to http://127.0.0.1:9/toy failed'; exit 1",
            "offline",
            "npm ended with 1: network request to failed",
        ),
        ("exit 3", "offline", "npm ended with 3: it said nothing"),
        ("touch a b", "wrong", "npm left 2 files instead of one"),
        ("true", "wrong", "npm left 0 files instead of one"),
    ],
)
def test_failures(play, tmp_path: Path, script: str, kind: str, message: str) -> None:
    play("npm", script)
    assert fetch(tmp_path) == (kind, message)
    assert not (tmp_path / "target").exists()


def test_deadline_ends_a_client_that_hangs(play, tmp_path: Path) -> None:
    play("npm", "exec sleep 60")
    started = time.monotonic()
    assert fetch(tmp_path, seconds=0.3) == ("late", "npm did not end before the deadline")
    assert time.monotonic() - started < 5


# ── as an asset ──────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("kind", "client"), [("npm", "npm"), ("debian", "apt-get")])
def test_an_asset_through_its_client(registry: Registry, play, tmp_path: Path, kind: str, client: str) -> None:
    source = registry.add("book", {"a.txt": "A text of its own."}, kind)
    path = (registry.folder / source.archive.file).rename(tmp_path / "elsewhere")
    play(client, f"cp {path} .")
    heard: list[tuple[int, int, str]] = []
    folder = shelf.fetch(source.archive, lambda *told: heard.append(told))
    assert (folder / "a.txt").read_text() == "A text of its own."
    size = source.archive.archive_bytes
    assert heard == [(0, size, "book"), (size, size, "book")]
    assert [path.name for path in folder.parent.iterdir() if not path.name.endswith(".lock")] == [folder.name]


def test_wrong_sha256(registry: Registry, play) -> None:
    source = registry.add("book", {"a.txt": "A text of its own."})
    registry.take_away("book")
    play("npm", "echo other > book.tgz")
    with pytest.raises(AssetError, match=r"arrived with wrong bytes.*sha256 is not the pinned one"):
        shelf.fetch(source.archive)
    assert not source.archive.folder.exists()


@pytest.mark.parametrize(
    ("script", "message", "hint"),
    [
        ("exit 1", "could not be fetched: apt-get ended with 1", "settings of that client"),
        ("exit 1", "could not be fetched", "DISTILL_ASSET_MIRROR"),
        (
            "echo 'E: Unable to locate package book'; exit 100",
            "is not to be had in the pinned version",
            "apt-get update",
        ),
        ("exec sleep 60", "did not arrive in time", "DISTILL_ASSET_TIMEOUT_S"),
    ],
)
def test_errors_say_what_to_do(
    registry: Registry, play, monkeypatch: pytest.MonkeyPatch, script: str, message: str, hint: str
) -> None:
    source = registry.add("book", {"a.txt": "A text of its own."}, "debian")
    registry.take_away("book")
    play("apt-get", script)
    monkeypatch.setenv("DISTILL_ASSET_TIMEOUT_S", "0.5")
    settings.cache_clear()
    with pytest.raises(AssetError, match=f"Book {message}") as caught:
        shelf.fetch(source.archive)
    assert hint in caught.value.hint


def test_missing_client_as_an_error(registry: Registry) -> None:
    source = registry.add("book", {"a.txt": "A text of its own."})
    registry.take_away("book")
    with pytest.raises(AssetError, match="Book could not be fetched: npm is not installed") as caught:
        shelf.fetch(source.archive)
    assert "go on without these texts" in caught.value.hint


@pytest.mark.parametrize("damage", [b"", b"!<arch>\n", b"not an archive", b"!<arch>\n" + b"x" * 200])
def test_a_broken_debian_package(registry: Registry, damage: bytes) -> None:
    source = registry.add("book", {"a.txt": "A text of its own."}, "debian")
    (registry.folder / source.archive.file).write_bytes(damage)
    row = replace(source.archive, sha256=hashlib.sha256(damage).hexdigest())
    with pytest.raises(AssetError, match="cannot be unpacked"):
        shelf.fetch(row)
