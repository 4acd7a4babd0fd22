"""DataRef: the one text form in which a data set is named on pages, in the command line and in files.

movies                                   a data set of the catalogue
file:PATH.csv                            an own file, with the columns `text` and `label`
file:PATH.csv#text=review,label=stars    an own file with other columns

In a path `#` and `,` are written %23 and %2C, in a column's name also spaces at its ends; `%` is %25 where it would be
read as one of these.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal
from urllib.parse import quote, unquote

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema

from distill_core.errors import SpecError

Source = Literal["named", "file"]

FILE_PREFIX = "file:"
TEXT_COLUMN, LABEL_COLUMN = "text", "label"
MAX_CHARS = 1024
MAX_COLUMN_CHARS = 200
_HINT = "Examples: movies, file:PATH.csv, file:PATH.csv#text=review,label=stars."
_COLUMNS = re.compile(r"#(?=(?:text|label)=)")
_BETWEEN = re.compile(r",(?!(?:text|label)=)")
_IN_PATH = re.compile(r"[#,]|%(?=23|25|2C)", re.IGNORECASE)
_IN_COLUMN = re.compile(r"[#,%]|^\s|\s$")


@dataclass(frozen=True)
class Ref:
    """A parsed reference to a data set. `name` is that of the catalogue, or the path of a file as it is on the disk.

    The columns are those of a file; a data set of the catalogue has its own.
    """

    source: Source
    name: str
    text_column: str = TEXT_COLUMN
    label_column: str = LABEL_COLUMN

    def __str__(self) -> str:
        if self.source == "named":
            return self.name
        columns = {"text": (self.text_column, TEXT_COLUMN), "label": (self.label_column, LABEL_COLUMN)}
        others = [
            f"{key}={_IN_COLUMN.sub(_encoded, column)}" for key, (column, usual) in columns.items() if column != usual
        ]
        return FILE_PREFIX + _IN_PATH.sub(_encoded, self.name) + ("#" + ",".join(others) if others else "")

    @property
    def key(self) -> str:
        """As results name it: without columns, nothing encoded."""
        return f"{FILE_PREFIX}{self.name}" if self.source == "file" else self.name

    @property
    def is_file(self) -> bool:
        """Whether it is an own file."""
        return self.source == "file"

    def with_columns(self, text_column: str, label_column: str) -> Ref:
        """The same file with these columns; a data set of the catalogue stays as it is. Raises SpecError."""
        if not self.is_file:
            return self
        return replace(self, text_column=_checked(text_column), label_column=_checked(label_column))


def parse(text: str) -> Ref:
    """Read the text form. Whether there is such a data set is asked when it is loaded. Raises SpecError."""
    text = text.strip()
    if len(text) > MAX_CHARS or "\0" in text:
        raise SpecError(
            f"The data set {text[:100]!r} has {len(text):,} characters; {MAX_CHARS:,} without a zero byte are allowed.",
            _HINT,
        )
    if not text.startswith(FILE_PREFIX):
        return Ref("named", text)
    path, columns = _split(text.removeprefix(FILE_PREFIX))
    name = re.sub("%(23|25|2C)", lambda found: unquote(found[0]), path, flags=re.IGNORECASE)
    if not name:
        raise SpecError("file: names no file.", _HINT)
    return Ref("file", name).with_columns(*_read_columns(columns))


def split_list(text: str) -> list[str]:
    """The references of a list with commas: `movies,file:a.csv#text=b,label=c` are two."""
    return [part.strip() for part in _BETWEEN.split(text) if part.strip()]


def of_file(path: object, text_column: str = TEXT_COLUMN, label_column: str = LABEL_COLUMN) -> Ref:
    """The reference of a file on this disk. Raises SpecError for a column that cannot be one."""
    return Ref("file", str(path)).with_columns(text_column, label_column)


def _split(text: str) -> tuple[str, str]:
    found = _COLUMNS.search(text)
    return (text[: found.start()], text[found.end() :]) if found else (text, "")


def _read_columns(text: str) -> tuple[str, str]:
    found = {"text": TEXT_COLUMN, "label": LABEL_COLUMN}
    for part in text.split(",") if text else ():
        key, _, column = part.partition("=")
        if key not in found:
            raise SpecError(f"Unknown column {part[:100]!r} of a data set: only text and label are named.", _HINT)
        found[key] = unquote(column)
    return found["text"], found["label"]


def _checked(column: str) -> str:
    if not 0 < len(column) <= MAX_COLUMN_CHARS:
        raise SpecError(
            f"The name of a column has {len(column):,} characters; 1 to {MAX_COLUMN_CHARS} are allowed.",
            "Name a column of the file's header.",
        )
    return column


def _encoded(found: re.Match[str]) -> str:
    return quote(found[0], safe="")


def _coerce(value: Any) -> Ref:
    return value if isinstance(value, Ref) else parse(str(value))


DataRef = Annotated[
    Ref,
    BeforeValidator(_coerce),
    PlainSerializer(str, return_type=str),
    WithJsonSchema({"type": "string", "examples": ["movies", "file:PATH.csv#text=review,label=stars"]}),
]
