"""What fetches from the Hub, in a process of its own that can be ended: `python -m distill_core.hub.worker`.

Input: one JSON line (see `process.py`); the end of input ends this process, so it never outlives its run.
Output: JSON lines. {"ready"}, {"commit", "total"}, {"file", "size"} once a file is here and checked, {"trouble"} for
an answer that says error, then {"ok"} or {"error"}. Other lines belong to the log.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable
from typing import Any

from distill_core.errors import DistillError
from distill_core.hub.names import Request

CHUNK_BYTES = 256 * 1024  # huggingface_hub keeps 10 MB in memory before the first byte shows on disk


def say(**event: Any) -> None:
    """One event for the parent process."""
    sys.stdout.write(json.dumps(event) + "\n")
    sys.stdout.flush()


def main() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the run, which ends this process
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # an exit by exception deletes half a file
    job = json.loads(sys.stdin.readline())
    threading.Thread(target=_end_with_parent, daemon=True).start()
    request = Request(job["kind"], job["repo"], job["revision"], tuple(job["patterns"]))
    _configure(job["timeout_s"])
    serve(request, job["timeout_s"], job["probe"], say)


def serve(request: Request, timeout_s: float, probe: bool, say: Callable[..., None]) -> None:
    """Do one request. Every failure that is not a mistake of this program ends in an {"error"} event."""
    import httpx2

    from distill_core.hub import failures, transfer

    transfer.watch_answers(timeout_s, say)
    say(ready=True)
    try:
        revision, files = transfer.run(request, probe, say)
    except (DistillError, failures.NotTheHub, httpx2.HTTPError) as error:
        say(error=failures.explain(error, request).as_json())
    except (OSError, ValueError, KeyError, TypeError) as error:
        traceback.print_exc(file=sys.stdout)  # for the run's log
        say(error=failures.explain(error, request).as_json())
    else:
        say(ok=True, revision=revision, files=files)


def _configure(timeout_s: float) -> None:
    """huggingface_hub reads its environment at import."""
    seconds = str(max(1, round(timeout_s)))
    os.environ.update(
        HF_HUB_DISABLE_PROGRESS_BARS="1",
        HF_HUB_DISABLE_TELEMETRY="1",
        HF_HUB_DISABLE_SYMLINKS_WARNING="1",
        HF_HUB_ETAG_TIMEOUT=seconds,
        HF_HUB_DOWNLOAD_TIMEOUT=seconds,
    )
    # Plain HTTPS passes where only the Hub itself is allowed, resumes, and shows its progress on disk.
    os.environ.setdefault("HF_HUB_DISABLE_XET", "1")
    from huggingface_hub import constants

    constants.DOWNLOAD_CHUNK_SIZE = CHUNK_BYTES


def _end_with_parent() -> None:
    sys.stdin.read()
    os._exit(1)


if __name__ == "__main__":
    main()
