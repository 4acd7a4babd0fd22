"""Checkpoints and data sets of the Hub as folders on this disk: what is here first, then the Hub."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from distill_core.errors import AssetError, ModelError
from distill_core.files import turns
from distill_core.hub import process, records
from distill_core.hub.names import Request, cache_root, is_offline
from distill_core.hub.process import Progress
from distill_core.hub.records import Record
from distill_core.settings import settings


@dataclass(frozen=True)
class HubSnapshot:
    """The files of exactly one commit. `revision` is what the commit was resolved from."""

    repo: str
    commit: str
    path: Path
    revision: str = "main"


def fetch(
    repo: str, *, revision: str | None = None, refresh: bool = False, on_progress: Progress | None = None
) -> HubSnapshot:
    """Config, tokenizer and safetensors weights of a model, nothing else of its repository.

    The commit is resolved once, recorded, and used again: a second call needs no network. `refresh` resolves anew.
    `on_progress(done_bytes, total_bytes, repo)` hears of the download.

    Raises:
        ModelError: there is no such checkpoint, it is gated, of another architecture, or without safetensors.
        AssetError: the network, the Hub or the disk is in the way, or what came is not what the Hub describes.
    """
    return _snapshot(Request("model", repo, revision or "main"), refresh, on_progress)


def fetch_dataset(
    repo: str,
    patterns: tuple[str, ...],
    *,
    revision: str | None = None,
    refresh: bool = False,
    on_progress: Progress | None = None,
) -> HubSnapshot:
    """The Parquet files of a data set that match `patterns` (shell style, over the whole path). Raises as `fetch`."""
    return _snapshot(Request("dataset", repo, revision or "main", tuple(patterns)), refresh, on_progress)


def available(timeout_s: float = 5.0) -> str | None:
    """None where the Hub answers within this time, else a sentence that says why not."""
    if is_offline():
        return "HF_HUB_OFFLINE is set: the Hub is not asked."
    try:
        process.probe(timeout_s)
    except AssetError as error:
        return error.message
    except ModelError:  # a mirror that has not this one model does answer
        return None
    return None


def _snapshot(request: Request, refresh: bool, on_progress: Progress | None) -> HubSnapshot:
    request.check()
    record = None if refresh else _here(request)
    if record is None:
        if is_offline():
            raise AssetError(
                f"{request.repo} is not in the cache, and HF_HUB_OFFLINE forbids the network.",
                "Unset HF_HUB_OFFLINE once to fetch it.",
            )
        try:
            limit_s = settings().hub_download_timeout_s
            lock_file = cache_root() / ".locks" / f"{request.folder.name}.fetch.lock"
            # another run may have fetched it while this one waited
            with turns.alone(lock_file, request.repo, limit_s, limit_s):
                record = (None if refresh else _here(request)) or _download(request, refresh, on_progress)
        except OSError as error:
            raise AssetError(
                f"{request.repo} cannot be stored in {cache_root()}: {error.strerror or error}.",
                "Check the disk and the folder's permissions; DISTILL_CACHE_DIR names another folder.",
            ) from error
    return HubSnapshot(request.repo, record.commit, request.snapshot(record.commit), record.revision)


def _here(request: Request) -> Record | None:
    record = records.find(request)
    if record is None and records.recorded(request) is None:
        record = records.adopt(request)
        if record is not None:
            with suppress(OSError):  # a cache that can only be read
                records.save(request, record)
    return record


def _download(request: Request, refresh: bool, on_progress: Progress | None) -> Record:
    """A recorded commit whose files are gone is fetched again, not resolved anew."""
    known = None if refresh else records.recorded(request)
    asked = request if known is None else replace(request, revision=known.commit)
    answer = process.download(asked, on_progress)
    record = Record(answer.commit, known.revision if known else answer.revision, answer.files)
    records.save(request, record)
    return record
