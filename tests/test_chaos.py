"""A few cycles of kills over small real runs: each ends as undisturbed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import chaos
from distill_core.kinds import KINDS, parse_spec

PROJECT = Path(__file__).resolve().parent.parent


def test_every_kind_that_learns_from_labels_or_measures_is_killed() -> None:
    killed = {
        parse_spec({"teacher": "minilm", **spec} if "stud" in str(spec) else spec).kind for spec in chaos.SPECS.values()
    }
    assert killed == KINDS.keys() - {"pretrain"}


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="kill -9")
def test_six_cycles() -> None:
    command = [sys.executable, "-m", "benchmarks.chaos", "--cycles", "6", "--seed", "7", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=PROJECT, timeout=900, check=False)
    assert json.loads(done.stdout) == {"good": 6, "cycles": 6}, done.stderr
