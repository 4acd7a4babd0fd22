"""A command line that does one run in the foreground: python fake_foreground.py ROOT TITLE, or ROOT resume RUN_ID."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

from fake_worker import job

from distill_core import kinds
from distill_core.launch.foreground import resume_foreground, run_foreground
from distill_core.runs.store import RunStore

if __name__ == "__main__":
    kinds.KINDS["compare"] = replace(kinds.KINDS["compare"], job=job)
    store = RunStore(Path(sys.argv[1]))
    if sys.argv[2] == "resume":
        run = resume_foreground(sys.argv[3], store)
    else:
        spec = kinds.parse_spec({"kind": "compare", "models": "bert@structure", "title": sys.argv[2]})
        run = run_foreground(spec, store)
    sys.exit(0 if run.state().state == "done" else 130)
