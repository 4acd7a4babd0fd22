"""What is asked of the Hub, where it is kept, and which names are allowed. Nothing here touches the network."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from distill_core.errors import AssetError, ModelError
from distill_core.settings import settings

COMMIT = re.compile(r"[0-9a-f]{40}")
DEFAULT_ENDPOINT = "https://huggingface.co"

TOKENIZERS = ("tokenizer.json", "vocab.txt", "vocab.json", "spiece.model")  # one of them holds the vocabulary

_REPO = re.compile(r"[A-Za-z0-9][\w.-]{0,95}(/[A-Za-z0-9][\w.-]{0,95})?", re.ASCII)
_REVISION = re.compile(r"[A-Za-z0-9][\w./-]{0,127}", re.ASCII)
_FILE = re.compile(r"[\w][\w. -]*(/[\w][\w. -]*){0,7}", re.ASCII)
_TRUE = ("1", "ON", "YES", "TRUE")


@dataclass(frozen=True)
class Request:
    """One repository at one revision. `patterns` choose the files of a data set; those of a model are fixed."""

    kind: Literal["model", "dataset"]
    repo: str
    revision: str = "main"
    patterns: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """The name under which the resolved commit is recorded."""
        return " ".join((self.kind, self.repo, self.revision, *sorted(self.patterns)))

    @property
    def folder(self) -> Path:
        """The repository's folder in the cache, named as huggingface_hub names it."""
        return cache_root() / f"{self.kind}s--{self.repo.replace('/', '--')}"

    def snapshot(self, commit: str) -> Path:
        """Where the files of a commit lie."""
        return self.folder / "snapshots" / commit

    def check(self) -> None:
        """Raises ModelError (AssetError for a data set) for a name that cannot be the Hub's: a path, a URL, a trick."""
        kind = ModelError if self.kind == "model" else AssetError
        if not _REPO.fullmatch(self.repo) or ".." in self.repo or "--" in self.repo:
            raise kind(f"{self.repo[:100]!r} is not a name on the Hub.", "Names look like google-bert/bert-base.")
        if not _REVISION.fullmatch(self.revision) or ".." in self.revision:
            raise kind(f"{self.revision[:100]!r} is not a revision.", "Give a branch, a tag or a commit hash.")


def is_safe_file(name: str) -> bool:
    """Whether a file name of the Hub stays below its folder."""
    return _FILE.fullmatch(name) is not None and ".." not in name


def cache_root() -> Path:
    """HF_HUB_CACHE or HF_HOME where the user has set one, so that checkpoints are shared with other programs."""
    if os.environ.get("HF_HUB_CACHE"):
        return Path(os.environ["HF_HUB_CACHE"]).expanduser().absolute()
    if os.environ.get("HF_HOME"):
        return Path(os.environ["HF_HOME"]).expanduser().absolute() / "hub"
    return settings().cache_dir.absolute() / "hub"


def records_file() -> Path:
    """The record of resolved commits: always in the product's own cache."""
    return settings().cache_dir.absolute() / "hub" / "commits.json"


def endpoint() -> str:
    """The Hub's address: HF_ENDPOINT, read at each call."""
    return (os.environ.get("HF_ENDPOINT") or DEFAULT_ENDPOINT).rstrip("/")


def check_endpoint() -> None:
    """Raises AssetError where HF_ENDPOINT is no web address: huggingface_hub could not even be imported."""
    try:
        parts = urlsplit(endpoint())
        valid = parts.scheme in ("http", "https") and parts.hostname is not None
    except ValueError:
        valid = False
    if not valid:
        raise AssetError(
            f"HF_ENDPOINT is {endpoint()[:60]!r}, which is no web address.", "Unset it, or start it with https://."
        )


def host() -> str:
    """The Hub's host for sentences: no scheme, no path, no password."""
    return urlsplit(endpoint()).hostname or endpoint()[:60]


def is_offline() -> bool:
    """Whether the user has forbidden the network with HF_HUB_OFFLINE or TRANSFORMERS_OFFLINE."""
    return any(os.environ.get(name, "").upper() in _TRUE for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"))
