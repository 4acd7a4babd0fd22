"""An own CSV file as a data set: texts, labels, splits, and notes on everything that was dropped or looks wrong."""

from __future__ import annotations

import difflib
import hashlib
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from distill_core import data_ref
from distill_core.data_ref import Ref, of_file
from distill_core.datasets import csv_files, label_twins, splits, twins, upload_owners
from distill_core.datasets.csv_files import Table, safe_csv
from distill_core.datasets.dataset import Dataset
from distill_core.errors import DataError
from distill_core.files import disk
from distill_core.files.whole import whole_file
from distill_core.settings import settings

__all__ = ["Columns", "columns", "keep", "read_csv", "safe_csv"]

MAX_CLASSES = 50
MAX_LABEL_CHARS = 100
MIN_TEXTS = 10
FEW_ROWS = 3
_LIKE_MISSING = frozenset({"nan", "NaN", "NA", "N/A", "null", "NULL", "<NA>"})  # written so by programs for "missing"
_FIRST_LINE = "The first line looks like data"
_TEXT_NAMES = ("text", "sentence", "review", "comment", "tweet", "message", "content", "body", "headline", "title")
_LABEL_NAMES = ("label", "sentiment", "class", "category", "target", "topic", "polarity", "rating", "stars", "score")


@dataclass(frozen=True)
class Columns:
    """The columns of a file, and which two look like text and label."""

    names: tuple[str, ...]
    text: str
    label: str


def columns(source: str | Path | bytes) -> Columns:
    """What a form needs to offer the columns of a file. Raises DataError."""
    table = csv_files.parse(csv_files.read_bytes(source))
    return _guess(table)


def keep(data: bytes, owner: str = "") -> str:
    """Store an uploaded file in the cache, under the hash of its bytes; its reference as text. One that cannot be read
    as a table is not kept. Raises DataError."""
    columns(data)
    digest = hashlib.sha256(data).hexdigest()[:16]
    path = upload_owners.folder() / f"{digest}.csv"
    if not path.is_file() or not upload_owners.is_of(digest, owner):
        upload_owners.check_room(len(data), owner)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.is_file():
            with whole_file(path) as new:
                new.write_bytes(data)
        upload_owners.add(digest, owner)
    except OSError as error:
        raise DataError(f"The file cannot be stored: {disk.reason(error)}.", "Free some disk space.") from error
    return str(of_file(path))


def is_kept(wanted: Ref | str, owner: str = "") -> bool:
    """Whether a reference means a file that `keep` has stored for this visitor: the only files that a browser may
    name."""
    ref = data_ref.of(wanted)
    path = Path(ref.name)
    known = upload_owners.folder() / path.name
    is_stored = ref.is_file and path == known and path.is_file() and not path.is_symlink()
    return is_stored and upload_owners.is_of(path.stem, owner)


def read_csv(source: str | Path | bytes, text_column: str = "text", label_column: str = "label") -> Dataset:
    """The data set in a CSV file (a path or its bytes): UTF-8, UTF-16 or Latin-1; comma, semicolon, tab or bar.

    Split about 80/10/10 within each class by the texts' hashes, twins together. Raises DataError for whatever is wrong
    with it.
    """
    raw = csv_files.read_bytes(source)
    table = csv_files.parse(raw, (text_column, label_column))
    cells = _two_columns(table, text_column, label_column)
    kept = cells[(cells["text"] != "") & (cells["label"] != "")].reset_index(drop=True)
    if kept.empty:
        raise DataError(
            f"No row has both a text and a label ({len(cells):,} rows read).",
            f"Fill the columns {text_column!r} and {label_column!r}.",
        )
    _check_lengths(kept)
    label_names = _label_names(kept, label_column)
    codes = {name: code for code, name in enumerate(label_names)}
    kept["label"] = kept["label"].map(codes).astype("int64")
    keys = splits.group_keys(kept["text"].tolist(), kept["text"].map(twins.form).tolist())
    kept["split"] = _split(keys, kept["label"].tolist())
    kept["id"] = [f"line-{line}" for line in kept["line"]]
    title = "Own file" if isinstance(source, bytes) else Path(source).name
    dropped = len(cells) - len(kept)
    notes = (
        *table.notes,
        *([f"{_FIRST_LINE}, and was read as the names of the columns."] if table.starts_with_data else []),
        *([f"{dropped:,} of {len(cells):,} rows without a text or a label were dropped."] if dropped else []),
        *_warnings(kept, keys, label_names),
    )
    frame = kept[["id", "text", "label", "split"]]
    name = of_file(title if isinstance(source, bytes) else source).key
    return Dataset(name, title, frame, label_names, "own file", "as you say", notes, hashlib.sha256(raw).hexdigest())


# ── columns ──────────────────────────────────────────────────────────────────────────────────────────────────


def _two_columns(table: Table, text_column: str, label_column: str) -> pd.DataFrame:
    """text, label (both stripped) and line. Raises DataError for missing, doubled or equal columns, and no rows."""
    for name in (text_column, label_column):
        if name not in table.header:
            raise _missing_column(table, name)
        if table.header.count(name) > 1:
            raise DataError(f"The header names the column {name!r} twice.", "Rename one of the two.")
    if text_column == label_column:
        raise DataError(f"Text and label are the same column {text_column!r}.", "Name two different columns.")
    if not table.rows:
        raise DataError("The file has a header line and no rows.", "Add one line for each text.")
    text, label = table.header.index(text_column), table.header.index(label_column)
    values = {name: [row[index].strip() for row in table.rows] for name, index in (("text", text), ("label", label))}
    return pd.DataFrame({**values, "line": table.lines}).astype({"text": "str", "label": "str"})


def _missing_column(table: Table, name: str) -> DataError:
    shown = ", ".join(repr(column[:40]) for column in table.header[:20])
    close = difflib.get_close_matches(name.lower(), [column.lower() for column in table.header], n=1)
    near = next((column for column in table.header if close and column.lower() == close[0]), "")
    hint = f"Did you mean {near[:40]!r}? " if near else ""
    if table.starts_with_data:
        hint = f"{_FIRST_LINE}: put a line with the names above it, for instance text,label."
    elif table.rows and len(table.header) > 1:
        guess = _guess(table)
        hint += f"The text seems to be in {guess.text[:40]!r} and the label in {guess.label[:40]!r}."
    elif len(table.header) == 1:
        hint += "Only one column was found: the first line must hold the column names, separated by commas."
    return DataError(f"The file has no column {name[:40]!r}. Its columns: {shown}.", hint or "Name the columns.")


def _guess(table: Table) -> Columns:
    """By name, else the longest cells are the text and the fewest different values the label."""
    sample = table.rows[:200]
    cells = {name: [row[index] for row in sample] for index, name in enumerate(table.header)}
    by_length = sorted(cells, key=lambda name: -sum(map(len, cells[name])))
    text = _named(table.header, _TEXT_NAMES) or by_length[0]
    others = [name for name in table.header if name != text] or [text]
    by_variety = sorted((name for name in others), key=lambda name: (len(set(cells[name])) < 2, len(set(cells[name]))))
    return Columns(table.header, text, _named(tuple(others), _LABEL_NAMES) or by_variety[0])


def _named(header: tuple[str, ...], known: tuple[str, ...]) -> str:
    lower = {name.lower(): name for name in header}
    return next((lower[name] for name in known if name in lower), "")


# ── labels, lengths, splits ──────────────────────────────────────────────────────────────────────────────────


def _check_lengths(frame: pd.DataFrame) -> None:
    limit = settings().max_text_chars
    too_long = frame[frame["text"].map(len) > limit]
    if len(too_long):
        lines = ", ".join(f"{line:,}" for line in too_long["line"].head(5))
        raise DataError(
            f"{len(too_long):,} texts are longer than {limit:,} characters (line {lines}).",
            "Cut them: a model reads a few thousand characters at most. DISTILL_MAX_TEXT_CHARS sets the limit.",
        )


def _label_names(frame: pd.DataFrame, column: str) -> tuple[str, ...]:
    """The classes in sorted order, numbers by size; 1.0 becomes 1 where a program made whole numbers to fractions."""
    if frame["label"].str.fullmatch(r"-?\d+\.0").all():
        frame["label"] = frame["label"].str.removesuffix(".0")
    found = set(frame["label"])
    if len(found) < 2:
        raise DataError(f"All labels are {next(iter(found))[:40]!r}.", "A classifier needs two classes at least.")
    numeric = all(re.fullmatch(r"-?\d+(\.\d+)?", label) for label in found)
    if len(found) > MAX_CLASSES:
        looks = "numbers to predict or an id" if numeric else "free text or an id"
        combined = label_twins.several_note(found)
        raise DataError(
            f"The column {column!r} has {len(found):,} different labels; {MAX_CLASSES} are accepted at most.",
            combined or f"It looks like {looks}. Name the column with the class.",
        )
    long = [label for label in found if len(label) > MAX_LABEL_CHARS]
    if long:
        raise DataError(f"A label has {len(long[0]):,} characters.", "Perhaps text and label column are swapped.")
    return tuple(sorted(found, key=lambda label: (float(label), label) if numeric else (0.0, label)))


def _split(keys: list[str], labels: list[int]) -> list[str]:
    split = splits.by_hash_in_classes(keys, labels)
    if len(set(keys)) >= MIN_TEXTS and splits.TEST not in split:
        raise DataError(
            f"No class has {FEW_ROWS} different texts: one each for training, validation and test.",
            f"The file has {len(set(keys)):,} different texts in {len(set(labels)):,} classes. Give {FEW_ROWS} or more "
            "of a class, or join classes.",
        )
    if len(set(keys)) < MIN_TEXTS or len(set(split)) < len(splits.SPLITS):
        raise DataError(
            f"The file has {len(set(keys)):,} different texts, too few for training, validation and test.",
            f"Give at least {MIN_TEXTS}, and {FEW_ROWS} or more of a class; some hundreds teach something.",
        )
    return split


def _like_missing(frame: pd.DataFrame, label_names: tuple[str, ...]) -> str:
    """NA may be Namibia or North America: such cells stay, with a note."""
    texts = int(frame["text"].isin(_LIKE_MISSING).sum())
    found = [f"the class {name!r}" for name in label_names if name in _LIKE_MISSING]
    found += [f"texts that say only nan, null or the like ({texts:,})"] if texts else []
    if not found:
        return ""
    return f"Kept: {', '.join(found)}; only an empty cell is missing. Empty the cells that mean that."


def _warnings(frame: pd.DataFrame, keys: list[str], label_names: tuple[str, ...]) -> list[str]:
    notes = [
        one
        for one in (
            label_twins.note(label_names),
            label_twins.several_note(label_names),
            _like_missing(frame, label_names),
        )
        if one
    ]
    counts = Counter(frame["label"].tolist())
    rare = [label_names[label] for label in sorted(counts) if counts[label] < FEW_ROWS]
    if rare:
        notes.append(f"Fewer than {FEW_ROWS} rows: {', '.join(rare)}. The test says nothing about such a class.")
    by_key = pd.Series(keys)
    repeated = int(by_key.duplicated().sum())
    if repeated:
        conflicting = int((frame["label"].groupby(by_key).nunique() > 1).sum())
        also = f"; {conflicting:,} texts stand there with different labels" if conflicting else ""
        notes.append(
            f"{repeated:,} rows repeat an earlier text{also}. Texts that differ only in case, signs, spaces or in how "
            "an accent is stored stand in the same split."
        )
    return notes
