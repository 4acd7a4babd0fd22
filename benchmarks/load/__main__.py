"""What forty visitors of one server wait for, and what the server holds while and after they are there.

    python -m benchmarks.load --sessions 40                       # arrivals within 20 s, a click every 5 s, a training
    python -m benchmarks.load --sessions 40 --ramp 0 --json       # all in the same second
    python -m benchmarks.load --sessions 40 --hang-up 0.2         # a fifth cut their wire in mid-answer and come back
    python -m benchmarks.load --sessions 40 --in-class            # all in one class, some of them before its board

Half of the sessions look at the training that runs meanwhile (its curves grow), half at a recorded result; each moves a
control about every `--every` seconds. Times are from the browser's side, without its own drawing. The driver needs a
part of the two cores itself: `driver` says how much, and how late its own clock was.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

from benchmarks.load import crowd, report
from benchmarks.load.server import started
from distill_core import kinds
from distill_core.classroom import classes, visitors
from distill_core.launch.local import LocalLauncher
from distill_core.runs.run import Run
from distill_core.runs.store import RunStore
from distill_core.settings import settings

TRAINING = {
    "kind": "finetune",
    "model": "minilm",
    "dataset": "movies",
    "train_examples": 4000,
    "epochs": 20,
    "arms": "pretrained",
    "title": "Beside the load",
}
PAGES = ("distill", "students", "compare", "transfer")  # each with its recorded result


def measure(options: argparse.Namespace) -> report.Report:
    """One level of load on a fresh server."""
    with tempfile.TemporaryDirectory(prefix="load-") as folder:
        runs, log = Path(folder) / "runs", options.log or Path(folder) / "server.log"
        training = _training(RunStore(runs)) if not options.no_training else None
        try:
            cookies = _class(runs, options.sessions) if options.in_class else _browsers(options.sessions)
            with started(runs, log, shared=options.in_class) as server:
                pages = [(page, "") for page in options.pages.split(",")]
                if options.in_class:
                    pages = [*pages, ("board", ""), ("board", "")]
                if training is not None:
                    live = [("finetune", f"ft_run={training.id}")] * len(pages)
                    pages = [page for pair in zip(live, pages, strict=True) for page in pair]
                seen = crowd.visit(server, pages, options, cookies)
        finally:
            if training is not None:
                LocalLauncher(RunStore(runs), grace_s=0.5).stop(training.id)
                _end(training)
    return report.of(seen, options)


def _class(runs: Path, students: int) -> list[str]:
    """A class that all sessions are in; their cookies."""
    code = classes.open_class(runs, "Under load").code
    names = [f"{number:032x}" for number in range(students)]
    for number, name in enumerate(names):
        classes.join(runs, code, name, f"Student {number + 1}")
    signer = visitors.signer(settings().cache_dir)
    return [f"{visitors.COOKIE}={signer.signed(name)}" for name in names]


def _browsers(count: int) -> list[str]:
    """The cookies of so many browsers: a session that was cut is resumed by its own browser alone."""
    signer = visitors.signer(settings().cache_dir)
    return [f"{visitors.COOKIE}={signer.new()}" for _ in range(count)]


def _training(store: RunStore) -> Run:
    """A long training in the queue, as a page starts it."""
    return LocalLauncher(store).submit(kinds.parse_spec(TRAINING))


def _end(run: Run) -> None:
    """Wait until its process is gone; its folder goes next."""
    crowd.wait_until(lambda: not run.is_alive(), 60.0)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sessions", type=int, default=40)
    parser.add_argument("--seconds", type=float, default=40, help="how long they stay after the last one has come")
    parser.add_argument("--ramp", type=float, default=20, help="seconds within which they arrive; 0: all at once")
    parser.add_argument("--every", type=float, default=5, help="seconds between two clicks of one session, on average")
    parser.add_argument("--hang-up", type=float, default=0, help="share of the sessions that cut the wire once")
    parser.add_argument("--pages", default=",".join(PAGES), help="pages with a recorded result")
    parser.add_argument("--in-class", action="store_true", help="every session is a student of one class")
    parser.add_argument("--no-training", action="store_true")
    parser.add_argument("--settle", type=float, default=60, help="seconds in which the server must be back")
    parser.add_argument("--log", type=Path, help="keep the server's log here")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    found = measure(options)
    print(json.dumps(found.as_dict(), indent=1) if options.json else found.as_text())
    return 0 if found.is_met else 1


if __name__ == "__main__":
    sys.exit(main())
