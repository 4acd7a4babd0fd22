"""Resolve a commit, choose its files, download and check them. Called by the worker alone."""

from __future__ import annotations

import fnmatch
import hashlib
import re
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
from huggingface_hub import HfApi, hf_hub_download, set_client_factory

from distill_core import families
from distill_core.errors import AssetError, ModelError
from distill_core.hub import claims, failures
from distill_core.hub.names import COMMIT, TOKENIZERS, Request, cache_root, endpoint, host, is_safe_file
from distill_core.hub.statuses import LOG_IN_PAGE, SPACE, TRY_LATER

Say = Callable[..., None]

MODEL_TYPES = frozenset({"openai-gpt", *families.BY_KEY} - {"gpt"})
MAX_GIB = 6.0  # the ten families at base size are below 1 GiB; what is larger is not for a class
WEIGHTS = re.compile(r"model(-\d{5}-of-\d{5})?\.safetensors")
SMALL_FILES = (
    "config.json",
    "generation_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.txt",
    "vocab.json",
    "merges.txt",
    "spiece.model",
    "model.safetensors.index.json",
)
_BOT = "SFconvertbot"
_BOT_TITLE = "Adding `safetensors` variant of this model"


@dataclass(frozen=True)
class HubFile:
    """One file as the Hub describes it: `sha256` for large files (LFS), `blob_id` (git) for all others."""

    name: str
    size: int
    sha256: str | None
    blob_id: str | None


@dataclass(frozen=True)
class Listing:
    """The files of one commit. `revision` is what it was resolved from."""

    commit: str
    revision: str
    files: Mapping[str, HubFile]


def watch_answers(timeout_s: float, say: Say) -> None:
    """Every answer of the Hub passes here: web pages are refused, error codes are told to the parent."""

    def look(response: httpx2.Response) -> None:
        if response.is_success and response.headers.get("Content-Type", "").startswith("text/html"):
            raise failures.NotTheHub(str(response.url))
        if response.status_code == 429 or response.status_code >= 500:
            say(trouble=response.status_code, retry_after=response.headers.get("Retry-After", ""))

    set_client_factory(
        lambda: httpx2.Client(event_hooks={"response": [look]}, follow_redirects=True, timeout=timeout_s)
    )


def run(request: Request, probe: bool, say: Say) -> tuple[str, dict[str, int]]:
    """All the work of one request. Returns what the commit was resolved from, and the files with their sizes.

    `probe` only asks whether the Hub answers.
    """
    api = HfApi(endpoint=endpoint())
    listing = _resolve(api, request, request.revision)
    if probe:
        return listing.revision, {}
    if request.kind == "model":
        listing = _with_safetensors(api, request, listing)
    chosen = _model_files(request, listing) if request.kind == "model" else _matching_files(request, listing)
    say(commit=listing.commit, total=sum(file.size for file in chosen))
    _check_space(request, listing, chosen)
    for file in chosen:
        path = _download(request, listing.commit, file)
        if file.name == "config.json":
            _check_config(request, path, sum(one.size for one in chosen if WEIGHTS.fullmatch(one.name)))
        if WEIGHTS.fullmatch(file.name):
            claims.tensor_header(path, request.repo)
        say(file=file.name, size=file.size)
    return listing.revision, {file.name: file.size for file in chosen}


def _resolve(api: HfApi, request: Request, revision: str) -> Listing:
    info: Any = api.repo_info(request.repo, repo_type=request.kind, revision=revision, files_metadata=True)
    if not COMMIT.fullmatch(info.sha or ""):
        raise AssetError(f"The Hub names no commit for {request.repo}.", LOG_IN_PAGE)
    files = {
        entry.rfilename: HubFile(
            entry.rfilename, entry.size or 0, entry.lfs.sha256 if entry.lfs else None, entry.blob_id
        )
        for entry in info.siblings or []
    }
    return Listing(info.sha, revision, files)


def _with_safetensors(api: HfApi, request: Request, listing: Listing) -> Listing:
    """The listing itself, or that of the Hub's own conversion, which waits as a pull request in older repositories.

    Raises ModelError where there is neither: pickled weights can run code.
    """
    if any(WEIGHTS.fullmatch(name) for name in listing.files):
        return listing
    converted = _conversion(api, request) if request.revision == "main" else None
    if converted is None:
        raise ModelError(
            f"{request.repo} has no safetensors weights; pickled weights are never loaded.",
            "Choose another repository, or convert it: https://huggingface.co/spaces/safetensors/convert",
        )
    return converted


def _conversion(api: HfApi, request: Request) -> Listing | None:
    try:
        for offer in api.get_repo_discussions(request.repo, author=_BOT, discussion_type="pull_request"):
            if offer.author == _BOT and offer.title == _BOT_TITLE and offer.status == "open":
                listing = _resolve(api, request, f"refs/pr/{int(offer.num)}")
                if any(WEIGHTS.fullmatch(name) for name in listing.files):
                    return listing
    except (httpx2.HTTPError, KeyError, TypeError, ValueError):  # a mirror may not serve pull requests
        return None
    return None


def _model_files(request: Request, listing: Listing) -> list[HubFile]:
    """Small files first, so that a wrong config costs no download of weights."""
    if "config.json" not in listing.files:
        raise ModelError(f"{request.repo} has no config.json.", "It is no checkpoint of transformers.")
    if not any(name in listing.files for name in TOKENIZERS):  # transformers would make up an empty one
        raise ModelError(f"{request.repo} has no tokenizer.", "Choose another repository.")
    weights = sorted(name for name in listing.files if WEIGHTS.fullmatch(name))
    if "model.safetensors" in weights:
        weights = ["model.safetensors"]
    chosen = [listing.files[name] for name in (*SMALL_FILES, *weights) if name in listing.files]
    claims.check_file_sizes({file.name: file.size for file in chosen}, request.repo)
    gib = sum(file.size for file in chosen) / 2**30
    if gib > MAX_GIB:
        raise ModelError(
            f"{request.repo} has {gib:.0f} GiB of weights; {MAX_GIB:.0f} GiB are allowed.", "Choose a smaller one."
        )
    return chosen


def _matching_files(request: Request, listing: Listing) -> list[HubFile]:
    chosen: dict[str, HubFile] = {}
    for pattern in request.patterns:
        found = [name for name in sorted(listing.files) if fnmatch.fnmatchcase(name, pattern)]
        found = [name for name in found if name.endswith(".parquet") and is_safe_file(name)]
        if not found:
            raise AssetError(f"The data set {request.repo} has no Parquet file {pattern!r}.", "Choose another one.")
        chosen.update((name, listing.files[name]) for name in found)
    return list(chosen.values())


def _check_space(request: Request, listing: Listing, files: list[HubFile]) -> None:
    folder = request.snapshot(listing.commit)
    needed = sum(file.size for file in files if not (folder / file.name).exists())
    cache_root().mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(cache_root()).free
    if needed > free:
        raise AssetError(
            f"The disk is full: {request.repo} needs {needed / 2**20:.0f} MiB, {free / 2**20:.0f} MiB are free.",
            SPACE,
        )


def _download(request: Request, commit: str, file: HubFile) -> Path:
    """One file of exactly this commit, checked against the Hub's own hash. A wrong one is deleted.

    huggingface_hub believes what is on the disk: where that is damaged, the file is fetched a second time.
    """
    blob = request.folder / "blobs" / (file.sha256 or file.blob_id or file.name)
    was_here = blob.exists() or (request.snapshot(commit) / file.name).exists()
    for _ in range(2 if was_here else 1):
        path = Path(
            hf_hub_download(
                request.repo,
                file.name,
                repo_type=request.kind,
                revision=commit,
                cache_dir=cache_root(),
                endpoint=endpoint(),
            )
        )
        if _is_intact(path, file):
            return path
        path.resolve().unlink(missing_ok=True)
        path.unlink(missing_ok=True)
    raise AssetError(
        f"{file.name} of {request.repo} came with wrong bytes from {host()}.", "It was deleted. " + TRY_LATER
    )


def _is_intact(path: Path, file: HubFile) -> bool:
    """sha256 of large files, git's blob hash of small ones; a Hub that tells neither is believed by the size."""
    if path.stat().st_size != file.size:
        return False
    if file.sha256:
        with path.open("rb") as opened:
            return hashlib.file_digest(opened, "sha256").hexdigest() == file.sha256
    if file.blob_id:
        content = path.read_bytes()
        git = hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False)
        return git.hexdigest() == file.blob_id
    return True


def _check_config(request: Request, path: Path, weight_bytes: int) -> None:
    """Refuse other architectures, and sizes that no model has, before their weights are fetched."""
    config = claims.read_config(path, request.repo)
    model_type = str(config.get("model_type", ""))
    if model_type and model_type not in MODEL_TYPES:
        code = " It needs code of its own, and code from the Hub is never run." if "auto_map" in config else ""
        raise ModelError(
            f"{request.repo} is of type {model_type[:60]!r}, which is not one of the ten families.{code}",
            f"Known: {', '.join(sorted(MODEL_TYPES))}.",
        )
    claims.check_config(config, request.repo)
    claims.check_promise(config, weight_bytes, request.repo)
