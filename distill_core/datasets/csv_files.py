"""Bytes of an own table → header and rows, whatever program wrote it; and tables → CSV that a spreadsheet may open.

Everything that can be wrong with such a file ends as one DataError with the line and the next step.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
import stat
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import pandas as pd

from distill_core.errors import DataError
from distill_core.settings import settings

MAX_BYTES = 100 * 2**20
SUFFIXES = (".csv", ".tsv", ".txt")
DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}
_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16, whose mark is the beginning of this one
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_NO_TEXT = {
    b"PK\x03\x04": "an Excel workbook or a zip archive",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook",
    b"\x1f\x8b": "a gzip archive",
    b"PAR1": "a Parquet file",
    b"%PDF": "a PDF",
    b"\x89PNG": "a picture",
}
_SAVE_AS = "Save the table as CSV (UTF-8) in your spreadsheet program and upload that file."


_TOP_CHARS = 100_000  # in which the header is looked for
_NAME_CHARS = 60  # of a column; a longer cell is a text


@dataclass(frozen=True)
class Table:
    """Cells as text. `lines` holds the line in the file where each row ends; `notes` says how it was read."""

    header: tuple[str, ...]
    rows: list[list[str]]
    lines: list[int]
    notes: tuple[str, ...]

    @property
    def starts_with_data(self) -> bool:
        """Whether the first line looks like one of the others: a name of the header stands in its column too, as the
        name of a class does, and more than once."""
        columns = zip(*self.rows, strict=True)
        return any(name and cells.count(name) > 1 for name, cells in zip(self.header, columns, strict=False))


def read_bytes(source: str | Path | bytes) -> bytes:
    """The content of a regular file with a text suffix and of a sane size. Raises DataError."""
    if isinstance(source, bytes):
        _check_size(len(source), "The file")
        return source
    shown = repr(str(source)[:200])
    if Path(source).suffix.lower() not in SUFFIXES:
        raise DataError(f"{shown} is no CSV file.", f"The name must end in {', '.join(SUFFIXES)}.")
    try:
        status = Path(source).stat()
        if not stat.S_ISREG(status.st_mode):
            raise DataError(f"{shown} is not a regular file.", "Name a CSV file, not a folder, a pipe or a device.")
        _check_size(status.st_size, shown)
        return Path(source).read_bytes()
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        reason = error.strerror if isinstance(error, OSError) else "it is no file name"
        raise DataError(f"{shown} cannot be read: {reason}.", "Check the name and the permissions.") from error


def _check_size(size: int, shown: str) -> None:
    if size > MAX_BYTES:
        raise DataError(
            f"{shown} has {size / 2**20:,.0f} MiB; {MAX_BYTES // 2**20} MiB are accepted at most.",
            "Keep the columns with text and label alone, or take a sample of the rows.",
        )


def parse(raw: bytes, wanted: tuple[str, ...] = ()) -> Table:
    """Header and rows of a CSV file of unknown encoding and delimiter; `wanted` columns help to tell the delimiter.

    Raises DataError: empty, binary, unbalanced quotes, more cells than the header, too many rows.
    """
    for magic, kind in _NO_TEXT.items():
        if raw.startswith(magic):
            raise DataError(f"This is {kind}, not a CSV file.", _SAVE_AS)
    text, encoding, notes = _decode(raw)
    if not text.strip(f'\ufeff \t\r\n"{"".join(DELIMITERS)}'):
        raise DataError("The file is empty.", "It needs a header line with the column names and one line a text.")
    text, title = _without_title(text, wanted)
    delimiter = _delimiter(text, wanted)
    try:
        header, rows, lines, rules = _rows(text, delimiter, csv.QUOTE_MINIMAL)
    except csv.Error as error:
        if delimiter != "\t":
            raise DataError(
                f"The quotation marks do not match: {error}.",
                'Put a text that holds the delimiter or a line break in "…" and double each " inside it.',
            ) from error
        header, rows, lines, rules = _rows(text, delimiter, csv.QUOTE_NONE)  # most tab-separated files do not quote
    how = f"Read as {encoding}, cells separated by {DELIMITERS[delimiter]}."
    passed = f"Lines of nothing but dashes and the like were passed over: {rules:,}."
    return Table(header, rows, lines, (how, *notes, *([title] if title else []), *([passed] if rules else [])))


def _decode(raw: bytes) -> tuple[str, str, list[str]]:
    """(text, name of the encoding, notes). Latin-1 takes any bytes, so something always comes out."""
    text, encoding = _decoded(raw)
    notes = []
    if encoding in ("cp1252", "latin-1"):
        notes.append(f"The file is not UTF-8; {encoding} was taken. Check a text with accents.")
    clean = text.replace("\0", "")
    clean = re.sub("[\ud800-\udfff]", "\N{REPLACEMENT CHARACTER}", clean)  # such a character crashes the page
    broken = clean.count("\N{REPLACEMENT CHARACTER}") + text.count("\0")
    if broken:
        notes.append(f"{broken:,} characters that are no text were removed or replaced.")
    return clean, encoding.upper(), notes


def _decoded(raw: bytes) -> tuple[str, str]:
    for mark, encoding in _BOMS:
        if raw.startswith(mark):
            return raw[len(mark) :].decode(encoding, "replace"), encoding
    head = raw[:4096]
    if head.count(0) > len(head) // 4:  # UTF-16 without a mark: every other byte of plain English is 0
        encoding = "utf-16-le" if head[1::2].count(0) > head[::2].count(0) else "utf-16-be"
        return raw.decode(encoding, "replace"), encoding
    for encoding, errors in (("utf-8", "strict"), ("utf-8", "surrogatepass"), ("cp1252", "strict")):
        try:
            return raw.decode(encoding, errors), encoding
        except UnicodeDecodeError:
            continue
    return raw.decode("latin-1"), "latin-1"


def _delimiter(text: str, wanted: tuple[str, ...]) -> str:
    """The one that splits the header into the wanted columns, else into the most columns; a comma in doubt."""
    first = next(iter(_first_lines(text)), "")

    def fit(delimiter: str) -> tuple[int, int]:
        cells = [cell.strip().strip('"') for cell in first.split(delimiter)]
        return sum(name in cells for name in wanted), len(cells)

    return max(DELIMITERS, key=fit)


def _without_title(text: str, wanted: tuple[str, ...]) -> tuple[str, str]:
    """The text with its first line empty where that is a title above the names of the columns, and a note on it."""
    first, *others = _first_lines(text) or [""]
    title = first.strip(f' "{"".join(DELIMITERS)}') if others else ""
    if not title or title in wanted or any(delimiter in title for delimiter in DELIMITERS):
        return text, ""
    names = _cells(others[0], wanted)
    if not set(wanted) <= set(names) or not _like_names(names, others[1:]):
        return text, ""
    start = text.index(first)
    return text[:start] + text[start + len(first) :], f"The first line, {title[:60]!r}, was passed over as a title."


def _first_lines(text: str) -> list[str]:
    """Some lines at the top, without those that say nothing."""
    return [line for line in text[:_TOP_CHARS].splitlines() if line.strip() and not _is_rule([line])][:3]


def _like_names(names: list[str], below: list[str]) -> bool:
    """Whether these cells may be the names of at least two columns: short, each once, no more than below."""
    several = len(names) > 1 and all(names) and len(set(names)) == len(names)
    return several and max(map(len, names)) <= _NAME_CHARS and bool(below) and len(_cells(below[0], ())) >= len(names)


def _cells(line: str, wanted: tuple[str, ...]) -> list[str]:
    return [cell.strip().strip('"') for cell in line.split(_delimiter(line, wanted))]


def _is_rule(cells: list[str]) -> bool:
    """Whether a line draws a line: nothing but dashes and the like, three of them at least."""
    drawn = "".join(cells).strip()
    return len(drawn) > 2 and not drawn.strip("-=_+:|,; \t") and len(set(drawn) & set("-=_")) > 0


def _rows(text: str, delimiter: str, quoting: int) -> tuple[tuple[str, ...], list[list[str]], list[int], int]:
    """Header, rows, the line of each row, and how many lines only draw a line. Blank lines are skipped, short rows
    filled. Raises csv.Error for unbalanced quotes, DataError for the rest."""
    csv.field_size_limit(2**31 - 1)  # the default refuses a long cell before its row can be named
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, quoting=quoting, strict=True)  # type: ignore[arg-type]
    header: tuple[str, ...] = ()
    rows, lines, rules = [], [], 0
    limit = settings().max_upload_rows
    for cells in islice((cells for cells in reader if any(cells)), limit + 2):
        if _is_rule(cells):
            rules += 1
            continue
        if not header:
            header = tuple(cell.strip() for cell in cells)
            continue
        if len(cells) > len(header):
            raise DataError(
                f"Line {reader.line_num:,} has {len(cells)} cells, but the header has {len(header)}.",
                f'A text that holds a {DELIMITERS[delimiter]} must stand in "…".',
            )
        rows.append(cells + [""] * (len(header) - len(cells)))
        lines.append(reader.line_num)
    if len(rows) > limit:
        raise DataError(
            f"The file has more than {limit:,} rows.", "Take a sample of it. DISTILL_MAX_UPLOAD_ROWS sets the limit."
        )
    return header, rows, lines, rules


# ── export ───────────────────────────────────────────────────────────────────────────────────────────────────

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")


def _disarm(cell: object) -> object:
    if isinstance(cell, str) and cell.startswith(_FORMULA) and not _NUMBER.fullmatch(cell):
        return f"'{cell}"
    return cell


def safe_csv(frame: pd.DataFrame) -> str:
    """The frame as CSV whose cells no spreadsheet runs as a formula: such texts get a leading apostrophe."""
    safe = pd.DataFrame({column: frame[column].astype(object).map(_disarm) for column in frame.columns})
    safe.columns = pd.Index([_disarm(column) for column in frame.columns])
    return str(safe.to_csv(index=False, lineterminator="\n"))
