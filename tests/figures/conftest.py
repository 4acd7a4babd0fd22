"""In these tests plotly checks every property of every figure, which visitors of a page do not wait for."""

from __future__ import annotations

import pytest

from distill_core.figures import theme


@pytest.fixture(autouse=True)
def checked(monkeypatch: pytest.MonkeyPatch) -> None:
    """A property that plotly does not know is an error."""
    monkeypatch.setattr(theme, "CHECKED", True)
