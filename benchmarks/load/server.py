"""The page server under load: started on a free port with a runs folder of its own, and what it holds meanwhile."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

from distill_core.settings import PROJECT

START_S = 60.0


@dataclass(frozen=True)
class Held:
    """What the server's process holds at a moment."""

    memory_mib: float
    threads: int
    handles: int
    cpu_s: float


@dataclass(frozen=True)
class Server:
    """A running page server."""

    port: int
    process: psutil.Process

    def held(self) -> Held:
        """Memory, threads, file handles and processor time of the page server alone; its runs are processes of their
        own."""
        with self.process.oneshot():
            times = self.process.cpu_times()
            return Held(
                memory_mib=self.process.memory_info().rss / 2**20,
                threads=self.process.num_threads(),
                handles=self.process.num_fds() if os.name == "posix" else self.process.num_handles(),
                cpu_s=times.user + times.system,
            )


@contextlib.contextmanager
def started(runs_dir: Path, log: Path, *, shared: bool = False) -> Iterator[Server]:
    """The product's page server on a free port of 127.0.0.1; `shared`: everyone is a visitor, this machine's user too.
    Raises RuntimeError where it does not come up."""
    port = _free_port()
    command = [sys.executable, "-m", "streamlit", "run", str(PROJECT / "app.py"), "--server.port", str(port)]
    environment = {**os.environ, "DISTILL_RUNS_DIR": str(runs_dir), "STREAMLIT_SERVER_ADDRESS": "127.0.0.1"}
    environment |= {"DISTILL_SHARED": "1"} if shared else {}
    with log.open("wb") as out:
        process = subprocess.Popen(command, cwd=PROJECT, env=environment, stdout=out, stderr=out)
        try:
            _await(port, process, log)
            yield Server(port, psutil.Process(process.pid))
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _await(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(urllib.error.URLError, OSError):
            urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=1).read()
            return
        time.sleep(0.1)
    raise RuntimeError(f"The page server did not come up:\n{log.read_text(errors='replace')[-2000:]}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
