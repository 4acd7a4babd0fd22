"""The worker process, and the deadlines that really hold.

huggingface_hub retries for 23 s with a cold cache, and a slow server can hold one of its requests for minutes. So it
runs in a process of its own (`worker.py`), and this module ends that process when a deadline passes: for the first
answer (hub_timeout_s), for the whole download (hub_download_timeout_s), and for a download that stands still.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Any

from distill_core.errors import AssetError, DistillError, ModelError
from distill_core.hub.names import Request, cache_root, check_endpoint, host
from distill_core.hub.statuses import NETWORK, sentence
from distill_core.settings import PROJECT, settings

Progress = Callable[[int, int, str], None]
Lines = queue.Queue[str | None]

START_S = 60.0  # importing huggingface_hub takes 0.3 s, and far longer on a busy machine
STALL_FACTOR = 4  # a download stands still after so many times hub_timeout_s without a byte
POLL_S = 0.1
OLD_S = 3600.0  # half a file that nobody has written to for so long was left by a killed process

log = logging.getLogger(__name__)


@dataclass
class Fetch:
    """One request at work: what the worker has said, and the deadlines."""

    request: Request
    timeout_s: float
    on_progress: Progress | None = None
    born: float = field(default_factory=time.time)
    started: float = field(default_factory=time.monotonic)
    moved: float = field(default_factory=time.monotonic)
    ready: bool = False
    commit: str = ""
    total: int = 0
    finished: int = 0
    done: int = 0
    trouble: dict[str, Any] = field(default_factory=dict)

    def hear(self, event: dict[str, Any]) -> None:
        """Take in one event; {} when the worker said nothing for a moment."""
        if "trouble" in event:
            self.trouble = event
        elif event:
            self.moved = time.monotonic()
        self.ready = self.ready or "ready" in event
        self.commit = event.get("commit", self.commit)
        self.total = event.get("total", self.total)
        self.finished += event.get("size", 0)
        done = max(self.done, self.finished + self._half_files()) if self.commit else 0
        if done == self.done:
            return
        self.done, self.moved, self.trouble = done, time.monotonic(), {}
        if self.on_progress is not None:
            self.on_progress(min(done, self.total), self.total, self.request.repo)

    def check(self) -> None:
        """Raises AssetError when a deadline has passed."""
        now, repo = time.monotonic(), self.request.repo
        still = now - self.moved
        if not self.ready:
            if still > START_S:
                raise AssetError("The process that fetches from the Hub does not start.", "The machine is too busy.")
        elif not self.commit:
            if still > self.timeout_s:
                raise self._late(f"The Hub ({host()}) did not answer within {self.timeout_s:g} s.")
        elif still > STALL_FACTOR * self.timeout_s:
            share = f"{self.done / 1e6:.1f} of {self.total / 1e6:.1f} MB came"
            raise self._late(f"The download of {repo} stands still: {share}, then nothing for {still:.0f} s.")
        elif now - self.started > settings().hub_download_timeout_s:
            raise AssetError(
                f"The download of {repo} took longer than {settings().hub_download_timeout_s:g} s.",
                "DISTILL_HUB_DOWNLOAD_TIMEOUT_S allows more time.",
            )

    def _late(self, message: str) -> DistillError:
        """Where the Hub did answer, but with an error code, that is the better reason."""
        if self.trouble:
            return sentence(self.trouble["trouble"], self.trouble["retry_after"], self.request.repo)
        return AssetError(message, f"{NETWORK} DISTILL_HUB_TIMEOUT_S allows more time.")

    def _half_files(self) -> int:
        return sum(stat.st_size for stat in _half_files(self.request).values() if stat.st_mtime >= self.born)


def _half_files(request: Request) -> dict[Path, os.stat_result]:
    found = {}
    for path in (request.folder / "blobs").glob("*.incomplete"):
        with contextlib.suppress(OSError):  # it was finished in this moment
            found[path] = path.stat()
    return found


@dataclass(frozen=True)
class Answer:
    """What came of a request."""

    commit: str
    revision: str
    files: dict[str, int]


def download(request: Request, on_progress: Progress | None = None) -> Answer:
    """Fetch the files of a request into the cache. `on_progress(done_bytes, total_bytes, repo)` hears of it.

    Raises AssetError or ModelError; the worker is gone in any case.
    """
    for path, stat in _half_files(request).items():
        if time.time() - stat.st_mtime > OLD_S:
            path.unlink(missing_ok=True)
    fetch = Fetch(request, settings().hub_timeout_s, on_progress)
    with _worker(request, fetch.timeout_s, probe=False) as lines:
        return _follow(lines, fetch)


def probe(timeout_s: float) -> None:
    """Raises AssetError where the Hub does not answer in time."""
    request = Request("model", "google-bert/bert-base-uncased")
    with _worker(request, timeout_s, probe=True) as lines:
        _follow(lines, Fetch(request, timeout_s))


@contextmanager
def _worker(request: Request, timeout_s: float, probe: bool) -> Iterator[Lines]:
    """A running worker: the lines it says, then None. It is ended on the way out."""
    check_endpoint()
    job = json.dumps({**asdict(request), "timeout_s": timeout_s, "probe": probe})
    child = subprocess.Popen(
        [sys.executable, "-m", "distill_core.hub.worker"],
        cwd=PROJECT,
        env={**os.environ, "HF_HUB_CACHE": str(cache_root())},
        encoding="utf-8",
        errors="replace",
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    lines: Lines = queue.Queue()
    reader = threading.Thread(target=_read, args=(child.stdout, lines), daemon=True)
    reader.start()
    try:
        if child.stdin is not None:
            with contextlib.suppress(BrokenPipeError):  # it died at birth: the end of its lines will tell
                child.stdin.write(job + "\n")
                child.stdin.flush()
        yield lines
    finally:
        _end(child)
        reader.join()
        for pipe in (child.stdin, child.stdout):
            with contextlib.suppress(BrokenPipeError):
                if pipe is not None:
                    pipe.close()


def _read(said: IO[str], lines: Lines) -> None:
    for line in said:
        lines.put(line)
    lines.put(None)


def _end(child: subprocess.Popen[str]) -> None:
    """Ask first: an orderly end deletes half a file."""
    child.terminate()
    try:
        child.wait(timeout=2)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


def _follow(lines: Lines, fetch: Fetch) -> Answer:
    """Read events until the worker is done or a deadline has passed."""
    while True:
        try:
            line = lines.get(timeout=POLL_S)
        except queue.Empty:
            line = ""
        if line is None:
            raise AssetError("The process that fetches from the Hub broke off.", "Its last words are in the log.")
        event = _event(line)
        fetch.hear(event)
        if "ok" in event:
            return Answer(fetch.commit, event["revision"], event["files"])
        if "error" in event:
            said = event["error"]
            raise (ModelError if said["kind"] == ModelError.kind else AssetError)(said["message"], said["hint"])
        fetch.check()


def _event(line: str) -> dict[str, Any]:
    """One line of the worker; {} for what is not JSON, which goes to the log."""
    try:
        event = json.loads(line or "{}")
    except ValueError:
        event = None
    if isinstance(event, dict):
        return event
    log.info("hub: %s", line.rstrip())
    return {}
