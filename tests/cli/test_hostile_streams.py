"""The command line beside the happy path: files without end, values of 200 KB, and output that nobody takes."""

from __future__ import annotations

import errno
import json
import math
import os
import subprocess
import sys

import pytest

from distill_core.cli import commands, main, output
from distill_core.errors import DistillError, SpecError
from distill_core.files.json_files import read_json
from distill_core.launch import foreground
from distill_core.results import State
from distill_core.runs.store import RunStore
from distill_core.settings import PROJECT, settings
from distill_core.specs import CompareSpec

LONG = "x" * 200_000
POSIX = pytest.mark.skipif(os.name == "nt", reason="shells of POSIX systems")


def said(capsys, *arguments):
    code = main.main([*arguments, "--json"])
    out, err = capsys.readouterr()
    return code, json.loads(out)["error"]["message"], err


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("/dev/zero", None, "larger than 1 MiB"),
        ("large.json", b'{"kind": "compare", "title": "' + b"x" * 2**20 + b'"}', "larger than 1 MiB"),
        ("deep.json", b"[" * 200_000, "is not JSON"),
        ("bytes.json", b"\xff\xfe\x00", "is not JSON"),
        ("list.json", b"[1]", "holds no spec"),
        ("kind.json", b'{"kind": ["compare"]}', "Unknown kind"),
        ("nothing.json", None, "Cannot read"),
    ],
)
def test_a_recipe_that_is_none(tmp_path, capsys, name, content, words):
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    code, message, _ = said(capsys, "run", str(path))
    assert code == 2
    assert words in message


@pytest.mark.parametrize(
    "arguments",
    [
        ("compare", "--models", LONG),
        ("compare", "--models", f"path:{LONG}"),
        ("compare", "--models", "bert@structure", "--device", LONG),
        ("compare", "--models", "bert@structure", "--dataset", LONG),
        ("compare", "--models", "bert@structure", "--batch-sizes", LONG),
        ("compare", f"--{LONG}", "1"),
        ("run", LONG),
        (LONG,),
        ("runs", "show", LONG),
        ("corpus", "fetch", LONG),
        ("predict", "--model", LONG, "--text", "a"),
        ("finetune", "--dataset", f"file:{LONG[:1000]}.csv"),
        ("minis", "--families", LONG),
    ],
    ids=lambda arguments: "-".join(part[:12] for part in arguments),
)
def test_a_wrong_value_is_not_echoed_whole(capsys, arguments):
    code, message, err = said(capsys, *arguments)
    assert code in (1, 2)
    assert len(message) <= 1_001
    assert "x" * 201 not in message
    assert "Traceback" not in err


def test_a_message_of_many_long_words_is_cut():
    assert len(DistillError("word " * 10_000).message) == 1_001
    assert SpecError(f"{LONG} is wrong.").message == f"{LONG[:200]}… is wrong."
    assert DistillError("A short one.").message == "A short one."


def test_json_holds_no_number_that_is_none(capsys, tmp_path):
    output.print_json({"a": [math.nan, 1.5, {"b": math.inf}], "c": (-math.inf, 1)})
    assert json.loads(capsys.readouterr().out, parse_constant=pytest.fail) == {
        "a": [None, 1.5, {"b": None}],
        "c": [None, 1],
    }
    (tmp_path / "x.json").write_text('{"progress": 1e999}')
    assert read_json(tmp_path / "x.json") is None


@POSIX
@pytest.mark.parametrize("buffered", ["", "1"])
@pytest.mark.parametrize(
    ("command", "into"),
    [
        ("settings --json", ">/dev/full"),
        ("settings", "| true"),
        ("--help", ">/dev/full"),
        ("runs show x --json", ">&- 2>&-"),
        ("runs show x --json", "2>/dev/full"),
    ],
)
def test_output_that_nobody_takes_gives_no_traceback(command, into, buffered):
    line = f"{sys.executable} -m distill_core {command} {into}"
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", line],
        capture_output=True,
        text=True,
        cwd=PROJECT,
        timeout=60,
        env={**os.environ, "PYTHONUNBUFFERED": buffered},
    )
    assert "Traceback" not in done.stdout + done.stderr
    assert "Exception ignored" not in done.stderr
    if into == ">/dev/full" and command != "--help":
        assert done.returncode == 1
        assert "The output cannot be written" in done.stderr


def test_the_bar_of_a_closed_terminal_does_not_end_the_run(monkeypatch):
    class Gone:
        def isatty(self):
            return False

        def write(self, text):
            raise BrokenPipeError(errno.EPIPE, "Broken pipe")

        def flush(self):
            raise BrokenPipeError(errno.EPIPE, "Broken pipe")

    monkeypatch.setattr(sys, "stderr", Gone())
    bar = output.Bar()
    bar(State(state="running", progress=0.5, message="half"))
    bar.end()


def test_a_full_disk_in_a_command_is_one_sentence(capsys, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(RunStore, "list", full)
    monkeypatch.setenv("DISTILL_LAUNCHER", "inline")
    settings.cache_clear()
    code, message, err = said(capsys, "runs", "list")
    assert (code, message) == (1, "The disk is full.")
    assert "Traceback" not in err


@pytest.mark.parametrize("how", ["full", "gone"])
def test_a_run_whose_end_could_not_be_written_is_never_an_empty_error(capsys, monkeypatch, how):
    """Its state.json still says that it runs."""

    def ended(spec, store, bar):
        run = store.create(spec)
        run.set_state(state="running")
        if how == "gone":
            for path in run.path.iterdir():
                path.unlink()
            run.path.rmdir()
        monkeypatch.setattr(os, "fsync", full)
        return run

    def full(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(foreground, "run_foreground", ended)
    code, message, err = said(capsys, "compare", "--models", "bert@structure")
    assert code == 1
    if how == "full":
        assert message.endswith("could not be written. The disk is full.")
        assert "Error: The end of the run" in err
    assert message


def test_the_sentence_of_a_run_that_cannot_be_written_and_a_disk_with_room(tmp_path):
    run = RunStore(tmp_path).create(CompareSpec(models="bert@structure"))
    assert "was full" in commands._why_not(run)
    assert not (run.path / "probe").exists()
