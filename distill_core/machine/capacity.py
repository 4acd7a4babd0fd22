"""How much of this machine a run may use: memory and cores, within the limits of a container too."""

from __future__ import annotations

import math
from pathlib import Path

import psutil

CGROUP = Path("/sys/fs/cgroup")
PROCESS_BYTES = 700 * 2**20  # Python, torch and the texts, in a process of its own
_BYTES_PER_PARAM = 20  # weights, gradients, AdamW's two moments, and a checkpoint on its way; float32
_BYTES_PER_STATE = 68  # kept for the backward pass, for each number of a hidden state: arXiv:2205.05198 eq. 1, float32

_MEMORY_WORDS = ("out of memory", "can't allocate memory", "not enough memory", "cannot allocate memory")


def ran_out_of_memory(error: BaseException) -> bool:
    """Whether an error, of Python or of a device, says so."""
    return isinstance(error, MemoryError) or any(word in str(error).lower() for word in _MEMORY_WORDS)


def available_bytes() -> int:
    """Memory that a new process can have without swapping."""
    free = int(psutil.virtual_memory().available)
    left = _container_bytes()
    return free if left is None else min(free, left)


def total_bytes() -> int:
    """All memory of this machine, or of its container."""
    whole = int(psutil.virtual_memory().total)
    limits = (_number(CGROUP / "memory.max"), _number(CGROUP / "memory" / "memory.limit_in_bytes"))
    return min([whole, *(limit for limit in limits if limit is not None)])


def _container_bytes() -> int | None:
    """What the container's limit leaves; files that the system keeps in memory can be given up. None without one."""
    for folder, limit, used, stat_key in (
        (CGROUP, "memory.max", "memory.current", "inactive_file"),
        (CGROUP / "memory", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
    ):
        most, now = _number(folder / limit), _number(folder / used)
        if most is not None and now is not None:
            return max(0, most - now + _entry(folder / "memory.stat", stat_key))
    return None


def container_cores() -> int | None:
    """Cores that the container's quota of processor time is worth, at least one; None without a quota."""
    quota = _words(CGROUP / "cpu.max") or [
        *_words(CGROUP / "cpu" / "cpu.cfs_quota_us"),
        *_words(CGROUP / "cpu" / "cpu.cfs_period_us"),
    ]
    if len(quota) != 2 or not all(word.isdigit() for word in quota) or int(quota[1]) == 0:  # "max", or −1 without one
        return None
    return max(1, math.ceil(int(quota[0]) / int(quota[1])))


def physical_cores() -> int:
    """Physical cores that this process may use, a container's quota included."""
    allowed = len(psutil.Process().cpu_affinity()) if hasattr(psutil.Process, "cpu_affinity") else 10**6
    return max(1, min(psutil.cpu_count(logical=False) or 1, allowed, container_cores() or allowed))


def training_bytes(params: int, layers: int, width: int, tokens: int) -> int:
    """About how much memory a process needs that trains such a model on batches of at most so many tokens."""
    return PROCESS_BYTES + _BYTES_PER_PARAM * params + _BYTES_PER_STATE * layers * width * tokens


def _number(path: Path) -> int | None:
    words = _words(path)
    return int(words[0]) if words and words[0].isdigit() else None


def _entry(path: Path, key: str) -> int:
    words = _words(path)
    pairs = dict(zip(words[::2], words[1::2], strict=False))
    return int(pairs.get(key, "0"))


def _words(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="ascii").split()
    except (OSError, UnicodeDecodeError):
        return []
