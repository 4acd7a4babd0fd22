"""What a page costs the server: processor time of each page, without a browser, in one process.

    python -m benchmarks.pages [--repeats 5] [--only students,runs] [--json]

`first`: the first drawing of all, when nothing is kept yet. `visitor`: the first drawing for another visitor. `rerun`:
any click while a finished recorded run is on the page. `live`: one refresh of a live run whose curves have one more
point than at the last one (a copy of the recorded run with all its results, said to be running). Milliseconds;
medians of the repeats, `first` once. Imports come before.

An empty page is measured in the same way. Its time is a part of every other row: Streamlit's thread, navigation and
messages. The queue's clock stands still, and the machine is not asked what it has.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shutil
import statistics
import tempfile
import time
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from unittest.mock import MagicMock
from urllib.parse import urlencode

from streamlit.logger import set_log_level
from streamlit.runtime import Runtime
from streamlit.runtime.caching.storage.dummy_cache_storage import MemoryCacheStorageManager
from streamlit.runtime.dataframe_source_manager import DataframeSourceManager
from streamlit.runtime.fragment import MemoryFragmentStorage
from streamlit.runtime.media_file_manager import MediaFileManager
from streamlit.runtime.memory_media_file_storage import MemoryMediaFileStorage
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager
from streamlit.runtime.pages_manager import PagesManager
from streamlit.runtime.scriptrunner import RerunData, ScriptRunner, ScriptRunnerEvent
from streamlit.runtime.scriptrunner.script_cache import ScriptCache
from streamlit.runtime.state.session_state import SessionState

from distill_core.runs.run import Run
from distill_core.runs.store import RunStore
from distill_core.settings import DATA, PROJECT, settings

APP = PROJECT / "app.py"
EMPTY = "empty page"
TAB = "Transfer lab, {}"
_SCRIPTS = ScriptCache()


@dataclass(frozen=True)
class Case:
    """A page with a recorded run on it. `parameter`: what names the run in the page's address; `state`: what a visitor
    has clicked before."""

    name: str
    address: str
    run: str = ""
    parameter: str = ""
    query: tuple[tuple[str, str], ...] = ()
    script: Path = APP

    @property
    def is_watched(self) -> bool:
        """Whether the page draws the run again and again while it is live."""
        return self.parameter not in ("", "r_run")


def cases() -> list[Case]:
    """Every page of the application, the tabs of the Transfer lab one by one."""
    shown = {
        "compare": ("compare-ten-families", "cmp_run"),
        "pretrain": ("pretrain-bert", "pt_run"),
        "finetune": ("finetune-movies", "ft_run"),
        "distill": ("distill-movies-three-seeds", "d_run"),
        "students": ("ten-students", "ts_run"),
        "take_apart": ("distill-ablation", "ta_run"),
        "runs": ("ten-students", "r_run"),
    }
    tabs = {"curves": "Learning curves", "unfreeze": "Unfreezing", "domains": "Domains", "moved": "What moved"}
    found = []
    for file, title, _, address, _ in (entry for entries in import_module("app").PAGES.values() for entry in entries):
        if file == "transfer":
            found += [
                Case(TAB.format(tab), address, f"transfer-{key}", f"tl_{key}_run", (("tl_tab", tab),))
                if key != "moved"
                else Case(TAB.format(tab), address, query=(("tl_tab", tab),))
                for key, tab in tabs.items()
            ]
        else:
            found.append(Case(title, "" if file == "start" else address, *shown.get(file, ("", ""))))
    return found


class Visitor:
    """One session: its state, its fragments, and the page that it looks at."""

    def __init__(self, case: Case, run_id: str) -> None:
        self._case = case
        query = dict(case.query) | ({case.parameter: run_id} if case.parameter else {})
        self._query = urlencode(query)
        self._state = SessionState()
        for experiment in ("curves", "unfreeze", "domains", "moved"):  # the guess is made
            for run in (run_id, "transfer-curves"):
                self._state[f"tl_said_{experiment}_{run}"] = {}
        self._fragments = MemoryFragmentStorage()
        self._pages = PagesManager(str(case.script), _SCRIPTS, setup_watcher=False)
        self._page = ""

    def draw(self) -> float:
        """The whole page once. Returns milliseconds of processor time. Raises RuntimeError where the page fails."""
        request = RerunData(query_string=self._query, page_script_hash=self._page, page_name=self._case.address)
        took = self._run(request)
        self._page = self._pages.current_page_script_hash
        return took

    def refresh(self) -> float:
        """The live parts of the page once."""
        ids = list(self._fragments._fragments)
        return self._run(RerunData(self._query, page_script_hash=self._page, fragment_id_queue=ids, is_auto_rerun=True))

    def _run(self, request: RerunData) -> float:
        loop = asyncio.new_event_loop()
        runner = ScriptRunner(
            session_id="benchmark",
            main_script_path=str(self._case.script),
            session_state=self._state,
            uploaded_file_mgr=MemoryUploadedFileManager("/upload"),
            script_cache=_SCRIPTS,
            initial_rerun_data=request,
            user_info={},
            fragment_storage=self._fragments,
            pages_manager=self._pages,
            event_loop=loop,
        )
        failures: list[str] = []

        def listen(sender: object, event: ScriptRunnerEvent, **data: object) -> None:
            message = data.get("forward_msg")
            if message is not None and message.delta.new_element.HasField("exception"):  # type: ignore[attr-defined]
                failures.append(message.delta.new_element.exception.message)  # type: ignore[attr-defined]

        runner.on_event.connect(listen, weak=False)
        start = time.process_time()
        runner.start()
        if runner._script_thread is not None:
            runner._script_thread.join()
        took = 1000 * (time.process_time() - start)
        loop.close()
        if failures:
            raise RuntimeError(f"{self._case.name}: {failures[0]}")
        return took


def measure(case: Case, repeats: int) -> dict[str, str | float | None]:
    """One row of the table, in milliseconds."""
    first = Visitor(case, case.run)
    row: dict[str, str | float | None] = {"page": case.name, "first": first.draw()}
    row["visitor"] = statistics.median(Visitor(case, case.run).draw() for _ in range(repeats))
    row["rerun"] = statistics.median(first.draw() for _ in range(repeats))
    row["live"] = live(case, repeats) if case.is_watched else None
    return row


def live(case: Case, repeats: int) -> float:
    """One refresh of the live part, each after one more point."""
    run = _live_copy(RunStore(DATA / "recorded").get(case.run))
    points, _ = run.read_metrics()
    visitor = Visitor(case, run.id)
    visitor.draw()
    visitor.refresh()
    took = []
    for more in range(1, repeats + 1):
        if points:
            run.add_metrics([points[-1].model_copy(update={"step": points[-1].step + more})])
        run.set_state(progress=0.5 + more / 1000)
        took.append(visitor.refresh())
    shutil.rmtree(run.path)
    return statistics.median(took)


def _live_copy(recorded: Run) -> Run:
    path = settings().runs_dir / "000001-abcdef"
    shutil.copytree(recorded.path, path)
    run = Run(path.absolute())
    run.set_state(state="running", progress=0.5, ended_at="", message="step 66 of 120")
    return run


def stand_in() -> None:
    """What a server holds for its sessions, and nothing that starts processes."""
    runtime = MagicMock(spec=Runtime)
    runtime.media_file_mgr = MediaFileManager(MemoryMediaFileStorage("/media"))
    runtime.dataframe_source_mgr = DataframeSourceManager()
    runtime.cache_storage_manager = MemoryCacheStorageManager()
    Runtime._instance = runtime
    for name, part in (("device_badge", "show"), ("run_panel", "tick")):
        setattr(import_module(f"pages.parts.shared.{name}"), part, lambda: None)


def table(rows: list[dict[str, str | float | None]]) -> str:
    """The rows as text."""
    lines = [f"{'page':32}{'first':>8}{'visitor':>9}{'rerun':>8}{'live':>8}   ms of processor time"]
    for row in rows:
        cells = [f"{value:.0f}" if isinstance(value := row[name], float) else "" for name in ("first", "visitor")]
        cells += [f"{value:.1f}" if isinstance(value := row[name], float) else "" for name in ("rerun", "live")]
        lines.append(f"{row['page']:32}{cells[0]:>8}{cells[1]:>9}{cells[2]:>8}{cells[3]:>8}")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--only", default="", help="pages whose titles begin so, with commas between")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    set_log_level("error")
    wanted = tuple(arguments.only.split(","))
    with tempfile.TemporaryDirectory() as folder:
        os.environ["DISTILL_RUNS_DIR"] = f"{folder}/runs"
        settings.cache_clear()
        empty = Path(folder) / "empty.py"
        empty.write_text("import streamlit as st\n\nst.title('Empty')\n")
        stand_in()
        rows = [measure(Case(EMPTY, "", script=empty), arguments.repeats)]
        rows += [measure(case, arguments.repeats) for case in cases() if case.name.startswith(wanted)]
    print(json.dumps(rows) if arguments.json else table(rows))


if __name__ == "__main__":
    main()
