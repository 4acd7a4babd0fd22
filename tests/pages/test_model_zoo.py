"""Model zoo: ten cards, one family in depth, and an address that names nobody."""

from __future__ import annotations

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from distill_core import families

APP = str(Path(__file__).parents[2] / "app.py")


def zoo(family: str | None = None) -> AppTest:
    app = AppTest.from_file(APP, default_timeout=20)
    app.session_state["no_probe"] = True
    app.run()
    if family:
        app.query_params["zoo_family"] = family
    return app.switch_page("pages/model_zoo.py").run()


@pytest.fixture(autouse=True)
def no_probe(monkeypatch: pytest.MonkeyPatch) -> None:
    from pages.parts.shared import device_badge

    monkeypatch.setattr(device_badge, "show", lambda: None)


def test_ten_cards_and_the_timeline() -> None:
    app = zoo()
    assert not app.exception
    opened = [button.key for button in app.button if str(button.key).startswith("zoo_open_")]
    assert opened == [f"zoo_open_{row.key}" for row in families.FAMILIES]
    assert len(app.get("plotly_chart")) == 1
    cards = " ".join(element.value for element in app.html)
    assert "ALBERT" in cards
    assert "11.7 M" in cards
    assert "○" in cards  # DistilBERT is hollow


def test_a_card_opens_its_family() -> None:
    app = zoo()
    app.button(key="zoo_open_distilbert").click().run()
    assert not app.exception
    assert app.session_state["zoo_family"] == "DistilBERT"
    assert len(app.get("plotly_chart")) == 2
    assert any("Traps" in str(box.proto) for box in app.warning)
    published = app.dataframe[0].value
    assert "SST-2 acc" in set(published["metric"])
    assert published["source"].str.contains("1910.01108").any()


@pytest.mark.parametrize("family", families.FAMILIES, ids=lambda row: row.key)
def test_every_family_opens_from_its_address(family: families.Family) -> None:
    app = zoo(family.title)
    assert not app.exception
    assert any(family.title in element.value for element in app.html)
    facts = app.table[0].value
    assert "Tokenizer" in set(facts.index)


def test_an_unknown_family_shows_all_ten() -> None:
    app = zoo("<script>")
    assert not app.exception
    assert len([button for button in app.button if str(button.key).startswith("zoo_open_")]) == 10
