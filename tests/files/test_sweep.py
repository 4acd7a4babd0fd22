"""What kill -9 leaves half-written is deleted when nobody writes it any more; what somebody writes stays."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from distill_core.files import whole
from distill_core.files.whole import discard_folder, sweep, whole_file, whole_folder
from distill_core.kinds import parse_spec
from distill_core.launch import execution
from distill_core.launch.local import LocalLauncher
from distill_core.runs.store import RunStore
from distill_core.settings import PROJECT, settings

WRITER = """
import os, signal, sys
from pathlib import Path
from distill_core.files.whole import whole_file, whole_folder
with whole_folder(Path(sys.argv[1], "model")) as folder, whole_file(Path(sys.argv[1], "state.json")) as file:
    Path(folder, "a").write_text("half")
    file.write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def killed_writer(*folders: Path) -> None:
    for folder in folders:
        folder.mkdir(parents=True, exist_ok=True)
        subprocess.run([sys.executable, "-c", WRITER, str(folder)], cwd=PROJECT, check=False)
        assert len(hidden(folder)) == 2


def hidden(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name.startswith(".") and path.suffix != ".lock")


def left(folder: Path, node: str, process: int) -> Path:
    path = folder / f".state.json.{node}.{process}.0123abcd"
    path.write_text("half")
    return path


@pytest.mark.skipif(os.name == "nt", reason="kill -9")
def test_what_a_killed_writer_left_goes_and_nothing_else(tmp_path):
    killed_writer(tmp_path, tmp_path / "deep" / "er")
    for name in ("state.json", ".hidden", ".queue.lock", ".state.json.here.12", "kept.12.0123abcd"):
        (tmp_path / name).write_text("mine")
    assert sweep(tmp_path) == 2
    assert len(hidden(tmp_path / "deep" / "er")) == 2
    assert sweep(tmp_path, depth=2) == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        ("state.json", ".hidden", ".queue.lock", ".state.json.here.12", "kept.12.0123abcd", "deep")
    )
    assert sweep(tmp_path / "nowhere") == 0


def test_what_is_being_written_stays(tmp_path):
    with whole_file(tmp_path / "a.json") as file, whole_folder(tmp_path / "b") as folder:
        file.write_text("half")
        assert sweep(tmp_path) == 0
        assert file.exists()
        assert folder.exists()


def test_the_number_of_a_process_is_used_again(tmp_path, monkeypatch):
    """The writer with this number ended long before the process that has it now began."""
    old = left(tmp_path, whole._NODE, os.getpid())
    assert sweep(tmp_path) == 0
    later = time.time() + 60
    monkeypatch.setattr(whole.psutil.Process, "create_time", lambda self: later)
    assert sweep(tmp_path) == 1
    assert not old.exists()


def test_another_machine_gets_a_day(tmp_path, monkeypatch):
    left(tmp_path, "elsewhere", 1)
    assert sweep(tmp_path) == 0
    tomorrow = time.time() + 90_000
    monkeypatch.setattr(whole.time, "time", lambda: tomorrow)
    assert sweep(tmp_path) == 1


@pytest.mark.skipif(os.name == "nt", reason="kill -9")
def test_a_run_sweeps_before_it_begins(tmp_path, monkeypatch):
    monkeypatch.setenv("DISTILL_MIN_FREE_DISK_MIB", "0")
    settings.cache_clear()
    store = RunStore(settings().runs_dir)
    run = store.create(parse_spec({"kind": "compare", "models": "bert@structure"}))
    cache = settings().cache_dir
    places = (store.root, run.path, run.checkpoint_dir / "arm", cache / "uploads", cache / "teacher")
    killed_writer(*places)
    monkeypatch.setattr(execution, "_last_word", lambda run, context: {"state": "stopped"})
    execution.execute(run)
    assert [hidden(place) for place in places] == [[]] * len(places)
    assert LocalLauncher(store).store.list() == [run]


def test_a_folder_that_was_half_deleted_goes(tmp_path, monkeypatch):
    """Killed between the move and the deletion."""
    (tmp_path / "run").mkdir()
    monkeypatch.setattr(whole.shutil, "rmtree", lambda *_, **__: None)
    discard_folder(tmp_path / "run")
    monkeypatch.undo()
    (name,) = hidden(tmp_path)
    dead = name.replace(f".{os.getpid()}.", ".999999999.")
    (tmp_path / name).rename(tmp_path / dead)
    assert sweep(tmp_path) == 1
    assert list(tmp_path.iterdir()) == []
