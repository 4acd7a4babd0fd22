"""Every way to fail that we know: each has its sentence, ends in time and leaves nothing behind."""

from __future__ import annotations

import errno
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import time
from pathlib import Path

import httpx2
import psutil
import pytest
from fakehub import FakeHub

from distill_core import hub as the_hub
from distill_core.errors import AssetError, DistillError
from distill_core.hub import failures, names, process, transfer
from distill_core.hub.names import Request
from distill_core.settings import PROJECT, settings


@pytest.fixture
def hasty(far_hub: FakeHub, monkeypatch: pytest.MonkeyPatch) -> FakeHub:
    """A second for an answer, a second and a half for a download that stands still."""
    monkeypatch.setenv("DISTILL_HUB_TIMEOUT_S", "1")
    monkeypatch.setattr(process, "STALL_FACTOR", 1.5)
    settings.cache_clear()
    return far_hub


def half_files() -> list[Path]:
    return list(names.cache_root().rglob("*.incomplete"))


# ---- every way to fail

_LOG_IN = "Something other than the Hub answers"
_BUSY = "too many requests from this network"
_BROKEN = "is out of order: 127.0.0.1 answers with error 50"


@pytest.mark.parametrize(
    ("mode", "where", "words"),
    [
        ("500", "api", _BROKEN),
        ("503", "api", _BROKEN),
        ("429", "api", _BUSY),
        ("429-wait", "api", "Wait 120 s"),
        ("401", "api", "refuses the access token"),
        ("407", "api", "wants a log-in"),
        ("html", "api", _LOG_IN),
        ("login", "api", _LOG_IN),
        ("junk", "api", _LOG_IN),
        ("no-commit", "api", "names no commit"),
        ("html", "file", _LOG_IN),
        ("login", "cdn", _LOG_IN),
        ("500", "cdn", _BROKEN),
        ("entry-404", "file", "A file of org/large is missing on the Hub"),
        ("corrupt", "file", "config.json of org/large came with wrong bytes"),
        ("corrupt", "cdn", "model.safetensors of org/large came with wrong bytes"),
        ("short", "cdn", "did not come whole"),
    ],
)
def test_a_failure_has_its_sentence_at_once(hub: FakeHub, mode: str, where: str, words: str) -> None:
    start = time.monotonic()
    with hub.fail(mode, where), pytest.raises(DistillError, match=words) as caught:
        the_hub.fetch("org/large")
    assert time.monotonic() - start < 10
    assert caught.value.hint
    assert half_files() == []
    assert the_hub.fetch("org/large").commit == hub.repos["org/large"].commit, "the next try works"


@pytest.mark.parametrize(
    ("mode", "where", "words"),
    [
        ("slow", "api", r"did not answer within 1 s"),
        ("drip", "api", "did not answer within 1 s"),
        ("slow", "file", r"stands still: 0.0 of 2.0 MB came"),
        ("stall", "cdn", r"stands still: [01].\d of 2.0 MB came"),
        ("500", "file", _BROKEN),
        ("429-wait", "file", "Wait 120 s"),
    ],
)
def test_a_hub_that_holds_the_line_is_left(hasty: FakeHub, mode: str, where: str, words: str) -> None:
    start = time.monotonic()
    with hasty.fail(mode, where), pytest.raises(AssetError, match=words):
        the_hub.fetch("org/large")
    assert time.monotonic() - start < 10
    assert half_files() == []


def test_a_connection_that_breaks_off_is_resumed(far_hub: FakeHub) -> None:
    with far_hub.fail("cut-once", "cdn"):
        path = the_hub.fetch("org/large").path
    assert (path / "model.safetensors").read_bytes() == far_hub.repos["org/large"].files["model.safetensors"]


def test_a_connection_that_always_breaks_off(hub: FakeHub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.file_download.time.sleep", lambda _: None)
    with hub.fail("cut", "file"), pytest.raises(AssetError, match="broke off while fetching org/tiny"):
        the_hub.fetch("org/tiny")


def test_the_whole_download_has_a_deadline(far_hub: FakeHub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISTILL_HUB_DOWNLOAD_TIMEOUT_S", "2")
    settings.cache_clear()
    with far_hub.fail("drip", "cdn"), pytest.raises(AssetError, match="took longer than 2 s"):
        the_hub.fetch("org/large")
    assert half_files() == []


def test_nobody_listens(far_hub: FakeHub, environment: pytest.MonkeyPatch) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        environment.setenv("HF_ENDPOINT", f"http://127.0.0.1:{free.getsockname()[1]}")
    start = time.monotonic()
    with pytest.raises(AssetError, match=r"No connection to the Hub \(127\.0\.0\.1\)"):
        the_hub.fetch("org/tiny")
    assert time.monotonic() - start < 10


@pytest.mark.parametrize("address", ["not a url", "ftp://x", "http://[::1", "https://"])
def test_a_wrong_address_of_the_hub(hub: FakeHub, environment: pytest.MonkeyPatch, address: str) -> None:
    environment.setenv("HF_ENDPOINT", address)
    with pytest.raises(AssetError, match="is no web address"):
        the_hub.fetch("org/tiny")


def test_a_disk_that_is_too_small(hub: FakeHub, monkeypatch: pytest.MonkeyPatch) -> None:
    listing = transfer.Listing("0" * 40, "main", {})
    file = transfer.HubFile("model.safetensors", 2**60, None, None)
    with pytest.raises(AssetError, match="The disk is full: org/tiny needs"):
        transfer._check_space(Request("model", "org/tiny"), listing, [file])


def test_a_cache_that_cannot_be_written(hub: FakeHub) -> None:
    settings().cache_dir.write_text("a file where a folder should be", encoding="utf-8")
    with pytest.raises(AssetError, match="org/tiny cannot be stored in"):
        the_hub.fetch("org/tiny")


def _connect_error(cause: Exception) -> httpx2.ConnectError:
    error = httpx2.ConnectError("no")
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (_connect_error(socket.gaierror(-2, "unknown")), "cannot be looked up: there is no network or no DNS"),
        (_connect_error(ssl.SSLCertVerificationError("self-signed")), "is not trusted"),
        (httpx2.ProxyError("no"), "proxy does not let through"),
        (httpx2.ReadTimeout("no"), "does not answer in time"),
        (OSError(errno.ENOSPC, "No space left on device"), "The disk is full"),
        (PermissionError(errno.EACCES, "Permission denied"), "cannot be stored in .*: Permission denied"),
        (json.JSONDecodeError("no", "", 0), _LOG_IN),
    ],
)
def test_failures_that_cannot_be_staged(hub: FakeHub, error: Exception, words: str) -> None:
    explained = failures.explain(error, Request("model", "org/tiny"))
    with pytest.raises(AssetError, match=words):
        raise explained


# ---- the worker


def test_doctor_learns_within_seconds_whether_the_hub_answers(far_hub: FakeHub) -> None:
    assert the_hub.available() is None
    start = time.monotonic()
    with far_hub.fail("slow"):
        assert "did not answer within 0.5 s" in (the_hub.available(0.5) or "")
    assert time.monotonic() - start < 8
    with far_hub.fail("html"):
        assert _LOG_IN in (the_hub.available() or "")


def test_a_stop_during_a_download_ends_the_worker(far_hub: FakeHub) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with far_hub.fail("stall", "cdn"), pytest.raises(KeyboardInterrupt):
        the_hub.fetch("org/large", on_progress=stop)
    assert [child for child in psutil.Process().children() if "hub.worker" in " ".join(child.cmdline())] == []
    assert half_files() == []


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
def test_the_worker_dies_with_its_run(far_hub: FakeHub) -> None:
    code = "from distill_core import hub; hub.fetch('org/large')"
    with far_hub.fail("stall", "cdn"):
        run = subprocess.Popen([sys.executable, "-c", code], cwd=PROJECT)
        deadline = time.monotonic() + 20
        while not any("cdn" in request for request in far_hub.requests) and time.monotonic() < deadline:
            time.sleep(0.05)
        workers = psutil.Process(run.pid).children()
        assert workers
        run.send_signal(signal.SIGKILL)
        run.wait()
        _, alive = psutil.wait_procs(workers, timeout=10)
    assert alive == []


def test_a_worker_that_breaks_off_is_told(far_hub: FakeHub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(AssetError, match="broke off"):
        the_hub.fetch("org/tiny")


def test_no_torch_and_no_huggingface_hub_in_the_page_process() -> None:
    code = (
        "import sys, distill_core.hub; print([m for m in ('torch', 'huggingface_hub', 'httpx2') if m in sys.modules])"
    )
    said = subprocess.run([sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "[]"
