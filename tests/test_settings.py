"""Every setting is documented, and the documentation is what the code says."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from distill_core.settings import PROJECT, Settings, settings_table


def test_the_documented_settings_are_the_settings():
    page = (PROJECT / "docs" / "settings.md").read_text(encoding="utf-8")
    assert page == settings_table(), "docs/settings.md is out of date: python -m distill_core settings prints the table"


@pytest.mark.parametrize("name", Settings.model_fields)
def test_every_setting_says_what_it_is(name):
    assert Settings.model_fields[name].description, f"{name} has no description"


def test_settings_come_from_the_environment(monkeypatch):
    monkeypatch.setenv("DISTILL_SLOTS", "3")
    monkeypatch.setenv("DISTILL_RUNS_DIR", "elsewhere")
    assert Settings().slots == 3
    assert Settings().runs_dir == Path("elsewhere")


def test_a_setting_out_of_range_is_refused(monkeypatch):
    monkeypatch.setenv("DISTILL_SLOTS", "0")
    with pytest.raises(ValidationError, match="slots"):
        Settings()
