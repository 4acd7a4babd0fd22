"""A real Ray head on loopback with two CPUs and token authentication. None of its processes outlives the tests."""

from __future__ import annotations

import contextlib
import csv
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import tiny

from distill_core import families
from distill_core.errors import LaunchError
from distill_core.launch.ray import Cluster
from distill_core.launch.ray_launcher import RayLauncher
from distill_core.runs.run import Run
from distill_core.runs.store import RunStore
from distill_core.settings import PROJECT, settings

TOKEN = "a-token-of-the-tests-and-of-nothing-else"
AUTHENTICATION = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": TOKEN}
FAKE_WORKER = PROJECT / "tests" / "launch" / "fake_worker.py"
_START_S = 60


def free_ports(n: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(n)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


class Head:
    """A Ray head as a child of the tests; `start` after `end` gives a new one at the same address."""

    def __init__(self) -> None:
        names = ("port", "dashboard-port", "dashboard-agent-listen-port", "dashboard-agent-grpc-port")
        names += ("runtime-env-agent-port", "metrics-export-port", "ray-client-server-port")
        self.ports = dict(zip(names, free_ports(len(names)), strict=True))
        self.address = f"http://127.0.0.1:{self.ports['dashboard-port']}"
        self.folder = Path(tempfile.mkdtemp(prefix="ray-"))  # short: it holds sockets, whose paths have 107 bytes

    def start(self) -> None:
        options = [f"--{name}={port}" for name, port in self.ports.items()]
        options += ["--node-ip-address=127.0.0.1", "--dashboard-host=127.0.0.1", f"--temp-dir={self.folder}"]
        options += ["--num-cpus=2", "--object-store-memory=80000000", "--include-log-monitor=false"]
        with (self.folder / "out").open("wb") as out:
            self.process = subprocess.Popen(
                [str(Path(sys.executable).with_name("ray")), "start", "--head", "--block", *options],
                env={
                    **os.environ,
                    **AUTHENTICATION,
                    "RAY_USAGE_STATS_ENABLED": "0",
                    "RAY_memory_monitor_refresh_ms": "0",
                },
                stdout=out,
                stderr=out,
                cwd=self.folder,
                start_new_session=True,
            )
        deadline = time.monotonic() + _START_S
        while not self.answers():
            assert self.process.poll() is None, (self.folder / "out").read_text()
            assert time.monotonic() < deadline, f"the head does not answer: {self.trouble!r}"
            time.sleep(0.2)

    def answers(self) -> bool:
        try:
            Cluster(self.address).jobs()
        except LaunchError as error:
            self.trouble = error.__cause__
            return False
        return True

    def processes(self) -> list[psutil.Process]:
        """All that names the head's folder, and what these have started."""
        found = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                if str(self.folder) in " ".join(process.cmdline()):
                    found += [process, *process.children(recursive=True)]
        return found

    def end(self, hard: bool = False) -> None:
        processes = self.processes()
        if not hard:
            self.process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(20)
        for process in [*processes, *self.processes()]:
            with contextlib.suppress(psutil.Error):
                process.kill()
        psutil.wait_procs(processes, timeout=10)
        self.process.wait(10)

    def remove(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)


@pytest.fixture(scope="session")
def make_head() -> Iterator[Callable[[], Head]]:
    made: list[Head] = []
    patch = pytest.MonkeyPatch()
    for name, value in AUTHENTICATION.items():
        patch.setenv(name, value)  # before the import: Ray reads it once
    pytest.importorskip("ray.job_submission", reason="needs requirements-ray.txt")

    def make() -> Head:
        made.append(Head())
        made[-1].start()
        return made[-1]

    yield make
    for head in made:
        head.end()
        left = [process for process in head.processes() if process.is_running()]
        head.remove()
        assert left == []
    patch.undo()


@pytest.fixture(scope="session")
def head(make_head: Callable[[], Head]) -> Head:
    return make_head()


@pytest.fixture(autouse=True)
def quick_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISTILL_THREADS", "1")
    monkeypatch.setenv("DISTILL_MIN_FREE_DISK_MIB", "0")  # the disk of the test machine is none of its business
    settings.cache_clear()


@pytest.fixture
def store() -> RunStore:
    return RunStore(settings().runs_dir)


@pytest.fixture
def launcher(head: Head, store: RunStore) -> Iterator[RayLauncher]:
    """The cluster as a page server has it, with real jobs."""
    launcher = RayLauncher(store, Cluster(head.address))
    yield launcher
    _stop_all(launcher, store)


@pytest.fixture
def steps(head: Head, store: RunStore) -> Iterator[RayLauncher]:
    """The cluster with jobs of tiny steps, and little patience."""
    launcher = RayLauncher(store, Cluster(head.address), (sys.executable, str(FAKE_WORKER)), grace_s=1)
    yield launcher
    _stop_all(launcher, store)


def _stop_all(launcher: RayLauncher, store: RunStore) -> None:
    """Leave the CPUs of the head to the next test."""
    for run in store.list():
        launcher.stop(run.id)
    deadline = time.monotonic() + 30
    ids = {run.launch_info().get("job", run.id) for run in store.list()}
    while any(not job.ended for name, job in launcher._cluster.jobs().items() if name in ids):
        assert time.monotonic() < deadline, "a job goes on after its test"
        launcher.tick()
        time.sleep(0.1)


@pytest.fixture
def until() -> Callable[..., None]:
    def poll(condition: Callable[[], Any], launcher: Any = None, deadline_s: float = 120) -> None:
        end = time.monotonic() + deadline_s
        while not condition():
            assert time.monotonic() < end, "the deadline has passed"
            if launcher is not None:
                launcher.tick()
            time.sleep(0.05)

    return poll


@pytest.fixture
def until_state(until: Callable[..., None]) -> Callable[..., None]:
    def poll(run: Run, state: str, launcher: Any = None) -> None:
        try:
            until(lambda: run.state().state == state, launcher)
        except AssertionError as error:
            raise AssertionError(f"{run.id} is not {state}: {run.state()}\n{run.log_tail()}") from error

    return poll


@pytest.fixture
def teacher(tmp_path: Path) -> str:
    return f"path:{tiny.save(tiny.classifier(families.get('bert')), tmp_path / 'bert')}"


@pytest.fixture
def dataset(tmp_path: Path) -> str:
    with (tmp_path / "own.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "label"])
        writer.writerows(
            (f"{text} {number}", tiny.LABELS[(number + place) % 2])
            for number in range(10)
            for place, text in enumerate(tiny.SENTENCES)
        )
    return f"file:{tmp_path / 'own.csv'}"
