"""A run as one JSON document to take away. Tables go as CSV (`csv_files.safe_csv`), figures as `figures.report`."""

from __future__ import annotations

import json
from typing import Any

from distill_core.runs.run import Run


def json_text(run: Run) -> str:
    """What was asked, the machine and the rows of a run as one JSON document."""
    environment, result = run.environment(), run.result()
    document: dict[str, Any] = {
        "run": run.id,
        "spec": run.spec().model_dump(mode="json"),
        "environment": environment.model_dump() if environment else None,
        "result": result.model_dump() if result else None,
    }
    return json.dumps(document, indent=1, ensure_ascii=False)
