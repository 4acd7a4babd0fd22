"""Named data sets from their sources: read, label, split, and keep the result in the cache.

The label rule of the rated texts is the sign of the mean rating; |mean| ≤ 0.5 says neither and is dropped.
"""

from __future__ import annotations

import contextlib
import hashlib
import html
import json
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from distill_core.assets import shelf
from distill_core.assets.archives import Progress
from distill_core.datasets import splits, twins
from distill_core.datasets.dataset import Dataset, DatasetInfo
from distill_core.errors import DataError
from distill_core.files.whole import whole_file
from distill_core.settings import settings

VERSION = 3  # raise it when this module prepares something differently: older cached frames are then left alone
NEUTRAL = 0.5
_COLUMNS = ["id", "text", "label", "split"]
_SPLIT_TITLES = {splits.TRAIN: "training", splits.VALIDATION: "validation"}


def load(info: DatasetInfo, on_progress: Progress | None = None) -> Dataset:
    """The prepared data set, from the cache when it is there and whole. Raises DataError, AssetError."""
    source = shelf.asset(info.asset).sha256 if info.asset else info.hub
    key = hashlib.sha256(f"{VERSION} {source} {info}".encode()).hexdigest()[:16]
    path = settings().cache_dir / "datasets" / f"{info.name}-{key}.parquet"
    cached = _read(path, info)
    if cached is not None:
        return cached
    dataset = READERS[info.reader](info, source, on_progress)
    _write(path, dataset)
    return dataset


# ── the cache ────────────────────────────────────────────────────────────────────────────────────────────────


def _read(path: Path, info: DatasetInfo) -> Dataset | None:
    """None when there is nothing or it is damaged: it is then prepared again."""
    try:
        table = pq.read_table(path, page_checksum_verification=True)
        extra = json.loads((table.schema.metadata or {})[b"distill"])
        return _dataset(info, table.to_pandas(), extra["notes"], extra["commit"])
    except (OSError, pa.ArrowException, ValueError, KeyError, TypeError):
        return None


def _write(path: Path, dataset: Dataset) -> None:
    """Whole or not at all. A full disk costs the next load some seconds and is no reason to fail."""
    table = pa.Table.from_pandas(dataset.frame, preserve_index=False)
    extra = json.dumps({"notes": dataset.notes, "commit": dataset.commit})
    table = table.replace_schema_metadata({**(table.schema.metadata or {}), b"distill": extra.encode()})
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(path) as new:
            pq.write_table(table, new, write_page_checksum=True)


def _dataset(info: DatasetInfo, frame: pd.DataFrame, notes: list[str], commit: str) -> Dataset:
    known = (info.label_names, info.source, info.license)
    return Dataset(info.name, info.title, frame, *known, tuple(notes), commit, info.task)


# ── the sources ──────────────────────────────────────────────────────────────────────────────────────────────


def _rated(info: DatasetInfo, commit: str, on_progress: Progress | None) -> Dataset:
    frame = rated_texts(info, shelf.ensure(info.asset, on_progress))
    unescaped = int((frame["text"] != frame["raw"].str.strip()).sum())
    kept = frame[(frame["mean"].abs() > NEUTRAL) & (frame["text"] != "")].reset_index(drop=True)
    kept["label"] = (kept["mean"] > 0).astype("int64")
    parents = [str(row).split("_")[0] for row in kept["id"]] if info.by_parent else None
    keys = splits.group_keys(list(kept["text"]), parents)
    kept["split"] = splits.by_hash(keys)
    alone, twin_notes = _without_twins(kept)
    notes = [
        f"Label = sign of the mean rating (-4 to 4). {len(frame) - len(kept):,} of {len(frame):,} texts with a mean "
        f"from -{NEUTRAL} to {NEUTRAL} were dropped: without these hard examples accuracies are higher than in life.",
        f"HTML entities were decoded in {unescaped:,} texts.",
        *_duplicates(alone),
        *twin_notes,
        *([f"The texts come from {len(set(parents)):,} documents; a document stands in one split."] if parents else []),
        *([info.caution] if info.caution else []),
    ]
    return _dataset(info, alone[_COLUMNS], notes, commit)


def rated_texts(info: DatasetInfo, folder: Path) -> pd.DataFrame:
    """All rated texts, the neutral ones too: id, mean (-4 to 4), raw, text."""
    lines = (folder / info.file).read_text(encoding="utf-8").split("\n")
    rows = [line.split("\t", 2) for line in lines if line.count("\t") >= 2]
    frame = pd.DataFrame(rows, columns=["id", "mean", "raw"])
    return frame.assign(mean=frame["mean"].astype(float), text=[_plain(text) for text in frame["raw"]])


def _articles(info: DatasetInfo, commit: str, on_progress: Progress | None) -> Dataset:
    folder = shelf.ensure(info.asset, on_progress)
    rows = []
    for label, topic in enumerate(info.label_names):
        for path in sorted((folder / topic).glob("*.txt")):
            rows.append((f"{topic}/{path.stem}", _plain(_decode(path.read_bytes())), label))
    frame = pd.DataFrame(rows, columns=["id", "text", "label"])
    keys = pd.Series(splits.group_keys(list(frame["text"])))
    kept = frame[~keys.duplicated()].reset_index(drop=True)
    bodies = [splits.normalize(text.partition("\n")[2]) or text for text in kept["text"]]
    kept["split"] = splits.by_hash(splits.group_keys(list(kept["text"]), bodies))
    alone, twin_notes = _without_twins(kept, long=True)
    notes = [
        f"{len(frame) - len(kept):,} of {len(frame):,} articles were dropped because they stand there twice.",
        f"{len(kept) - len(set(bodies)):,} more differ in the title alone; articles with one body stand in one split.",
        *twin_notes,
        "The texts are for research and stay on this machine.",
    ]
    return _dataset(info, alone[_COLUMNS], notes, commit)


def _plain(text: str) -> str:
    """Entities decoded, twice: some are escaped twice (&amp;quot;)."""
    return html.unescape(html.unescape(text)).strip()


def _decode(raw: bytes) -> str:
    """UTF-8, but for one article in Latin-1 (a pound sign)."""
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def _official(info: DatasetInfo, source: str, on_progress: Progress | None) -> Dataset:
    from distill_core import hub

    snapshot = hub.fetch_dataset(info.hub, tuple(info.hub_files.values()))
    parts = []
    for split, file in info.hub_files.items():
        part = _read_official(snapshot.path / file, info)
        parts.append(part.assign(id=[f"{split}-{row}" for row in range(len(part))], split=split))
    frame = pd.concat(parts, ignore_index=True)
    labeled = frame[frame["label"].between(0, len(info.label_names) - 1)].reset_index(drop=True)
    own_split = pd.Series(splits.by_hash(splits.group_keys(list(labeled["text"])), test=0.0))
    labeled["split"] = own_split.where(labeled["split"] != splits.TEST, splits.TEST)
    kept, twin_notes = _without_twins(labeled)
    notes = [
        "The official test split is kept; a tenth of the training texts, chosen by a hash, is the validation split.",
        *([f"{len(frame) - len(labeled):,} texts without a label were dropped."] if len(labeled) < len(frame) else []),
        *twin_notes,
        *([info.caution] if info.caution else []),
    ]
    return _dataset(info, kept[_COLUMNS], notes, snapshot.commit)


def _read_official(path: Path, info: DatasetInfo) -> pd.DataFrame:
    try:
        frame: pd.DataFrame = pq.read_table(path, columns=[info.text_field, "label"]).to_pandas()
    except (OSError, pa.ArrowException, KeyError) as error:
        raise DataError(
            f"{info.title} came from the Hub in a form that cannot be read: {error}.",
            f"Delete its folder in the cache of the Hub and load it again. Offline there is {'movies'!r}.",
        ) from error
    frame = frame.rename(columns={info.text_field: "text"})
    return frame.assign(text=frame["text"].astype("str").str.strip())


def _without_twins(frame: pd.DataFrame, *, long: bool = False) -> tuple[pd.DataFrame, list[str]]:
    """The texts without those that have a twin in a later split, and a note on them: the test stays as it is."""
    held = pd.Series(twins.held_back(frame["text"].tolist(), frame["split"].tolist(), long=long), dtype=bool)
    if not held.any():
        return frame, []
    where = frame.loc[held, "split"].value_counts()
    dropped = " and ".join(f"{where[name]:,} {_SPLIT_TITLES[name]}" for name in splits.SPLITS if name in where)
    near = "nearly the same words" if long else "the same words, whatever their case and signs"
    note = f"{dropped} texts were dropped because a text with {near} stands in the test or validation split."
    return frame[~held].reset_index(drop=True), [note]


def _duplicates(frame: pd.DataFrame) -> list[str]:
    keys = pd.Series(splits.group_keys(list(frame["text"])))
    repeated = int(keys.duplicated().sum())
    if not repeated:
        return []
    conflicting = int((frame["label"].groupby(keys).nunique() > 1).sum())
    also = f"; {conflicting} of them with conflicting labels" if conflicting else ""
    return [f"{repeated} texts repeat an earlier one{also}. Equal texts stand in the same split."]


Read = Callable[[DatasetInfo, str, Progress | None], Dataset]
READERS: dict[str, Read] = {"rated": _rated, "articles": _articles, "official": _official}
