"""Shared by all tests: the project on the import path, and folders of their own for runs and cache."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(PROJECT))  # app.py, pages/ and distill_core/ are not installed


@pytest.fixture(autouse=True)
def own_folders(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Each test has empty folders and the standard settings; tests marked `assets` share the real cache."""
    from distill_core.settings import settings

    monkeypatch.setenv("DISTILL_RUNS_DIR", str(tmp_path / "runs"))
    monkeypatch.setenv("DISTILL_QUIET_WAIT_S", "0")  # other programs are always at work beside the tests
    if request.node.get_closest_marker("assets") is None:
        monkeypatch.setenv("DISTILL_CACHE_DIR", str(tmp_path / "cache"))
    settings.cache_clear()
    yield
    settings.cache_clear()


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Tests marked `gpu` are for machines that have an accelerator."""
    if item.get_closest_marker("gpu") is not None:
        from distill_core.machine import devices

        if devices.accelerator_type() is None:
            pytest.skip("needs an accelerator (CUDA, MPS or XPU): torch finds none in this machine")
