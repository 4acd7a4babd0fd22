"""The table of the texts: data/corpora.toml, and what of it is on this machine."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from distill_core.assets import shelf
from distill_core.assets.archives import Asset
from distill_core.errors import DataError
from distill_core.settings import DATA


@dataclass(frozen=True)
class Source:
    """One text of data/corpora.toml, which explains the fields."""

    name: str
    title: str
    license: str
    archive: Asset
    files: str = ""
    reader: str = ""
    ordered: bool = False

    @property
    def is_rated(self) -> bool:
        """Whether these are the texts of a data set with ratings, without their labels."""
        return not self.reader

    @property
    def identity(self) -> str:
        """What the prepared text depends on."""
        return (
            f"{self.name} {self.archive.sha256} {self.files} {self.reader} {self.ordered} {self.title} {self.license}"
        )


@lru_cache(maxsize=1)
def table() -> dict[str, Source]:
    """The texts by name, in the order of data/corpora.toml."""
    rows = tomllib.loads((DATA / "corpora.toml").read_text(encoding="utf-8"))
    return {name: _source(name, row, rows["archives"]) for name, row in rows["sources"].items()}


def _source(name: str, row: dict[str, str], archives: dict[str, dict[str, str]]) -> Source:
    key = row.pop("archive", "")
    if not key:
        return Source(name=name, archive=shelf.asset("sentiment"), **row)  # type: ignore[arg-type]
    # the archive has the title of the text, for messages: who asks for Moby-Dick has not heard of its package
    about = {"title": row["title"], "purpose": "Text for small pre-training.", "license": row["license"], "source": ""}
    return Source(name=name, archive=Asset(name=key, **about, **archives[key]), **row)  # type: ignore[arg-type]


def chosen(names: Sequence[str] | None) -> list[Source]:
    """These texts, or all, in the order of the table. Raises DataError for an unknown name or none at all."""
    known = table()
    unknown = [name for name in names or () if name not in known]
    if unknown or (names is not None and not names):
        wrong = f"Unknown text {unknown[0][:80]!r}." if unknown else "No text was named."
        raise DataError(wrong, f"Known: {', '.join(known)}.")
    return [source for name, source in known.items() if names is None or name in names]
