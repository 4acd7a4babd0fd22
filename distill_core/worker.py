"""The process of a queued run.

python -m distill_core.worker RUN_DIR [LOCK_DESCRIPTOR]
"""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path

import psutil

from distill_core.errors import DistillError
from distill_core.files import locks
from distill_core.launch.execution import execute
from distill_core.launch.launchers import get_launcher
from distill_core.runs.run import Run
from distill_core.runs.store import RunStore
from distill_core.settings import settings


def main(run_dir: str, lock_descriptor: int | None = None) -> int:
    """The process of a queued run: step back for the page server, do the run, start the next one in the queue."""
    with contextlib.suppress(psutil.Error, OSError, AttributeError):
        psutil.Process().nice(settings().niceness if sys.platform != "win32" else psutil.BELOW_NORMAL_PRIORITY_CLASS)
    run = Run(Path(run_dir))
    try:
        execute(run, locks.adopt(lock_descriptor) if lock_descriptor is not None else None)
    except DistillError as error:
        print(error, file=sys.stderr)
    get_launcher(RunStore(run.path.parent)).tick()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else None))
