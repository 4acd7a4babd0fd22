"""A full disk is one sentence, by whatever name a library tells it."""

from __future__ import annotations

import errno
import os

import pytest
import torch
from safetensors import SafetensorError
from safetensors.torch import save

from distill_core.errors import DataError, RunError
from distill_core.files import disk
from distill_core.files.json_files import write_json
from distill_core.files.whole import whole_file, whole_folder
from distill_core.jobs.isolation import attempt, explained
from distill_core.launch.execution import explain

FULL = [
    OSError(errno.ENOSPC, "No space left on device"),
    OSError(errno.EDQUOT, "Disk quota exceeded"),
    SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)"),
    RuntimeError("[enforce fail at inline_container.cc] . No space left on device"),
    RuntimeError("Arrow: [errno 28] error writing bytes to file: No space left on device"),
]
OTHERS = [OSError(errno.EACCES, "Permission denied"), RuntimeError("shape (3,) is not (4,)"), MemoryError()]


@pytest.mark.parametrize("error", FULL, ids=lambda error: f"{type(error).__name__}: {error}"[:30])
@pytest.mark.parametrize("whole", [whole_file, whole_folder])
def test_every_library_tells_it_as_an_os_error(tmp_path, error, whole):
    with pytest.raises(OSError) as caught, whole(tmp_path / "x"):
        raise error
    assert caught.value.errno in (errno.ENOSPC, errno.EDQUOT)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("error", OTHERS, ids=lambda error: type(error).__name__)
def test_other_errors_stay_what_they_are(tmp_path, error):
    with pytest.raises(type(error)) as caught, whole_file(tmp_path / "x"):
        raise error
    assert caught.value is error
    assert not disk.is_full(error)
    assert explain(error)[0] != disk.MESSAGE


@pytest.mark.parametrize("error", FULL, ids=lambda error: f"{type(error).__name__}: {error}"[:30])
def test_a_run_and_one_of_its_models_say_it(error):
    assert explain(error)[0] == "The disk is full."
    assert explained(error).message == "The disk is full."


def test_it_is_seen_behind_another_error():
    error = ValueError("The model was not saved.")
    error.__cause__ = FULL[2]
    assert explain(error)[0] == "The disk is full."


def test_a_task_among_many_ends_the_run(tmp_path):
    """The other tasks would meet it too."""

    def save():
        raise FULL[2]

    with pytest.raises(OSError, match="No space left"):
        attempt("a", save)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_weights_on_a_full_disk(tmp_path):
    """The real library on a real full device."""
    with pytest.raises(OSError, match="No space left"):
        copy_weights(tmp_path / "x")


def copy_weights(path):
    with whole_file(path) as new:
        new.symlink_to("/dev/full")
        new.write_bytes(save({"w": torch.zeros(300_000)}))


def test_a_json_file_on_a_full_disk(tmp_path, monkeypatch):
    def full(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(RunError, match=r"The disk is full: state\.json cannot be written"):
        write_json(tmp_path / "state.json", {})


def test_an_upload_and_a_new_run_on_a_full_disk(tmp_path, monkeypatch):
    from distill_core.datasets import uploads
    from distill_core.runs.store import RunStore
    from distill_core.specs import CompareSpec

    def full(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DataError, match="the disk is full"):
        uploads.keep(b"text,label\na,b\n")
    with pytest.raises(RunError, match="The disk is full"):
        RunStore(tmp_path / "runs").create(CompareSpec(models="bert@structure"))
