"""A command line that does one run in the foreground: python fake_foreground.py ROOT TITLE, or ROOT resume RUN_ID."""

from __future__ import annotations

import sys
from pathlib import Path

from fake_worker import job

from distill_core import jobs
from distill_core.launch.foreground import resume_foreground, run_foreground
from distill_core.runs.store import RunStore
from distill_core.specs import parse

if __name__ == "__main__":
    jobs.JOBS = {"compare": job}  # type: ignore[dict-item]
    store = RunStore(Path(sys.argv[1]))
    if sys.argv[2] == "resume":
        run = resume_foreground(sys.argv[3], store)
    else:
        run = run_foreground(parse({"kind": "compare", "models": "bert@structure", "title": sys.argv[2]}), store)
    sys.exit(0 if run.state().state == "done" else 130)
