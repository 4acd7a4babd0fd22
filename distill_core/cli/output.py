"""What the command line prints: one JSON document or a readable text on stdout, progress and errors on stderr."""

from __future__ import annotations

import json
import sys
from typing import Any

from distill_core.errors import DistillError
from distill_core.results import State


def print_json(data: Any) -> None:
    print(json.dumps(data, ensure_ascii=False, indent=1, allow_nan=False))


def print_error(error: DistillError, as_json: bool) -> None:
    if as_json:
        print_json({"error": error.as_json()})
    print(f"Error: {error}", file=sys.stderr)


def print_note(note: str) -> None:
    """What must be known beside the numbers: on stderr, so that the JSON keeps its shape."""
    print(f"Note: {note}", file=sys.stderr)


def print_table(rows: list[dict[str, Any]]) -> None:
    """Columns from the keys, numbers right-aligned, None as n/a."""
    if not rows:
        print("Nothing to show.")
        return
    cells = [{key: shown(value) for key, value in row.items()} for row in rows]
    widths = {key: max(len(key), *(len(row[key]) for row in cells)) for key in cells[0]}
    numeric = {key: isinstance(rows[0][key], int | float) for key in widths}
    print("  ".join(key.rjust(width) if numeric[key] else key.ljust(width) for key, width in widths.items()))
    for row in cells:
        line = (row[key].rjust(width) if numeric[key] else row[key].ljust(width) for key, width in widths.items())
        print("  ".join(line).rstrip())


def shown(value: Any) -> str:
    """A value for people: thousands in groups, three significant digits for fractions."""
    if value is None:
        return "n/a"
    if isinstance(value, float):
        return f"{value:.3g}" if abs(value) < 1000 else f"{value:,.0f}"
    grouped = isinstance(value, int) and not isinstance(value, bool) and abs(value) >= 10_000  # not years
    return f"{value:,}" if grouped else str(value)


class Bar:
    """A progress bar on stderr: redrawn in place in a terminal, one line per tenth elsewhere."""

    WIDTH = 24

    def __init__(self) -> None:
        self._terminal = sys.stderr.isatty()
        self._tenth = -1

    def __call__(self, state: State) -> None:
        left = f" · {state.eta_s:.0f} s left" if state.eta_s is not None else ""
        text = f"{state.progress:4.0%} {state.message}{left}"
        if self._terminal:
            filled = round(self.WIDTH * state.progress)
            print(f"\r\033[K[{'#' * filled}{'.' * (self.WIDTH - filled)}] {text}"[:160], end="", file=sys.stderr)
            sys.stderr.flush()
        elif int(state.progress * 10) != self._tenth:
            self._tenth = int(state.progress * 10)
            print(text, file=sys.stderr, flush=True)

    def end(self) -> None:
        if self._terminal:
            print(file=sys.stderr)


class DownloadLines:
    """The progress of downloads on stderr: one line a tenth of each archive."""

    def __init__(self) -> None:
        self._told = ("", -1)

    def __call__(self, done: int, total: int, name: str) -> None:
        tenth = int(10 * done / total) if total else 0
        if (name, tenth) != self._told:
            self._told = (name, tenth)
            size = f" of {total / 2**20:.0f}" if total else ""
            print(f"{name}: {done / 2**20:.0f}{size} MiB", file=sys.stderr, flush=True)
