"""The router: the server knows its pages before the first visitor, and leaves out a page without a file."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest
import streamlit as st
from streamlit.runtime.pages_manager import PagesManager
from streamlit.web.server.app_discovery import discover_asgi_app

PROJECT = Path(__file__).parents[2]


def test_the_import_gives_the_server_its_application(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PagesManager, "uses_pages_directory", None)
    module = importlib.reload(importlib.import_module("app"))
    assert isinstance(module.app, st.App)
    assert PagesManager.uses_pages_directory is False  # a first visitor at /compare gets Compare, not a file list


def test_streamlit_run_finds_the_application() -> None:
    assert discover_asgi_app(PROJECT / "app.py").import_string == "app:app"


def test_every_page_has_an_address_of_its_own() -> None:
    module = importlib.import_module("app")
    entries = [entry for entries in module.PAGES.values() for entry in entries]
    for column in (0, 1, 3):
        values = [entry[column] for entry in entries]
        assert len(set(values)) == len(values)
    assert {"start", "model_zoo", "compare"} <= {
        entry[0] for entry in entries if (module.FOLDER / f"{entry[0]}.py").exists()
    }
