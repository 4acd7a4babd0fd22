"""The fake Hub, with odd repositories or with the official ones; the worker as a process or as a thread."""

from __future__ import annotations

import json
import queue
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from fakehub import FakeHub, Repo
from odd_repositories import odd_repositories

from distill_core.hub import process, worker
from distill_core.hub.names import Request


@pytest.fixture(scope="session")
def official(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Small real checkpoints under the official names."""
    import official_checkpoints

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # those of the libraries that make the files are not under test
        return official_checkpoints.everything(tmp_path_factory.mktemp("official"))


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """No trace of the user's own Hub and proxy settings."""
    for name in ("HF_HOME", "HF_HUB_CACHE", "HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_TOKEN", "HF_ENDPOINT"):
        monkeypatch.delenv(name, raising=False)
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    return monkeypatch


@pytest.fixture
def far_hub(environment: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    """A Hub of odd repositories that this test alone talks to, through the real worker process."""
    with FakeHub(odd_repositories()) as server:
        environment.setenv("HF_ENDPOINT", server.url)
        yield server


@contextmanager
def _in_thread(request: Request, timeout_s: float, probe: bool) -> Iterator[process.Lines]:
    process.check_endpoint()
    lines: process.Lines = queue.Queue()

    def say(**event: Any) -> None:
        lines.put(json.dumps(event))

    thread = threading.Thread(target=worker.serve, args=(request, timeout_s, probe, say))
    thread.start()
    yield lines
    thread.join()


@pytest.fixture
def worker_thread(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The worker's code runs in a thread: half a second faster a request."""
    from huggingface_hub import close_session, constants

    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)  # the process sets it before the import
    monkeypatch.setattr(process, "_worker", _in_thread)
    yield
    close_session()


@pytest.fixture
def hub(far_hub: FakeHub, worker_thread: None) -> FakeHub:
    """The same Hub without the worker process."""
    return far_hub


@pytest.fixture
def official_hub(environment: pytest.MonkeyPatch, worker_thread: None, official: dict[str, Any]) -> Iterator[FakeHub]:
    """A Hub with the official repositories of the ten families."""
    with FakeHub({name: Repo(checkpoint.files) for name, checkpoint in official.items()}) as server:
        environment.setenv("HF_ENDPOINT", server.url)
        yield server
