"""Models that all visitors share: loaded once, within the limit, and their memory given back."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import psutil
import pytest
import tiny

from distill_core import families
from distill_core.errors import ModelError
from distill_core.machine import capacity
from distill_core.measure.inference import TextModel
from distill_core.measure.shared_models import SharedModels, limit_bytes, size_bytes
from distill_core.settings import settings

MIB = 2**20


def model(seed: int = 0) -> TextModel:
    return TextModel(tiny.classifier(families.get("bert"), seed=seed))


ONE_BYTES = size_bytes(model())


@pytest.fixture
def loads() -> list[int]:
    return []


@pytest.fixture
def load(loads: list[int]) -> Callable[[int], Callable[[], TextModel]]:
    """Loaders that note each load."""

    def of(seed: int) -> Callable[[], TextModel]:
        return lambda: (loads.append(seed), model(seed))[1]

    return of


def test_forty_at_once_load_it_once(load, loads) -> None:
    shelf, together = SharedModels(10 * ONE_BYTES), threading.Barrier(40)

    def ask(_: int) -> TextModel:
        together.wait(30)
        return shelf.get("a", ONE_BYTES, load(0))

    with ThreadPoolExecutor(40) as pool:
        found = list(pool.map(ask, range(40)))
    assert loads == [0]
    assert all(one is found[0] for one in found)


def test_the_least_recently_asked_goes_first_and_its_memory_comes_back(load, loads) -> None:
    shelf = SharedModels(2 * ONE_BYTES)
    first, second = (weakref.ref(shelf.get(key, ONE_BYTES, load(0)).loaded.model) for key in "ab")
    shelf.get("a", ONE_BYTES, load(0))
    shelf.get("c", ONE_BYTES, load(0))
    assert second() is None
    assert first() is not None
    assert shelf.used_bytes() == 2 * ONE_BYTES
    assert len(loads) == 3
    shelf.get("b", ONE_BYTES, load(0))
    assert first() is None
    assert len(loads) == 4


def test_room_is_made_before_a_model_is_loaded() -> None:
    shelf = SharedModels(2 * ONE_BYTES)
    kept = [weakref.ref(shelf.get(key, ONE_BYTES, model).loaded.model) for key in "ab"]

    def look() -> TextModel:
        assert [one() is None for one in kept] == [True, False]
        return model()

    shelf.get("c", ONE_BYTES, look)


def test_a_model_larger_in_memory_than_its_files_makes_room_too() -> None:
    shelf = SharedModels(2 * ONE_BYTES)
    for key in "abc":
        shelf.get(key, 0, model)
    assert shelf.used_bytes() == 2 * ONE_BYTES


def test_who_reads_with_a_model_that_is_let_go_reads_to_the_end() -> None:
    shelf = SharedModels(ONE_BYTES)
    mine = shelf.get("a", ONE_BYTES, model)
    shelf.get("b", ONE_BYTES, model)
    assert mine.loaded.model is not None
    assert shelf.used_bytes() == ONE_BYTES


def test_a_model_beyond_the_limit_is_refused_before_it_is_loaded(load, loads) -> None:
    shelf = SharedModels(ONE_BYTES - 1)
    with pytest.raises(ModelError, match="all models of the pages may take") as refused:
        shelf.get("a", ONE_BYTES, load(0))
    assert "DISTILL_MODEL_MEMORY_MIB" in refused.value.hint
    assert loads == []


def test_a_load_that_fails_is_tried_again_by_the_next(load) -> None:
    shelf = SharedModels(ONE_BYTES)

    def fails() -> TextModel:
        raise ModelError("The weights do not load.", "Run again.")

    with pytest.raises(ModelError, match="do not load"):
        shelf.get("a", ONE_BYTES, fails)
    assert shelf.get("a", ONE_BYTES, load(0))


@pytest.mark.parametrize(
    ("gib", "setting", "wanted_mib"), [(4, "", 1024), (8, "", 2048), (512, "", 2048), (4, "3000", 3000)]
)
def test_the_limit_is_a_quarter_of_the_memory_and_not_more_than_usual(monkeypatch, tmp_path, gib, setting, wanted_mib):
    memory = psutil.virtual_memory()._replace(total=gib * 1024 * MIB)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: memory)
    monkeypatch.setattr(capacity, "CGROUP", tmp_path)
    monkeypatch.setenv("DISTILL_MODEL_MEMORY_MIB", setting)
    settings.cache_clear()
    assert limit_bytes() == wanted_mib * MIB
    if not setting:
        (tmp_path / "memory.max").write_text(f"{2048 * MIB}\n")
        assert limit_bytes() == 512 * MIB
