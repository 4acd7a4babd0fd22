"""Secrets of the environment go into commands and a run, and nothing that these write or say holds one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from distill_core.classroom import classes, roster, visitors
from distill_core.datasets import uploads
from distill_core.runs.store import RunStore
from distill_core.settings import PROJECT, settings

SECRETS = {
    "DISTILL_TEACHER_PASSCODE": "passcode-9q7zkv",
    "HF_TOKEN": "hf_token9q7zkv",
    "RAY_AUTH_TOKEN": "raytoken-9q7zkv",
    "STREAMLIT_SERVER_COOKIE_SECRET": "cookie-9q7zkv",
    "AWS_SECRET_ACCESS_KEY": "other-9q7zkv",
}
MARK = "9q7zkv"
ROWS = "".join(f"a {word} film {n},{label}\n" for n in range(12) for word, label in (("warm", "good"), ("dull", "bad")))


def files_with(mark: str, folder: Path) -> list[str]:
    """Files below the folder, in whose name or content the mark stands."""
    found = [path for path in folder.rglob("*") if mark in path.name]
    found += [path for path in folder.rglob("*") if path.is_file() and mark.encode() in path.read_bytes()]
    return [str(path.relative_to(folder)) for path in found]


def said(tmp_path: Path, *arguments: str) -> str:
    """What a command says, in a process of its own with the secrets in its environment."""
    environment = {
        **os.environ,
        **SECRETS,
        "DISTILL_MIN_FREE_DISK_MIB": "0",
        "DISTILL_THREADS": "1",
        "HF_ENDPOINT": "http://127.0.0.1:9",
        "PYTHONPATH": str(PROJECT),
        "HOME": str(tmp_path / "home"),
    }
    command = [sys.executable, "-m", "distill_core", *arguments]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120)
    return done.stdout + done.stderr


@pytest.fixture
def file(tmp_path: Path) -> str:
    (tmp_path / "own.csv").write_text(f"text,label\n{ROWS}")
    return f"file:{tmp_path / 'own.csv'}"


def test_the_check_would_notice(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a/log").write_text(f"x {MARK}")
    assert files_with(MARK, tmp_path) == ["a/log"]


@pytest.mark.slow
def test_no_command_and_no_run_tells_a_secret(tmp_path: Path, file: str) -> None:
    train = ("finetune", "--arms", "bow", "--dataset", file, "--train-examples", "16", "--json")
    told = [said(tmp_path, *train)]
    (run,) = (one.id for one in RunStore(settings().runs_dir).list())
    told += [
        said(tmp_path, "settings", "--json"),
        said(tmp_path, "settings"),
        said(tmp_path, "doctor", "--json"),
        said(tmp_path, "runs", "show", run, "--json"),
        said(tmp_path, "runs", "export", run),
        said(tmp_path, "compare", "--models", "hub:org/none", "--json"),  # fails: the Hub does not answer
        said(tmp_path, *train[:-2], "none"),  # fails: wrong usage
    ]
    assert "DISTILL_TEACHER_PASSCODE" in told[1]
    assert run in told[4]
    assert [text for text in told if MARK in text] == []
    assert files_with(MARK, tmp_path) == []
    assert (settings().runs_dir / run / "env.json").is_file()


def test_a_wrong_setting_is_told_without_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    from distill_core.errors import SpecError

    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("DISTILL_SLOTS", "many")
    settings.cache_clear()
    with pytest.raises(SpecError) as raised:
        settings()
    assert MARK not in str(raised.value)
    monkeypatch.delenv("DISTILL_SLOTS")
    settings.cache_clear()
    assert MARK not in repr(settings())
    assert MARK not in settings().model_dump_json()


def test_what_a_cookie_signs_stands_in_no_file_but_its_owner_s_marks(tmp_path: Path) -> None:
    """Classes and teachers know a visitor by a hash; a run and an upload by the name, never by the signature."""
    signer = visitors.signer(settings().cache_dir)
    signed = signer.new()
    name, _, signature = signed.partition(".")
    roster.add_teacher(settings().runs_dir, name)
    made = classes.open_class(settings().runs_dir, "A class")
    classes.join(settings().runs_dir, made.code, name, "Ann")
    uploads.keep(f"text,label\n{ROWS}".encode(), name)
    assert files_with(signature, tmp_path) == []
    assert files_with(name, settings().runs_dir) == []
    assert all("uploads/owners/" in path for path in files_with(name, tmp_path))
