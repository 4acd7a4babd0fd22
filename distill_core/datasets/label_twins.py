"""Labels that are different classes to a program and one class to whoever reads them: named, never joined."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable
from decimal import Decimal

_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?")
_BETWEEN = re.compile(r"[;,|/+&]")
_INVISIBLE = "Cf"  # Unicode's category of the zero-width space, the byte order mark, the soft hyphen


def groups(labels: Iterable[str]) -> list[tuple[str, ...]]:
    """The labels that share a normal form with another, group by group, each sorted."""
    by_form: dict[str, list[str]] = {}
    for label in sorted(labels):
        by_form.setdefault(_normal_form(label), []).append(label)
    return [tuple(found) for found in by_form.values() if len(found) > 1]


def note(labels: Iterable[str]) -> str:
    """One sentence that names all of them; empty where there are none."""
    named = "; ".join(" and ".join(_shown(group)) for group in groups(labels))
    if not named:
        return ""
    return (
        "Labels that differ only in case, spaces, Unicode form, invisible characters or in how a number is written are "
        f"classes of their own: {named}. Write them alike in the file where they mean the same."
    )


def several(labels: Iterable[str]) -> tuple[str, ...]:
    """The labels that look like several ones in a cell (`sports;politics`): each part is a label, or a part of another
    label, too."""
    parts = {label: [part.strip() for part in _BETWEEN.split(label)] for label in sorted(labels)}
    times = Counter(part for found in parts.values() for part in set(found))
    return tuple(
        label for label, found in parts.items() if len(found) > 1 and all(part and times[part] > 1 for part in found)
    )


def several_note(labels: Iterable[str]) -> str:
    """One sentence that names some of them; empty where there are none."""
    found = several(labels)
    if not found:
        return ""
    named = ", ".join(map(repr, found[:3])) + (f" and {len(found) - 3:,} more" if len(found) > 3 else "")
    return f"Cells with several labels are classes of their own: {named}. A text has one label here: keep one in each."


def _normal_form(label: str) -> str:
    visible = "".join(char for char in unicodedata.normalize("NFKC", label) if unicodedata.category(char) != _INVISIBLE)
    form = " ".join(visible.casefold().split())
    return str(Decimal(form).normalize()) if _NUMBER.fullmatch(form) else unicodedata.normalize("NFKC", form)


def _shown(group: tuple[str, ...]) -> list[str]:
    """In quotation marks, what cannot be seen escaped; an accent too where only its Unicode form differs."""
    composed = [unicodedata.normalize("NFC", label) for label in group]
    return [
        ascii(label) if composed.count(seen) > 1 else repr(label) for label, seen in zip(group, composed, strict=True)
    ]
