"""The jobs of a Ray cluster: submit one, see how all stand, stop one. The only module that imports ray.

Each call has one deadline, however many requests it takes, and fails with one LaunchError. RAY_ADDRESS names the head's
job server; RAY_AUTH_MODE=token with RAY_AUTH_TOKEN (or RAY_AUTH_TOKEN_PATH, or ~/.ray/auth_token) is the key to it.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from distill_core.errors import LaunchError

DEADLINE_S = 5.0
_CONNECT_S = 2.0
_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


@dataclass(frozen=True)
class Job:
    """How a job stands. `ended` tells nothing of success; `gave_up`: Ray found no place for it in time, and it never
    began."""

    ended: bool
    gave_up: bool = False
    exit_code: int | None = None
    message: str = ""


@dataclass(frozen=True)
class Request:
    """A job to submit: a shell command, what it occupies (CPUs and GPUs, fractions allowed), its environment."""

    id: str
    command: str
    cpus: float
    gpus: float
    environment: Mapping[str, str]


class Cluster:
    """The jobs behind one address. Any thread may call it."""

    def __init__(self, address: str | None = None, deadline_s: float = DEADLINE_S) -> None:
        self._address = address or os.environ.get("RAY_API_SERVER_ADDRESS") or os.environ.get("RAY_ADDRESS") or ""
        self._deadline_s = deadline_s
        self._due = threading.local()
        self._connected: Any = None

    def jobs(self) -> dict[str, Job]:
        """All jobs that the head knows, by submission id. Raises LaunchError."""
        with self._client() as client:
            return {details.submission_id: _job(details) for details in client.list_jobs() if details.submission_id}

    def submit(self, request: Request) -> None:
        """Submit a job; one whose id the head knows already is left as it is. Raises LaunchError."""
        with self._client() as client:
            try:
                client.submit_job(
                    entrypoint=request.command,
                    submission_id=request.id,
                    runtime_env={"env_vars": dict(request.environment)},
                    entrypoint_num_cpus=request.cpus,
                    entrypoint_num_gpus=request.gpus,
                )
            except RuntimeError as error:
                if "already exists" not in str(error):
                    raise

    def stop(self, job_id: str) -> None:
        """End a job's processes: SIGTERM, then SIGKILL (RAY_JOB_STOP_WAIT_TIME_S, 3 s). A job that waits for a place is
        not stopped by it, though Ray says so (ray-project/ray#58353). Raises LaunchError."""
        with self._client() as client:
            client.stop_job(job_id)

    @contextmanager
    def _client(self) -> Iterator[Any]:
        """A client whose requests must all be answered within the deadline; every fault becomes a LaunchError."""
        check_address(self._address)
        try:
            import requests
            from ray.exceptions import AuthenticationError
        except ImportError as error:
            raise LaunchError(
                "DISTILL_LAUNCHER is ray, and Ray is not installed.", "Run: pip install -r requirements-ray.txt"
            ) from error
        self._due.at = time.monotonic() + self._deadline_s
        try:
            if self._connected is None:
                self._connected = _client_class(self._left)(self._address)
            yield self._connected
        except AuthenticationError as error:
            raise LaunchError(
                f"The Ray cluster at {self._address} does not accept this server's token.",
                "Set RAY_AUTH_MODE=token and RAY_AUTH_TOKEN as on the head.",
            ) from error
        except (requests.RequestException, ConnectionError) as error:
            raise LaunchError(
                f"The Ray cluster at {self._address} does not answer.",
                "Check RAY_ADDRESS and that the head runs (ray status). Runs that are under way go on.",
            ) from error
        except (RuntimeError, ValueError) as error:
            reason = str(error).strip().splitlines() or [type(error).__name__]
            raise LaunchError(
                f"The Ray cluster at {self._address} refused: {reason[-1][:300]}", "The head's log says more."
            ) from error

    def _left(self) -> tuple[float, float]:
        """What requests may take: seconds to connect, seconds to wait for the answer."""
        left_s = max(0.05, self._due.at - time.monotonic())
        return min(_CONNECT_S, left_s), left_s


def check_address(address: str) -> None:
    """Raises LaunchError unless the address is one of a job server, with a token where it is not this machine's own.

    Whoever reaches a head without a token runs any command on every machine of the cluster.
    """
    parts = urlsplit(address)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise LaunchError(
            f"RAY_ADDRESS is {address!r}, which is no address of a Ray head's job server.",
            "Set it to http://HEAD:8265, the head's dashboard port.",
        )
    if parts.hostname not in _LOOPBACK and not _has_token():
        raise LaunchError(
            f"The Ray cluster at {address} is on the network, and no token is set.",
            "Start the head with RAY_AUTH_MODE=token, and set RAY_AUTH_MODE=token and RAY_AUTH_TOKEN here.",
        )


def _has_token() -> bool:
    file = Path(os.environ.get("RAY_AUTH_TOKEN_PATH") or Path.home() / ".ray" / "auth_token")
    return os.environ.get("RAY_AUTH_MODE") == "token" and bool(os.environ.get("RAY_AUTH_TOKEN") or file.is_file())


def _client_class(left: Any) -> Any:
    """Ray's own client, with a time limit on each request: without, a silent head would hold a page for ever."""
    from ray.job_submission import JobSubmissionClient

    class Client(JobSubmissionClient):  # type: ignore[misc]
        def _do_request(self, method: str, endpoint: str, **options: Any) -> Any:
            return super()._do_request(method, endpoint, timeout=left(), allow_redirects=False, **options)

    return Client


def _job(details: Any) -> Job:
    return Job(
        ended=details.status.is_terminal(),
        gave_up=str(details.error_type or "").endswith("JOB_SUPERVISOR_ACTOR_START_TIMEOUT"),
        exit_code=details.driver_exit_code,
        message=details.message or "",
    )
