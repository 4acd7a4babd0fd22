"""The models that answer typed texts inside the process that serves pages: loaded once for all visitors, within a limit
of memory.
"""

from __future__ import annotations

import gc
import threading
from collections import OrderedDict
from collections.abc import Callable
from functools import lru_cache

import torch

from distill_core.errors import ModelError
from distill_core.machine import capacity
from distill_core.measure.inference import TextModel
from distill_core.settings import settings

_MIB = 2**20
_USUAL_MIB = 2048


class SharedModels:
    """Models by what their files hold. The one that was asked least recently goes first when room is needed; whoever
    is reading with it still does so to the end."""

    def __init__(self, limit_bytes: int) -> None:
        self._limit_bytes = limit_bytes
        self._models: OrderedDict[str, TextModel] = OrderedDict()
        self._lock = threading.Lock()
        self._loading = threading.Lock()

    def get(self, key: str, expected_bytes: int, load: Callable[[], TextModel]) -> TextModel:
        """The model with this key, loaded now where nobody has asked for it: once, however many ask at the same time.

        One model is loaded after the other, with room for `expected_bytes` made before. Raises ModelError for a model
        beyond the limit, and what `load` raises.
        """
        found = self._known(key)
        if found is not None:
            return found
        with self._loading:
            found = self._known(key)
            if found is None:
                self._make_room(expected_bytes)
                found = load()
                self._make_room(size_bytes(found))
                with self._lock:
                    self._models[key] = found
        return found

    def used_bytes(self) -> int:
        """What the kept models take."""
        with self._lock:
            return sum(map(size_bytes, self._models.values()))

    def _known(self, key: str) -> TextModel | None:
        with self._lock:
            if key in self._models:
                self._models.move_to_end(key)
            return self._models.get(key)

    def _make_room(self, wanted_bytes: int) -> None:
        if wanted_bytes > self._limit_bytes:
            raise ModelError(
                f"The model takes {wanted_bytes / _MIB:,.0f} MiB, and all models of the pages may take "
                f"{self._limit_bytes / _MIB:,.0f} MiB.",
                "Use predict on the command line, or set DISTILL_MODEL_MEMORY_MIB.",
            )
        released = False
        while self.used_bytes() + wanted_bytes > self._limit_bytes:
            with self._lock:
                self._models.popitem(last=False)
            released = True
        if released:
            gc.collect()  # modules that know each other are not freed by counting references alone


def size_bytes(model: TextModel) -> int:
    """Bytes of a model's weights and buffers; what two parts share counts once."""
    network: torch.nn.Module = model.loaded.model
    return sum(one.numel() * one.element_size() for one in (*network.parameters(), *network.buffers()))


@lru_cache(maxsize=1)
def shared() -> SharedModels:
    """Those of this process."""
    return SharedModels(limit_bytes())


def limit_bytes() -> int:
    """The setting, else a quarter of this machine's memory, and not more than is usual."""
    wanted = settings().model_memory_mib
    return wanted * _MIB if wanted is not None else min(_USUAL_MIB * _MIB, capacity.total_bytes() // 4)
