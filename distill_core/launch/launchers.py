"""How runs start: a queue of processes on this machine, jobs of a Ray cluster, or at once in this process.

Pages and the command line use `get_launcher` and `foreground.run_foreground`; nobody else starts a run.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from distill_core.errors import LaunchError
from distill_core.launch.base import Launcher
from distill_core.launch.inline import InlineLauncher
from distill_core.launch.local import LocalLauncher
from distill_core.launch.ray_launcher import RayLauncher
from distill_core.runs.store import RunStore
from distill_core.settings import settings

LAUNCHERS: dict[str, type[Launcher]] = {"local": LocalLauncher, "inline": InlineLauncher, "ray": RayLauncher}


def get_launcher(store: RunStore | None = None) -> Launcher:
    """The launcher that the settings name; the same object for the same folder, since it knows its children."""
    root = store.root if store is not None else settings().runs_dir.absolute()
    return _launcher(settings().launcher, root)


@lru_cache(maxsize=64)
def _launcher(name: str, root: Path) -> Launcher:
    if name not in LAUNCHERS:
        raise LaunchError(f"DISTILL_LAUNCHER is {name!r}.", f"It can be: {', '.join(LAUNCHERS)}.")
    return LAUNCHERS[name](RunStore(root))
