"""A Hub on 127.0.0.1 that speaks what huggingface_hub 2.4 asks, and that fails on demand.

`FakeHub(repos)` serves repositories; `fail(mode, where=…)` makes the next answers wrong; `requests` lists what came.
Large files are answered as the real Hub does: a redirect with the file's facts, to another host.
"""

from __future__ import annotations

import hashlib
import http.server
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any
from urllib.parse import unquote, urlsplit

LARGE = (".safetensors", ".bin", ".model", ".parquet")
MODES = (
    "500",
    "503",
    "429",
    "429-wait",
    "401",
    "407",
    "html",
    "login",
    "slow",
    "cut",
    "cut-once",
    "stall",
    "drip",
    "corrupt",
    "short",
    "junk",
    "no-commit",
    "entry-404",
)


@dataclass
class Repo:
    """One repository. `claimed` overrides sizes that the listing tells; `pulls` holds the Hub's conversions."""

    files: dict[str, bytes]
    kind: str = "model"
    gated: bool = False
    private: bool = False
    claimed: dict[str, int] = field(default_factory=dict)
    pulls: dict[int, Repo] = field(default_factory=dict)
    pull_author: str = "SFconvertbot"

    @property
    def commit(self) -> str:
        """A hash of the content, as git would have one."""
        lines = [f"{name} {hashlib.sha256(data).hexdigest()}" for name, data in sorted(self.files.items())]
        return hashlib.sha1("\n".join(lines).encode(), usedforsecurity=False).hexdigest()

    def at(self, revision: str) -> Repo | None:
        """The repository at a revision; None where there is no such one."""
        if revision in ("main", self.commit):
            return self
        for number, pull in self.pulls.items():
            if revision in (f"refs/pr/{number}", pull.commit):
                return pull
        return None

    def siblings(self) -> list[dict[str, Any]]:
        """The file list of the API, with sizes and hashes."""
        rows = []
        for name, data in self.files.items():
            size = self.claimed.get(name, len(data))
            row: dict[str, Any] = {"rfilename": name, "size": size, "blobId": git_hash(data)}
            if name.endswith(LARGE):
                row["lfs"] = {"sha256": hashlib.sha256(data).hexdigest(), "size": size, "pointerSize": 134}
            rows.append(row)
        return rows


def git_hash(data: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()


class FakeHub:
    """The server. Use it as a context manager; `heal()` ends a fault and frees all that wait in it."""

    def __init__(self, repos: dict[str, Repo]) -> None:
        self.repos = repos
        self.requests: list[str] = []
        self.tokens: list[tuple[str, str]] = []
        self.mode, self.where = "", "all"
        self.healed = threading.Event()
        hub = self

        class BoundHandler(Handler):
            def setup(self) -> None:
                self.hub = hub
                super().setup()

        self.server = Server(("127.0.0.1", 0), BoundHandler)
        self.port = self.server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)

    def __enter__(self) -> FakeHub:
        self.thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.heal()
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

    def heal(self) -> None:
        self.mode = ""
        self.healed.set()

    @contextmanager
    def fail(self, mode: str, where: str = "all") -> Iterator[None]:
        """Answer wrong for a while. `where` is all, api (listings), file (small and large files) or cdn (large)."""
        if mode not in MODES:
            raise ValueError(mode)
        self.healed.clear()
        self.mode, self.where = mode, where
        try:
            yield
        finally:
            self.heal()


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that hang up are part of the game."""


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: FakeHub

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet."""

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self._answer()

    def _answer(self) -> None:
        path = unquote(urlsplit(self.path).path)
        self.hub.requests.append(f"{self.command} {path}")
        self.hub.tokens.append((path, self.headers.get("Authorization", "")))
        if path == "/login":
            return self._page()
        part = "api" if path.startswith("/api/") else "cdn" if path.startswith("/cdn/") else "file"
        mode = self.hub.mode if self.hub.where == "all" or part in (self.hub.where, f"{self.hub.where}s") else ""
        if self.hub.where == "file" and part == "cdn":
            mode = self.hub.mode
        if self._fails_before(mode):
            return None
        if part == "api":
            return self._api(path.removeprefix("/api/"), mode)
        if part == "cdn":
            return self._large(path.removeprefix("/cdn/"), mode)
        return self._file(path.removeprefix("/"), mode)

    def _fails_before(self, mode: str) -> bool:
        """Faults that need to know nothing of what was asked."""
        if mode in ("500", "503", "429", "401", "407"):
            self._send(
                int(mode),
                b"",
                **({"X-Error-Message": "Invalid credentials in Authorization header"} if mode == "401" else {}),
            )
        elif mode == "429-wait":
            self._send(429, b"", **{"Retry-After": "120"})
        elif mode == "html":
            self._page()
        elif mode == "login":
            self._send(302, b"", Location=f"{self.hub.url}/login")
        elif mode == "slow":
            self.hub.healed.wait(60)
            self.close_connection = True
        else:
            return False
        return True

    def _page(self) -> None:
        self._send(200, b"<html>Please log in to the school network</html>", **{"Content-Type": "text/html"})

    def _api(self, path: str, mode: str) -> None:
        kind, _, rest = path.partition("/")
        name, _, revision = rest.partition("/revision/")
        name, asks_pulls = name.removesuffix("/discussions"), name.endswith("/discussions")
        repo = self._repo(name, kind.removesuffix("s"))
        if repo is None:
            return None
        if asks_pulls:
            return self._json(_discussions(repo))
        version = repo.at(revision or "main")
        if version is None:
            return self._send(404, b"", **{"X-Error-Code": "RevisionNotFound"})
        sha = None if mode == "no-commit" else version.commit
        answer = {"_id": "0", "id": name, "modelId": name, "private": False, "sha": sha, "siblings": version.siblings()}
        if mode == "junk":
            return self._send(200, b'["not what was asked"', **{"Content-Type": "application/json"})
        body = json.dumps(answer).encode()
        if mode == "drip":
            return self._drip(body)
        return self._send(200, body, **{"Content-Type": "application/json"})

    def _repo(self, name: str, kind: str) -> Repo | None:
        repo = self.hub.repos.get(name)
        if repo is None or repo.kind != kind:
            self._send(404, b"", **{"X-Error-Code": "RepoNotFound"})
            return None
        if repo.private:
            self._send(401, b"", **{"X-Error-Message": "Invalid username or password."})
            return None
        return repo

    def _file(self, path: str, mode: str) -> None:
        kind, path = ("dataset", path.removeprefix("datasets/")) if path.startswith("datasets/") else ("model", path)
        name, _, rest = path.partition("/resolve/")
        repo = self._repo(name, kind)
        if repo is None:
            return None
        if repo.gated:
            return self._send(403, b"", **{"X-Error-Code": "GatedRepo", "X-Error-Message": "ask for access"})
        revision, _, file = rest.partition("/")
        version = repo.at(revision)
        if version is None or file not in version.files or mode == "entry-404":
            return self._send(404, b"", **{"X-Error-Code": "EntryNotFound"})
        data, facts = version.files[file], {"X-Repo-Commit": version.commit}
        if not file.endswith(LARGE):
            return self._body(data, mode, {**facts, "ETag": f'"{git_hash(data)}"'})
        sha256 = hashlib.sha256(data).hexdigest()
        linked = {
            "X-Linked-Etag": f'"{sha256}"',
            "X-Linked-Size": str(len(data)),
            "X-Xet-Hash": sha256,
            "X-Xet-Refresh-Route": f"{self.hub.url}/api/xet",
        }
        return self._send(302, b"", **facts, **linked, Location=f"http://localhost:{self.hub.port}/cdn/{sha256}")

    def _large(self, sha256: str, mode: str) -> None:
        versions = [version for repo in self.hub.repos.values() for version in (repo, *repo.pulls.values())]
        for data in (data for version in versions for data in version.files.values()):
            if hashlib.sha256(data).hexdigest() == sha256:
                return self._body(data, mode, {"ETag": f'"{sha256}"'})
        return self._send(404, b"")

    def _body(self, data: bytes, mode: str, headers: dict[str, str]) -> None:
        """A file, whole or from the position that Range names, with the faults of a transfer."""
        start = int(self.headers.get("Range", "bytes=0-").removeprefix("bytes=").partition("-")[0])
        rest = data[start:]
        headers = {**headers, "Accept-Ranges": "bytes", "Content-Type": "application/octet-stream"}
        if start:
            headers["Content-Range"] = f"bytes {start}-{len(data) - 1}/{len(data)}"
        if mode == "corrupt":
            rest = rest[:-1] + bytes([rest[-1] ^ 255])
        if mode == "short" and self.command == "GET":
            rest = rest[: len(rest) // 2]
        if self.command == "GET" and mode == "drip":
            return self._drip(rest, 2_000)
        if self.command == "GET" and (mode in ("cut", "stall") or (mode == "cut-once" and not start)):
            return self._half(rest, mode, headers)
        return self._send(206 if start else 200, rest, **headers)

    def _half(self, data: bytes, mode: str, headers: dict[str, str]) -> None:
        self._head(200, len(data), headers)
        self.wfile.write(data[: len(data) // 2])
        self.wfile.flush()
        if mode == "stall":
            self.hub.healed.wait(60)
        if mode == "cut-once":
            self.hub.mode = ""
        self.connection.shutdown(socket.SHUT_RDWR)
        self.close_connection = True

    def _drip(self, body: bytes, step: int = 1) -> None:
        """A little now and then: each read succeeds, the whole takes for ever."""
        self._head(200, len(body), {"Content-Type": "application/json"})
        for start in range(0, len(body), step):
            self.wfile.write(body[start : start + step])
            self.wfile.flush()
            if self.hub.healed.wait(0.1):
                break
        self.close_connection = True

    def _json(self, answer: Any) -> None:
        self._send(200, json.dumps(answer).encode(), **{"Content-Type": "application/json"})

    def _send(self, status: int, body: bytes, **headers: str) -> None:
        self._head(status, len(body), headers)
        if self.command == "GET":
            self.wfile.write(body)

    def _head(self, status: int, length: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(length)}.items():
            self.send_header(name, value)
        self.end_headers()


def _discussions(repo: Repo) -> dict[str, Any]:
    rows = [
        {
            "num": number,
            "author": {"name": repo.pull_author},
            "title": "Adding `safetensors` variant of this model",
            "status": "open",
            "isPullRequest": True,
            "createdAt": "2023-01-01T00:00:00.000Z",
            "repo": {"name": "x/y", "type": "model"},
        }
        for number in repo.pulls
    ]
    return {"count": len(rows), "start": 0, "discussions": rows, "numClosedDiscussions": 0}
