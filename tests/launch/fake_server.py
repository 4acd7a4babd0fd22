"""A page server in a process of its own: submits the titles it is given, then ticks until it is killed.

python fake_server.py ROOT SLOTS [--die-after-start] TITLE…
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from distill_core.kinds import parse_spec
from distill_core.launch import processes
from distill_core.launch.local import LocalLauncher
from distill_core.runs.store import RunStore
from distill_core.specs import CompareSpec

FAKE_WORKER = Path(__file__).parent / "fake_worker.py"


class DieAfterStart(subprocess.Popen):  # type: ignore[type-arg]
    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        os._exit(9)


if __name__ == "__main__":
    root, slots, *titles = sys.argv[1:]
    CompareSpec.ALONE = False  # several are at work, as runs of any other kind
    if "--die-after-start" in titles:
        titles.remove("--die-after-start")
        processes.subprocess.Popen = DieAfterStart  # type: ignore[misc]
    launcher = LocalLauncher(RunStore(Path(root)), int(slots), (sys.executable, str(FAKE_WORKER)))
    for title in titles:
        launcher.submit(parse_spec({"kind": "compare", "models": "bert@structure", "title": title}))
    print("ready", flush=True)
    while os.getppid() != 1:
        launcher.tick()
        time.sleep(0.01)
