"""A power cut at any moment: what was not waited for is gone. Every run is still readable, and ends as undisturbed."""

from __future__ import annotations

import os
import shutil
import stat
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from distill_core.kinds import parse_spec
from distill_core.launch.inline import InlineLauncher
from distill_core.launch.local import LocalLauncher
from distill_core.runs.run import Run
from distill_core.runs.store import RunStore

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc/self/fd")
TRAINING = {
    "epochs": 1,
    "batch_size": 8,
    "max_length": 16,
    "threads": 1,
    "learning_rate": 1e-3,
    "checkpoint_every_s": 0,
    "eval_examples": 8,
}


class Disk:
    """A disk that keeps only what was flushed: bytes of files and names in folders, as of their last fsync."""

    def __init__(self, root: Path) -> None:
        self.root, self.log = root, []
        self._open: list[int] = []  # an inode is not given to another file while it is open
        self._fsync = os.fsync
        self.note(root)

    def fsync(self, descriptor: int) -> None:
        self._fsync(descriptor)
        path = Path(os.readlink(f"/proc/self/fd/{descriptor}"))
        if path.is_relative_to(self.root):
            self._open.append(os.dup(descriptor))
            self.note(path)

    def note(self, path: Path) -> None:
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            held: Any = {entry.name: entry.stat(follow_symlinks=False) for entry in os.scandir(path)}
        else:
            held = path.read_bytes()
        self.log.append((status.st_ino, held))

    def after(self, cut: int, target: Path) -> Path:
        """The tree that is found after a power cut at the `cut`th flush."""
        known = dict(self.log[:cut])
        self._restore(self.root.stat().st_ino, known, target)
        return target

    def _restore(self, inode: int, known: dict[int, Any], target: Path) -> None:
        target.mkdir()
        for name, status in known.get(inode, {}).items():
            if stat.S_ISDIR(status.st_mode):
                self._restore(status.st_ino, known, target / name)
            else:
                (target / name).write_bytes(known.get(status.st_ino, b""))

    def close(self) -> None:
        for descriptor in self._open:
            os.close(descriptor)


@pytest.fixture
def disk(store: RunStore, monkeypatch: pytest.MonkeyPatch) -> Iterator[Disk]:
    store.root.mkdir(parents=True)
    made = Disk(store.root)
    monkeypatch.setattr(os, "fsync", made.fsync)
    yield made
    made.close()


def outcome(run: Run) -> tuple[Any, ...]:
    result = run.result()
    assert run.state().state == "done", (run.state(), run.log_tail())
    assert result is not None
    rows = getattr(result, "arms", None) or getattr(result, "students", ())
    weights = sorted(path for path in run.path.glob("model/*.safetensors"))
    return (
        [(row.arm, row.accuracy) for row in rows],
        [path.read_bytes() for path in weights],
        run.predictions_file.read_bytes(),
    )


def resumed(root: Path) -> Run | None:
    """The run after the machine is on again: seen, buried, gone on with to its end. None where it was not made yet."""
    store = RunStore(root)
    runs = store.list()
    if not runs:
        return None
    (run,) = runs
    run.spec()
    assert run.state().state != "damaged"
    assert all(metric.step >= 0 for metric in run.read_metrics()[0])
    if run.state().state == "done":
        return run
    if run.state().state == "queued":
        run.set_state(state="stopped")
    LocalLauncher(store).tick()
    return InlineLauncher(store).resume(run.id)


def check(disk: Disk, cuts: list[int], expected: tuple[Any, ...], tmp_path: Path) -> None:
    for cut in cuts:
        run = resumed(disk.after(cut, tmp_path / "after"))
        if run is not None:
            assert outcome(run) == expected, cut
        shutil.rmtree(tmp_path / "after")


def finetune(make_model: Callable[..., str], dataset: str) -> dict[str, Any]:
    arms = {"arms": "pretrained,frozen", "train_examples": 32}
    return {"kind": "finetune", "model": make_model("bert"), "dataset": dataset, **arms, **TRAINING}


def distill(make_model: Callable[..., str], dataset: str) -> dict[str, Any]:
    more = {"student_layers": 2, "arms": "distilled"}
    return {"kind": "distill", "teacher": make_model("bert"), "dataset": dataset, **more, **TRAINING}


def test_some_moments(disk: Disk, store: RunStore, make_model: Any, dataset: str, tmp_path: Path) -> None:
    run = InlineLauncher(store).submit(parse_spec({**finetune(make_model, dataset), "arms": "pretrained"}))
    expected, last = outcome(run), len(disk.log)
    assert any(isinstance(held, bytes) and b'"loss"' in held for _, held in disk.log)  # the curves, too
    check(disk, [4, last // 2], expected, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("make_spec", [finetune, distill])
def test_many_moments(
    disk: Disk, store: RunStore, make_model: Any, dataset: str, tmp_path: Path, make_spec: Callable[..., Any]
) -> None:
    run = InlineLauncher(store).submit(parse_spec(make_spec(make_model, dataset)))
    expected, last = outcome(run), len(disk.log)
    check(disk, [4, *range(8, last, max(1, last // 3)), last - 1], expected, tmp_path)


def test_the_test_would_notice(disk: Disk, store: RunStore, tmp_path: Path) -> None:
    """A file that nobody waited for is empty after the cut, and a new name in a folder is not there."""
    (store.root / "a").write_text("old")
    for path in (store.root / "a", store.root):
        descriptor = os.open(path, os.O_RDONLY)
        os.fsync(descriptor)
        os.close(descriptor)
    (store.root / "a").write_text("new")
    (store.root / "b").write_text("new")
    after = disk.after(len(disk.log), tmp_path / "after")
    assert [(path.name, path.read_text()) for path in after.iterdir()] == [("a", "old")]
