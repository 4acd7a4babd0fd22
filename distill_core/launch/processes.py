"""The processes of queued runs: start one under its run's lock, signal it with its children, see how it ended."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time

import psutil

from distill_core.files import locks
from distill_core.runs.run import Run
from distill_core.settings import PROJECT

WORKER = (sys.executable, "-u", "-X", "utf8", "-X", "faulthandler", "-m", "distill_core.worker")
_FIRST_SIGN_S = 10.0
_WINDOWS_FLAGS = getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0) | getattr(subprocess, "CREATE_NO_WINDOW", 0)


def start(run: Run, command: tuple[str, ...]) -> subprocess.Popen[bytes] | None:
    """Start the run's process, which holds the run's lock when this returns; None when somebody else holds it.

    Raises OSError when the process cannot be started.
    """
    life = locks.take(run.lock_file)
    if life is None:
        return None
    try:
        inherited = (life.descriptor,) if isinstance(life, locks.DescriptorLock) else ()
        if not inherited:
            life.release()
        with run.log_file.open("ab") as log:
            process = subprocess.Popen(
                [*command, str(run.path), *map(str, inherited)],
                pass_fds=inherited,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=_environment(),
                start_new_session=True,  # it survives the server, and is signalled together with its children
                creationflags=_WINDOWS_FLAGS,
            )
    finally:
        if isinstance(life, locks.DescriptorLock):
            life.release()
    if not inherited:
        _await_life(run, process)
    return process


def _await_life(run: Run, process: subprocess.Popen[bytes]) -> None:
    """Where locks cannot be inherited: wait until the child has taken it, so that no tick starts a second one."""
    deadline = time.monotonic() + _FIRST_SIGN_S
    while process.poll() is None and not run.is_alive() and time.monotonic() < deadline:
        time.sleep(0.02)


def _environment() -> dict[str, str]:
    """The child finds this package from any working directory, which stays, since a spec may hold relative paths."""
    path = os.environ.get("PYTHONPATH")
    return {**os.environ, "PYTHONPATH": f"{PROJECT}{os.pathsep}{path}" if path else str(PROJECT)}


def has_ended(process: subprocess.Popen[bytes]) -> bool:
    """Whether the child has ended; it is reaped, and what its process group left behind is killed, safely.

    As long as the dead child is not reaped, its pid is not given to another process.
    """
    if os.name == "posix":
        with contextlib.suppress(psutil.NoSuchProcess):
            if psutil.Process(process.pid).status() != psutil.STATUS_ZOMBIE:
                return False
            send(process.pid, hard=True, group=True)
    return process.poll() is not None


def send(pid: int, *, hard: bool, group: bool) -> None:
    """Ask a process to end (SIGTERM) or end it (SIGKILL), with its process group where it leads one."""
    if sys.platform == "win32":
        _kill_tree(pid)
        return
    number = signal.SIGKILL if hard else signal.SIGTERM
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if group:
            os.killpg(pid, number)
        else:
            os.kill(pid, number)


def _kill_tree(pid: int) -> None:
    with contextlib.suppress(psutil.Error):
        process = psutil.Process(pid)
        for member in (*process.children(recursive=True), process):
            with contextlib.suppress(psutil.Error):
                member.kill()
