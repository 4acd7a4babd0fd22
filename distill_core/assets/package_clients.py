"""Files from the npm registry and from Debian, fetched by the registries' own clients.

As registry.py leaves indexes, proxies and certificates to pip, so this module leaves them to npm and apt-get: they are
set up for this machine. Nothing is installed and no code of a package runs; the caller checks the sha256.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

from distill_core.files.whole import put_file

# One retry and a short wait for an answer each: without a network the clients would go on for minutes.
_COMMANDS: dict[str, tuple[str, ...]] = {
    "npm": (
        "npm",
        "pack",
        "{package}@{version}",
        "--ignore-scripts",
        "--fetch-retries=1",
        "--fetch-timeout=20000",
        "--fetch-retry-mintimeout=1000",
        "--fetch-retry-maxtimeout=2000",
    ),
    "debian": (
        "apt-get",
        "download",
        "{package}={version}",
        "-o",
        "Acquire::Retries=1",
        "-o",
        "Acquire::http::Timeout=20",
        "-o",
        "Acquire::https::Timeout=20",
    ),
}
REGISTRIES = ("pypi", *_COMMANDS)
_ERROR = ("E:", "npm error", "npm ERR!")
_GONE = ("E404", "ETARGET", "not found", "404  Not Found", "Unable to locate")


def fetch(registry: str, package: str, version: str, target: Path, deadline: float) -> tuple[str, str]:
    """Put the package's file at `target`; ("ok", "") or (kind, message). Raises OSError (no disk).

    Kinds: client (it is not installed), moved (this version is not there any more), offline, late, wrong.
    `deadline` is a time of time.monotonic().
    """
    name, *arguments = _COMMANDS[registry]
    client = shutil.which(name)
    if client is None:
        return "client", f"{name} is not installed"
    command = [client, *(argument.format(package=package, version=version) for argument in arguments)]
    with tempfile.TemporaryDirectory(prefix=f".{name}-", dir=target.parent, ignore_cleanup_errors=True) as own:
        folder, log = Path(own) / "file", Path(own) / "log.txt"
        folder.mkdir()
        code = _run(command, folder, log, deadline)
        said = log.read_text(encoding="utf-8", errors="replace")
        files = [path for path in folder.iterdir() if path.is_file()]
        if code is None:
            return "late", f"{name} did not end before the deadline"
        if code:
            return _kind(said), f"{name} ended with {code}: {_said_error(said)}"
        if len(files) != 1:
            return "wrong", f"{name} left {len(files)} files instead of one"
        put_file(files[0], target)
    return "ok", ""


def _run(command: list[str], folder: Path, log: Path, deadline: float) -> int | None:
    """The exit code; None when the deadline ended it. The output goes to a file: a pipe could keep this one waiting."""
    with (
        log.open("wb") as said,
        subprocess.Popen(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=said, stderr=subprocess.STDOUT) as child,
    ):
        try:
            return child.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            return None
        finally:
            child.kill()  # it has ended, unless it was late or Ctrl-C came


def _kind(said: str) -> str:
    return "moved" if any(word in said for word in _GONE) else "offline"


def _said_error(said: str) -> str:
    """The first lines that tell of an error, without addresses and prefixes: they say nothing to a reader."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith(_ERROR)]
    told = " ".join(re.sub("|".join(_ERROR), "", line).strip() for line in (errors or lines or ["it said nothing"])[:2])
    return " ".join(word for word in told.split() if "://" not in word)[:300].rstrip(".")
