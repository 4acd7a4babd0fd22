"""One after the other, across processes."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import pytest

from distill_core.machine.turns import turn
from distill_core.settings import PROJECT

HOLD = """
import sys, time
from pathlib import Path
from distill_core.machine.turns import turn
path = Path(sys.argv[1])
with turn(path):
    path.with_suffix(".held").touch()
    time.sleep(float(sys.argv[2]))
    path.write_text("made")
"""


def holder(path, seconds):
    return subprocess.Popen([sys.executable, "-c", HOLD, str(path), str(seconds)], cwd=PROJECT)


def until(condition, deadline_s=30):
    end = time.monotonic() + deadline_s
    while not condition():
        assert time.monotonic() < end, "the deadline has passed"
        time.sleep(0.01)


def test_the_second_finds_what_the_first_has_made(tmp_path):
    path = tmp_path / "folder" / "thing"
    path.parent.mkdir()
    with holder(path, 1.0):
        until(path.with_suffix(".held").exists)
        assert not path.exists()
        with turn(path):
            assert path.read_text() == "made"


def test_who_waits_can_be_stopped(tmp_path):
    path = tmp_path / "thing"
    with holder(path, 60) as other:
        until(path.with_suffix(".held").exists)
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


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="this user may write everywhere")
def test_without_a_place_for_a_lock_nobody_waits(tmp_path):
    tmp_path.chmod(0o500)
    with turn(tmp_path / "thing"):
        pass


def test_a_folder_that_cannot_be_made_stops_nobody(tmp_path):
    (tmp_path / "file").touch()
    with turn(tmp_path / "file" / "thing"):
        pass


def test_errors_of_the_work_itself_are_not_hidden(tmp_path):
    with pytest.raises(OSError, match="of the work"), turn(tmp_path / "thing"):
        raise OSError("of the work")
