"""One after the other, across processes."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest
from filelock import FileLock

from distill_core.errors import AssetError
from distill_core.files.turns import alone, locked, turn
from distill_core.settings import PROJECT

HOLD = """
import sys, time
from pathlib import Path
from distill_core.errors import AssetError
from distill_core.files.turns import alone, locked, turn
path = Path(sys.argv[1])
with turn(path):
    path.with_suffix(".held").touch()
    while not path.with_suffix(".go").exists():
        time.sleep(0.01)
    path.write_text("made")
"""


@pytest.fixture
def holder(tmp_path):
    """Another process that holds the lock until it may go on."""
    processes = []

    def hold(path):
        processes.append(subprocess.Popen([sys.executable, "-c", HOLD, str(path)], cwd=PROJECT))
        until(path.with_suffix(".held").exists)
        return processes[0]

    yield hold
    for process in processes:
        process.kill()
        process.wait()


def until(condition, deadline_s=30):
    end = time.monotonic() + deadline_s
    while not condition():
        assert time.monotonic() < end, "the deadline has passed"
        time.sleep(0.01)


def test_the_second_finds_what_the_first_has_made(tmp_path, holder):
    path = tmp_path / "folder" / "thing"
    path.parent.mkdir()
    holder(path)

    def check():
        assert not path.exists()
        path.with_suffix(".go").touch()

    with turn(path, check):
        assert path.read_text() == "made"


def test_who_waits_can_be_stopped(tmp_path, holder):
    path = tmp_path / "thing"
    other = holder(path)
    asked = []

    def check():
        asked.append(True)
        if len(asked) == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), turn(path, check):
        pytest.fail("the other has it")
    other.kill()
    with turn(path):  # a killed holder holds nothing
        path.write_text("mine")


def test_who_sees_no_sign_of_work_waits_no_longer(tmp_path, holder):
    """The holder is paused: it does not check."""
    path, asked = tmp_path / "thing", []
    holder(path)
    with turn(path, lambda: asked.append(True), patience_s=1):
        assert not path.exists()
    assert len(asked) == 2  # two tries of half a second
    path.with_suffix(".go").touch()
    until(path.exists)


def test_a_sign_of_work_keeps_the_others_waiting(tmp_path, holder):
    path, asked = tmp_path / "thing", []
    holder(path)

    def check():
        asked.append(True)
        path.with_name("thing.sign").write_text("." * len(asked))
        if len(asked) == 5:
            path.with_suffix(".go").touch()

    with turn(path, check, patience_s=1):
        assert path.read_text() == "made"


def test_the_work_shows_that_it_goes_on_and_leaves_nothing(tmp_path):
    path, sign = tmp_path / "thing", tmp_path / "thing.sign"
    with turn(path) as check_and_show:
        assert not sign.exists()
        check_and_show()
        assert sign.exists()
    assert not sign.exists()


def test_without_a_place_for_a_lock_nobody_waits(tmp_path, monkeypatch):
    def full(self, **more):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(FileLock, "acquire", full)
    with turn(tmp_path / "thing"):
        (tmp_path / "thing").touch()
    assert (tmp_path / "thing").exists()


def test_a_folder_that_cannot_be_made_stops_nobody(tmp_path):
    (tmp_path / "file").touch()
    with turn(tmp_path / "file" / "thing"):
        (tmp_path / "done").touch()
    assert (tmp_path / "done").exists()


def test_errors_of_the_work_itself_are_not_hidden(tmp_path):
    with pytest.raises(OSError, match="of the work"), turn(tmp_path / "thing"):
        raise OSError("of the work")


def test_a_lock_is_waited_for_only_so_long_and_ends_with_its_process(tmp_path, holder):
    path, lock_file = tmp_path / "thing", tmp_path / "thing.lock"
    other = holder(path)
    begin = time.monotonic()
    with pytest.raises(TimeoutError):
        locked(lock_file, wait_s=0.1)
    assert time.monotonic() - begin >= 0.1
    other.kill()
    with locked(lock_file, wait_s=30), pytest.raises(TimeoutError):
        locked(lock_file, wait_s=0)
    with locked(lock_file, wait_s=0):  # let go at the end of the block
        pass


def test_a_lock_makes_its_folder_and_says_where_it_cannot(tmp_path):
    with locked(tmp_path / "a" / "b" / "lock", wait_s=0):
        assert (tmp_path / "a" / "b").is_dir()
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="file"):
        locked(tmp_path / "file" / "lock", wait_s=0)


def test_who_fetches_alone_tells_the_other_what_is_being_fetched(tmp_path, holder):
    holder(tmp_path / "thing")
    with (
        pytest.raises(AssetError, match=r"has been fetching the toy for 60 s\."),
        alone(tmp_path / "thing.lock", "the toy", wait_s=0.05, limit_s=60),
    ):
        pytest.fail("the other has it")


def test_a_time_limit_of_the_work_itself_is_not_the_locks(tmp_path):
    with pytest.raises(TimeoutError, match="of the network"), alone(tmp_path / "lock", "a toy", 0, 60):
        raise TimeoutError("of the network")


def test_all_locks_between_processes_are_taken_here():
    for path in sorted((PROJECT / "distill_core").rglob("*.py")):
        if path.parent.name != "files":
            assert "filelock" not in path.read_text(encoding="utf-8"), f"{path}: use files/turns.py"
