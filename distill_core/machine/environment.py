"""The machine a run computes on: its process's settings before torch is loaded, and its description for env.json."""

from __future__ import annotations

import contextlib
import os
import platform
import subprocess
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import psutil

from distill_core import __version__
from distill_core.results import Environment
from distill_core.settings import settings
from distill_core.units import now

_PACKAGES = ("torch", "transformers", "tokenizers", "accelerate", "streamlit")
_DEFAULTS = {
    "OMP_WAIT_POLICY": "passive",  # waiting threads sleep: spinning ones take the page server's core
    "GOMP_SPINCOUNT": "0",
    "TOKENIZERS_PARALLELISM": "false",  # or tokenizers warns, and may hang, after a fork
    "HF_HUB_DISABLE_TELEMETRY": "1",
}


def prepare_process(threads: int | None) -> None:
    """Set the variables that OpenMP, tokenizers and the Hub read when they are loaded, so call it before torch is.

    Variables that are set already are kept, except the number of threads where one is asked for.
    """
    for name, value in _DEFAULTS.items():
        os.environ.setdefault(name, value)
    wanted = threads or settings().threads
    if wanted:
        os.environ["OMP_NUM_THREADS"] = str(wanted)


@contextlib.contextmanager
def prepared_process(threads: int | None) -> Iterator[None]:
    """`prepare_process`, undone at the end: a next run started from here must not inherit this one's threads."""
    names = (*_DEFAULTS, "OMP_NUM_THREADS")
    before = {name: os.environ.get(name) for name in names}
    prepare_process(threads)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def describe(device: str, device_name: str, dtype: str, threads: int) -> Environment:
    """The machine and the versions behind a run's numbers. It names no host, user or folder."""
    cores = psutil.cpu_count(logical=False) or psutil.cpu_count() or 1
    memory_gib = round(psutil.virtual_memory().total / 2**30, 1)
    system = platform.system()
    return Environment(
        machine=f"{platform.machine()} {system}, {cores} cores, {memory_gib:.0f} GiB",
        cpu=_cpu_name(),
        cores=cores,
        memory_gib=memory_gib,
        device=device,
        device_name=device_name,
        dtype=dtype,
        threads=threads,
        omp_wait_policy=os.environ.get("OMP_WAIT_POLICY", ""),
        os=f"{system} {platform.release()}",
        python=platform.python_version(),
        versions=_versions(),
        started_at=now(),
    )


def _cpu_name() -> str:
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return " ".join(line.partition(":")[2].split())
    if platform.system() == "Darwin":
        with contextlib.suppress(OSError, subprocess.SubprocessError):
            command = ["sysctl", "-n", "machdep.cpu.brand_string"]
            return subprocess.run(command, capture_output=True, text=True, timeout=5, check=True).stdout.strip()
    return platform.processor() or platform.machine()


def _versions() -> dict[str, str]:
    versions = {"distill_core": __version__}
    for package in _PACKAGES:
        with contextlib.suppress(metadata.PackageNotFoundError):
            versions[package] = metadata.version(package)
    return versions
