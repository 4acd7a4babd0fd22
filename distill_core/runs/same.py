"""The same question, asked before: runs are seeded and repeat to the bit, so that it need not be computed again.

Two requests are the same when all but their titles is equal, the models of runs that they name hold the same bytes,
their files are unchanged, and the run was done on this device by this version of the program. Measurements of time
(`Spec.ALONE`) do not repeat; whoever asks decides what to do about that.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from datetime import UTC, datetime
from functools import lru_cache
from importlib import metadata
from pathlib import Path

from distill_core import __version__, data_ref
from distill_core.errors import RunError
from distill_core.files import content
from distill_core.machine import device_defaults
from distill_core.results import LIVE
from distill_core.runs.run import Run
from distill_core.runs.store import RunStore
from distill_core.settings import settings
from distill_core.specs import Spec

Index = dict[str, tuple[str, ...]]


def find(spec: Spec, store: RunStore) -> Run | None:
    """The run of this installation that answers the same: the newest that is done, else one that is queued or at work.

    With 500 runs it takes some milliseconds when a run has come or gone since the last call, else less than one.
    """
    alike = [run for run in _alike(spec, store) if _answers(run, spec, store)]
    done = [run for run in alike if run.state().state == "done"]
    return done[-1] if done else next((run for run in alike if run.state().state in LIVE), None)


def find_recorded(spec: Spec, recorded: RunStore) -> Run | None:
    """The run among those that ship with the product of which all but the title is equal. It names no other run."""
    if any(ref.source == "run" for ref in spec.refs):
        return None
    return next((run for run in _alike(spec, recorded) if run.state().state == "done"), None)


def token(spec: Spec, store: RunStore) -> str:
    """A token for `Launcher.submit` that is the same for all who ask the same at once, so that one run is made. The
    last run that was asked so is part of it: after one that failed, another can be made."""
    last = max((run.id for run in _alike(spec, store)), default="first")
    contents = hashlib.sha256(repr(_contents(spec, store)).encode()).hexdigest()
    return f"same-{key(spec)}-{contents[:16]}-{last}"


def key(spec: Spec) -> str:
    """A digest of all but the title, with the same for every run that is named."""
    text = json.dumps(spec.model_dump(mode="json", exclude={"title"}), sort_keys=True)
    for ref in spec.refs:
        if ref.source == "run":
            text = text.replace(json.dumps(str(ref)), '"run:"')
    return hashlib.sha256(text.encode()).hexdigest()


# ── all requests of a folder by their digests ────────────────────────────────────────────────────────────────────


def _alike(spec: Spec, store: RunStore) -> list[Run]:
    """Runs with this key, the oldest first."""
    try:
        names = tuple(os.listdir(store.root))
    except OSError:
        return []
    found = []
    for name in _index(store.root, names).get(key(spec), ()):
        with contextlib.suppress(RunError):  # a folder that is no run
            found.append(store.get(name))
    return found


@lru_cache(maxsize=4)
def _index(root: Path, names: tuple[str, ...]) -> Index:
    """`names` is what the folder holds: a run's id is given once, so other runs are other names."""
    found: dict[str, list[str]] = {}
    for name in sorted(names):  # runs are numbered in the order of their creation
        found.setdefault(_key_of(root / name), []).append(name)
    return {digest: tuple(run_ids) for digest, run_ids in found.items()}


@lru_cache(maxsize=8192)
def _key_of(path: Path) -> str:
    """The key of a run, whose spec.json is written once; empty for a damaged one, and for what is no run."""
    try:
        return key(Run(path).spec())
    except RunError:
        return ""


# ── what the digest of a request does not tell ───────────────────────────────────────────────────────────────────


def _answers(run: Run, spec: Spec, store: RunStore) -> bool:
    """Whether a run with the same key answers the request as a new one would."""
    try:
        contents = _contents(run.spec(), store)
    except RunError:
        return False
    if None in contents or contents != _contents(spec, store):
        return False
    return _made_here(run, spec) and all(_unchanged(ref, run) for ref in spec.datasets)


def _contents(spec: Spec, store: RunStore) -> tuple[str | None, ...]:
    """What the models hold that the request names by a run; None for one that cannot be read, and for a folder, which
    may hold something else each time."""
    return tuple(
        _model(store.root / ref.name / "model") if ref.source == "run" else None
        for ref in spec.refs
        if ref.source in ("run", "path")
    )


def _model(folder: Path) -> str | None:
    try:
        return content.of_folder(folder) if folder.is_dir() else None
    except OSError:
        return None


def _made_here(run: Run, spec: Spec) -> bool:
    """Whether this program, with this torch, would compute on the device that the run took; a run that has not said so
    yet has just begun."""
    environment = run.environment()
    if environment is None:
        return run.state().state in LIVE
    versions = environment.versions
    same_code = (versions.get("distill_core"), versions.get("torch")) == (__version__, _torch_version())
    return same_code and environment.device == device_defaults.resolved(spec.device)


@lru_cache(maxsize=1)
def _torch_version() -> str:
    return metadata.version("torch")


def _unchanged(ref: data_ref.Ref, run: Run) -> bool:
    """Whether an own file is what it was when the run was made; uploads are named by what they hold."""
    path = Path(ref.name)
    if not ref.is_file or path.parent == settings().cache_dir / "uploads":
        return True
    try:
        made = datetime.fromisoformat(run.state().created_at)
        return datetime.fromtimestamp(path.stat().st_mtime, UTC) < made
    except (OSError, ValueError, TypeError):
        return False
