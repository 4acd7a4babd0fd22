"""What the command line prints: one JSON document or a readable text on stdout, progress and errors on stderr."""

from __future__ import annotations

import contextlib
import io
import json
import math
import os
import sys
from collections.abc import Iterator
from typing import Any

from distill_core.errors import DistillError
from distill_core.results import State


@contextlib.contextmanager
def open_streams() -> Iterator[None]:
    """Output that always takes text: a stream that the caller has closed leads nowhere, and half a character (of a file
    name, say) is written as its number."""
    closed = [name for name in ("stdout", "stderr") if getattr(sys, name) is None]
    with contextlib.ExitStack() as stack:
        for name in closed:
            setattr(sys, name, stack.enter_context(open(os.devnull, "w", encoding="utf-8")))
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper):
                stream.reconfigure(errors="backslashreplace")
        try:
            yield
        finally:
            for name in closed:
                setattr(sys, name, None)


class OutputLost(Exception):
    """Stdout took no more: its disk is full, or its reader has gone."""


@contextlib.contextmanager
def all_taken() -> Iterator[None]:
    """Raises OutputLost where stdout does not take all that the block prints. The rest is thrown away: Python would try
    again at its end, and fail with a traceback."""
    try:
        yield
        sys.stdout.flush()
    except OSError as error:
        with contextlib.suppress(OSError, ValueError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, sys.stdout.fileno())
            os.close(nowhere)
        raise OutputLost(f"The output cannot be written: {error.strerror}.") from error


def print_json(data: Any) -> None:
    """One document. A number that JSON cannot hold is null, as every number that is missing."""
    print(json.dumps(_finite(data), ensure_ascii=False, indent=1, allow_nan=False))


def _finite(data: Any) -> Any:
    if isinstance(data, float):
        return data if math.isfinite(data) else None
    if isinstance(data, dict):
        return {key: _finite(value) for key, value in data.items()}
    return [_finite(value) for value in data] if isinstance(data, list | tuple) else data


def print_error(error: DistillError, as_json: bool) -> None:
    """The error on stderr, and as the document where one was asked for."""
    tell(f"Error: {error}")
    if as_json:
        with all_taken():
            print_json({"error": error.as_json()})


def print_note(note: str) -> None:
    """What must be known beside the numbers: on stderr, so that the JSON keeps its shape."""
    tell(f"Note: {note}")


def tell(text: str, end: str = "\n") -> None:
    """Text on stderr; nothing is lost to the work where nobody takes it."""
    with contextlib.suppress(OSError):
        print(text, end=end, file=sys.stderr, flush=True)


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
            tell(f"\r\033[K[{'#' * filled}{'.' * (self.WIDTH - filled)}] {text}"[:160], end="")
        elif int(state.progress * 10) != self._tenth:
            self._tenth = int(state.progress * 10)
            tell(text)

    def end(self) -> None:
        if self._terminal:
            tell("")


class DownloadLines:
    """The progress of downloads on stderr: one line a tenth of each archive."""

    def __init__(self) -> None:
        self._told = ("", -1)

    def __call__(self, done: int, total: int, name: str) -> None:
        tenth = int(10 * done / total) if total else 0
        if (name, tenth) != self._told:
            self._told = (name, tenth)
            size = f" of {total / 2**20:.0f}" if total else ""
            tell(f"{name}: {done / 2**20:.0f}{size} MiB")
