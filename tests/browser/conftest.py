"""A real server and a real browser. The server is the product as `make run` starts it, on a free port of 127.0.0.1."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

PROJECT = Path(__file__).resolve().parent.parent.parent
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
START_DEADLINE_S = 60
expect.set_options(timeout=60_000)


@dataclass(frozen=True)
class Server:
    """Where the page is, and how long it took to answer."""

    url: str
    runs: Path
    health_s: float


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The page server with an empty folder of runs."""
    with serving(tmp_path_factory.mktemp("server") / "runs", free_port()) as started:
        yield started


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def serving(runs: Path, port: int, **more: str) -> Iterator[Server]:
    """A page server of its own with this folder of runs; `more` goes into its environment."""
    environment = {**os.environ, "DISTILL_RUNS_DIR": str(runs), "DISTILL_MIN_FREE_DISK_MIB": "0", **more}
    command = [sys.executable, "-m", "streamlit", "run", "app.py", f"--server.port={port}"]
    start = time.monotonic()
    process = subprocess.Popen(
        command, cwd=PROJECT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    url = f"http://127.0.0.1:{port}"
    try:
        _wait_for(f"{url}/_stcore/health", start)
        yield Server(url, runs, time.monotonic() - start)
    finally:
        process.terminate()
        process.wait(timeout=20)


def _wait_for(url: str, start: float) -> None:
    while time.monotonic() - start < START_DEADLINE_S:
        try:
            with urllib.request.urlopen(url, timeout=2) as answer:  # noqa: S310 - our own server
                if answer.status == 200:
                    return
        except OSError:
            time.sleep(0.05)
    pytest.fail(f"{url} did not answer within {START_DEADLINE_S} s")


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.fail("Chromium or Chrome is not on PATH: make test installs Debian's.")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        yield browser
        browser.close()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context(viewport={"width": 1280, "height": 800}, accept_downloads=True)
    context.set_default_timeout(60_000)
    yield context
    context.close()


@pytest.fixture
def page(context: BrowserContext) -> Page:
    return context.new_page()
