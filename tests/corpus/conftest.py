"""A registry of our own for each test that asks for one."""

from __future__ import annotations

from pathlib import Path

import pytest
import toy_registry

from distill_core.assets import shelf
from distill_core.corpus import sources
from distill_core.corpus.sources import Source
from distill_core.settings import settings


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> toy_registry.Registry:
    """Ratings alone at first; every client of a registry is missing, so the mirror is all there is."""
    folder = tmp_path / "mirror"
    folder.mkdir()
    monkeypatch.setenv("DISTILL_ASSET_MIRROR", str(folder))
    monkeypatch.setenv("PATH", str(tmp_path / "no-clients"))
    settings.cache_clear()
    texts = {file: toy_registry.ratings(name) for name, file in toy_registry.FILES.items()}
    content = toy_registry.tar({f"rated/{path}": text for path, text in texts.items()})
    (folder / "sentiment.tgz").write_bytes(content)
    sentiment = toy_registry.asset("sentiment", "sentiment.tgz", content, "rated/", texts)
    topics = toy_registry.asset("topics", "topics.tgz", b"", "topics/", {"a.txt": ""}, registry="npm")
    made = toy_registry.Registry(folder)
    made.rows |= {
        name: Source(name, name.title(), "MIT", sentiment, ordered=name in ("amazon", "nyt"))
        for name in toy_registry.RATED
    }
    monkeypatch.setattr(shelf, "table", lambda: {"sentiment": sentiment, "topics": topics})
    monkeypatch.setattr(sources, "table", lambda: made.rows)
    return made
