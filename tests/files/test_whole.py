"""Files and folders that are there whole or not at all: through errors, kills, full disks, and beside other writers."""

from __future__ import annotations

import ast
import errno
import os
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from distill_core.files import whole
from distill_core.files.whole import discard_folder, put_file, whole_file, whole_folder
from distill_core.settings import PROJECT

HALF = """
import sys, time
from pathlib import Path
from distill_core.files.whole import whole_file, whole_folder
place, kind = Path(sys.argv[1]), sys.argv[2]
with (whole_file if kind == "file" else whole_folder)(place) as new:
    (new if kind == "file" else new / "a.txt").write_text("half")
    (place.parent / "at work").touch()
    time.sleep(600)
"""
POSIX = pytest.mark.skipif(os.name == "nt", reason="Windows cannot flush a folder")


def put(kind, place, text, then=lambda: None):
    """Write `text` as a file, or as a folder with one file in it; `then` happens before the end of the block."""
    with (whole_file if kind == "file" else whole_folder)(place) as new:
        (new if kind == "file" else new / "a.txt").write_text(text)
        then()


def put_if_first(place, text, then):
    with whole_folder(place, replace=False) as new:
        (new / "a.txt").write_text(text)
        then()


def put_on_a_full_disk(place):
    """/dev/full takes no byte: the write itself fails."""
    with whole_file(place) as new:
        new.symlink_to("/dev/full")
        new.write_text("new")


def read(place):
    return (place / "a.txt" if place.is_dir() else place).read_text()


def names(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture
def disk(monkeypatch):
    """What is flushed and renamed, in order: ("flush", inode) and ("move", name)."""
    seen = []
    fsync, move = os.fsync, whole._move

    def flushed(descriptor):
        seen.append(("flush", os.fstat(descriptor).st_ino))
        fsync(descriptor)

    def moved(source, target):
        seen.append(("move", target.name))
        move(source, target)

    monkeypatch.setattr(os, "fsync", flushed)
    monkeypatch.setattr(whole, "_move", moved)
    return seen


each_kind = pytest.mark.parametrize("kind", ["file", "folder"])


@each_kind
def test_the_new_one_takes_the_place_of_the_old(kind, tmp_path):
    place = tmp_path / "thing"
    for text in ("one", "two", "three"):
        put(kind, place, text)
        assert read(place) == text
        assert names(tmp_path) == ["thing"]


@each_kind
def test_nobody_sees_it_before_it_is_whole(kind, tmp_path):
    place = tmp_path / "thing"
    with (whole_file if kind == "file" else whole_folder)(place) as new:
        (new if kind == "file" else new / "a.txt").write_text("half")
        assert not place.exists()
        assert new.parent == tmp_path
        assert new.name.startswith(".")
    assert read(place) == "half"


@each_kind
@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt()])
def test_an_error_leaves_the_old_one_and_nothing_else(kind, error, tmp_path):
    place = tmp_path / "thing"
    put(kind, place, "old")

    def fail():
        raise error

    with pytest.raises(type(error)):
        put(kind, place, "half", fail)
    assert read(place) == "old"
    assert names(tmp_path) == ["thing"]


@each_kind
def test_a_disk_that_is_full_at_the_flush_leaves_the_old_one(kind, tmp_path, monkeypatch):
    place = tmp_path / "thing"
    put(kind, place, "old")

    def full(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        put(kind, place, "new")
    assert read(place) == "old"
    assert names(tmp_path) == ["thing"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_write_that_the_disk_refuses_leaves_the_old_file(tmp_path):
    put("file", tmp_path / "thing", "old")
    with pytest.raises(OSError, match="No space left"):
        put_on_a_full_disk(tmp_path / "thing")
    assert read(tmp_path / "thing") == "old"
    assert names(tmp_path) == ["thing"]


@each_kind
def test_a_killed_process_leaves_the_old_one_and_the_next_write_tidies_up(kind, tmp_path):
    place = tmp_path / "thing"
    put(kind, place, "old")
    with subprocess.Popen([sys.executable, "-c", HALF, str(place), kind], cwd=PROJECT) as process:
        deadline = time.monotonic() + 30
        while not (tmp_path / "at work").exists():
            assert time.monotonic() < deadline, "the deadline has passed"
            time.sleep(0.01)
        put("file", tmp_path / "thing.of.another", "x")
        assert len(names(tmp_path)) == 4  # the two things, the sign, and what the process is writing
        put(kind, place, "while it writes")
        assert len(names(tmp_path)) == 4, "a living process must keep what it writes"
        process.kill()
    assert read(place) == "while it writes"
    put(kind, place, "new")
    assert read(place) == "new"
    assert names(tmp_path) == ["at work", "thing", "thing.of.another"]


@POSIX
def test_bytes_are_on_the_disk_before_the_name_and_the_name_before_the_end(tmp_path, disk):
    put("file", tmp_path / "thing", "text")
    inode = (tmp_path / "thing").stat().st_ino
    assert disk == [("flush", inode), ("move", "thing"), ("flush", tmp_path.stat().st_ino)]


@POSIX
def test_every_file_of_a_folder_is_on_the_disk_before_its_name(tmp_path, disk):
    with whole_folder(tmp_path / "thing") as new:
        (new / "inner").mkdir()
        (new / "a.txt").write_text("a")
        (new / "inner" / "b.txt").write_text("b")
    at = disk.index(("move", "thing"))
    inside = [tmp_path / "thing" / name for name in ("", "inner", "a.txt", "inner/b.txt")]
    assert {inode for what, inode in disk[:at] if what == "flush"} == {path.stat().st_ino for path in inside}
    assert disk[at + 1 :] == [("flush", tmp_path.stat().st_ino)]


@POSIX
def test_a_folder_that_cannot_be_flushed_is_no_failed_write(tmp_path, monkeypatch):
    fsync = os.fsync

    def files_alone(descriptor):
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "Invalid argument")  # as some network disks answer
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", files_alone)
    put("file", tmp_path / "thing", "text")
    assert read(tmp_path / "thing") == "text"


def test_without_replace_whoever_comes_first_stays(tmp_path):
    place = tmp_path / "thing"
    with pytest.raises(FileExistsError, match="thing"):
        put_if_first(place, "second", lambda: put("folder", place, "first"))
    assert read(place) == "first"
    assert names(tmp_path) == ["thing"]


def test_of_two_that_replace_at_the_same_moment_one_stays_whole(tmp_path, monkeypatch):
    """The other writer puts its own there between the two renames of this one."""
    place = tmp_path / "thing"
    put("folder", place, "old")
    move = whole._move

    def overtaken(source, target):
        if target == place:
            monkeypatch.setattr(whole, "_move", move)
            put("folder", place, "other")
        move(source, target)

    monkeypatch.setattr(whole, "_move", overtaken)
    put("folder", place, "mine")
    assert read(place) == "other"
    assert names(tmp_path) == ["thing"]


def test_a_folder_that_cannot_take_its_place_gives_it_back(tmp_path, monkeypatch):
    place = tmp_path / "thing"
    put("folder", place, "old")
    move, refused = whole._move, []

    def refuse(source, target):
        if target == place and not refused:
            refused.append(source)
            raise PermissionError(errno.EACCES, "Permission denied")
        move(source, target)

    monkeypatch.setattr(whole, "_move", refuse)
    with pytest.raises(PermissionError):
        put("folder", place, "new")
    assert read(place) == "old"
    assert names(tmp_path) == ["thing"]


def test_on_windows_a_reader_is_waited_for(tmp_path, monkeypatch):
    """A file that a reader has open cannot be replaced there: PermissionError, until it is closed."""
    source, tries = tmp_path / "a", []
    source.write_text("text")
    replace = Path.replace

    def open_elsewhere(self, target):
        tries.append(target)
        if len(tries) < 3:
            raise PermissionError(errno.EACCES, "Access is denied")
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", open_elsewhere)
    with pytest.raises(PermissionError):
        put_file(source, tmp_path / "b")  # elsewhere it is a question of rights: no second try
    monkeypatch.setattr(whole, "WINDOWS", True)
    put_file(source, tmp_path / "b")
    assert len(tries) == 3
    assert (tmp_path / "b").read_text() == "text"


def test_a_file_from_elsewhere_is_put_in_its_place(tmp_path):
    (tmp_path / "from").mkdir()
    (tmp_path / "from" / "a").write_text("new")
    put("file", tmp_path / "a", "old")
    put_file(tmp_path / "from" / "a", tmp_path / "a")
    assert (tmp_path / "a").read_text() == "new"
    assert names(tmp_path / "from") == []


def test_a_discarded_folder_is_gone_at_once(tmp_path, monkeypatch):
    place = tmp_path / "thing"
    put("folder", place, "text")
    left = []
    monkeypatch.setattr(whole.shutil, "rmtree", lambda path, **more: left.append((path, place.exists())))
    discard_folder(place)
    assert [exists for _, exists in left] == [False]
    assert names(tmp_path) == [path.name for path, _ in left]
    with pytest.raises(FileNotFoundError):
        discard_folder(place)


# ── nobody does it by hand ───────────────────────────────────────────────────────────────────────────────────────


def renames(source):
    """The lines that rename a path: Path.rename(x), Path.replace(x), os.rename, os.replace, shutil.move."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        name, owner = node.func.attr, ast.unparse(node.func.value)
        of_module = (owner, name) in {("os", "rename"), ("os", "renames"), ("os", "replace"), ("shutil", "move")}
        of_path = name in ("rename", "replace") and len(node.args) == 1 and not node.keywords
        if of_module or of_path:
            found.append(f"{node.lineno}: {ast.unparse(node)}")
    return found


def test_the_search_finds_what_it_shall():
    by_hand = "a.rename(b)\na.replace(b)\nos.replace(a, b)\nshutil.move(a, b)\n"
    others = 'text.replace("a", "b")\nframe.rename(columns={})\nreplace(spec, n=1)\ntime.replace(tzinfo=None)\n'
    assert len(renames(by_hand)) == 4
    assert renames(others) == []


@pytest.mark.parametrize("folder", ["distill_core", "pages", "benchmarks"])
def test_no_other_module_renames_a_path_into_place(folder):
    for path in sorted((PROJECT / folder).rglob("*.py")):
        if path.parent != PROJECT / "distill_core" / "files":
            assert renames(path.read_text(encoding="utf-8")) == [], f"{path}: use files/whole.py"
