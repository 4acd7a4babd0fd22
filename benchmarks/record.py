"""Ship a finished run as a recorded result: what was asked, where, and what came out; no weights.

    python -m benchmarks.record RUN_ID NAME      →  data/recorded/NAME/

Pages show recorded results, with the machine named, where a fresh installation has none of its own yet.
"""

from __future__ import annotations

import argparse
import shutil
import sys

from distill_core.errors import DistillError, RunError
from distill_core.runs import RECORDED_FILES, RunStore
from distill_core.settings import DATA, settings


def record(run_id: str, name: str) -> None:
    """Copy the small files of a run. Raises RunError unless it is done."""
    run = RunStore(settings().runs_dir).get(run_id)
    if run.state().state != "done":
        raise RunError(f"The run {run_id} is {run.state().state}, not done.", "Record a finished run.")
    target = DATA / "recorded" / name
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    for file in RECORDED_FILES:
        if (run.path / file).is_file():
            shutil.copyfile(run.path / file, target / file)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run_id")
    parser.add_argument("name")
    arguments = parser.parse_args()
    try:
        record(arguments.run_id, arguments.name)
    except DistillError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
