"""Prepared corpora as parquet files: whole or not at all, and made again when damaged."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from distill_core.assets import shelf
from distill_core.corpus.sources import Source
from distill_core.corpus.types import Corpus, SourceText, text_digest
from distill_core.datasets import prepare
from distill_core.files.whole import whole_file
from distill_core.settings import settings

VERSION = 1  # raise it when a corpus is prepared differently: older files are then left alone


def path_of(sources: Sequence[Source], checked: Sequence[str]) -> Path:
    """Where the corpus of these sources lies, cleared of the held-out texts of these data sets."""
    against = [shelf.asset("topics" if name == "topics" else "sentiment").sha256 for name in checked]
    parts = [str(VERSION), str(prepare.VERSION), *checked, *against, *(source.identity for source in sources)]
    key = hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]
    return settings().cache_dir / "corpora" / f"corpus-{key}.parquet"


def read(path: Path) -> Corpus | None:
    """None when there is nothing or it is damaged: it is then prepared again."""
    try:
        table = pq.read_table(path, page_checksum_verification=True)
        extra = json.loads((table.schema.metadata or {})[b"distill"])
        documents = tuple(map(tuple, table["sentences"].to_pylist()))
        source_of = tuple(table["source"].to_pylist())
        sources = tuple(SourceText(**row) for row in extra["sources"])
        corpus = Corpus(sources, documents, source_of, tuple(extra["notes"]), extra["digest"])
        return corpus if text_digest(source_of, documents) == corpus.digest else None
    except (OSError, pa.ArrowException, ValueError, KeyError, TypeError):
        return None


def read_counts(path: Path) -> dict[str, SourceText]:
    """What a prepared corpus says about its sources, without reading its text; empty when there is none."""
    try:
        extra: dict[str, Any] = json.loads((pq.read_schema(path).metadata or {})[b"distill"])
        return {row["name"]: SourceText(**row) for row in extra["sources"]}
    except (OSError, pa.ArrowException, ValueError, KeyError, TypeError):
        return {}


def write(path: Path, corpus: Corpus) -> None:
    """Whole or not at all. A full disk costs the next load a minute and is no reason to fail."""
    table = pa.table(
        {
            "source": pa.array(corpus.source_of, pa.string()),
            "sentences": pa.array(corpus.documents, pa.list_(pa.string())),
        }
    )
    told = {"sources": [asdict(source) for source in corpus.sources], "notes": corpus.notes, "digest": corpus.digest}
    table = table.replace_schema_metadata({b"distill": json.dumps(told).encode()})
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(path) as new:
            pq.write_table(table, new, compression="zstd", write_page_checksum=True)
