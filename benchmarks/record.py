"""Ship a finished run as a recorded result: what was asked, where, and what came out; no weights.

    python -m benchmarks.record RUN_ID NAME      →  data/recorded/NAME/

Pages show recorded results, with the machine named, where a fresh installation has none of its own yet.
"""

from __future__ import annotations

import argparse
import shutil
import sys

from distill_core.errors import DistillError, RunError
from distill_core.results import Metric
from distill_core.runs.run import RECORDED_FILES, Run
from distill_core.runs.store import RunStore
from distill_core.settings import DATA, settings

POINTS = 40  # of a curve: the history of the repository stays light


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
    if (target / "metrics.jsonl").is_file():
        (target / "metrics.jsonl").unlink()
        Run(target).add_metrics(thinned(run.read_metrics()[0]))


def thinned(metrics: list[Metric], most: int = POINTS) -> list[Metric]:
    """At most about `most` points of each curve, its last one among them: as many as a figure shows."""
    curves: dict[tuple[str, str, str], list[int]] = {}
    for place, metric in enumerate(metrics):
        curves.setdefault((metric.arm, metric.split, metric.name), []).append(place)
    kept: set[int] = set()
    for places in curves.values():
        every = -(-len(places) // most)
        kept |= {*places[::every], places[-1]}
    return [metrics[place] for place in sorted(kept)]


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
