"""What a student does in the first minutes, in a real Chromium: Start → Compare → rows appear → download."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path

import pytest
from conftest import Server
from playwright.sync_api import ConsoleMessage, Page, expect

from app import PAGES

pytestmark = pytest.mark.browser

# the first page stands at the root
PATHS = ["" if file == "start" else path for entries in PAGES.values() for file, _, _, path, _ in entries]

SMALL = "cmp_models=distilbert@structure&cmp_models=albert@structure&cmp_len=32"


def downloaded(page: Page, name: str) -> str:
    """The text of the file behind a download button."""
    with page.expect_download() as download:
        page.get_by_test_id("stDownloadButton").filter(has_text=name).get_by_role("button").click()
    return Path(download.value.path()).read_text(encoding="utf-8")


def test_the_server_answers_quickly(server: Server) -> None:
    assert server.health_s < 20  # 5 s on a quiet machine; CI may be busy


def test_start_shows_the_ten_families(page: Page, server: Server) -> None:
    page.goto(server.url)
    expect(page.get_by_role("heading", name="Distill Lab", exact=True)).to_be_visible()
    for family in ("BERT", "GPT", "RoBERTa", "T5", "XLNet", "ALBERT", "DistilBERT", "ERNIE", "ELECTRA", "BART"):
        expect(page.locator(".js-plotly-plot").get_by_text(family, exact=True).first).to_be_visible()


def test_from_start_to_a_downloaded_comparison(page: Page, server: Server) -> None:
    page.goto(server.url)
    page.get_by_role("link", name=re.compile("Compare")).first.click()
    expect(page.get_by_role("heading", name="Compare", exact=True)).to_be_visible()
    page.goto(f"{server.url}/compare?{SMALL}")
    page.get_by_role("button", name=re.compile("^.*Measure here")).click()
    stop = page.get_by_role("button", name=re.compile("Stop"))
    expect(stop).to_be_visible(timeout=60_000)  # a recorded result with the same families stood here until now
    for row in ("DistilBERT", "ALBERT"):  # rows appear one by one
        expect(page.locator(".js-plotly-plot").get_by_text(row, exact=True).first).to_be_visible(timeout=120_000)
    expect(stop).to_have_count(0, timeout=120_000)  # the run has ended
    rows = list(csv.DictReader(io.StringIO(downloaded(page, "CSV"))))
    assert {row["model"] for row in rows} == {"distilbert@structure", "albert@structure"}
    assert {row["params"] for row in rows} == {"66362880", "11683584"}
    assert all(float(row["latency_ms_p50"]) > 0 for row in rows)
    assert json.loads(downloaded(page, "JSON"))
    page.reload()
    expect(page.locator(".js-plotly-plot").get_by_text("ALBERT", exact=True).first).to_be_visible()


def test_a_new_draw_of_the_objectives_stands_in_the_address(page: Page, server: Server) -> None:
    """A teacher sends the address: the class sees the same gaps."""
    page.goto(f"{server.url}/objectives?obj_show=BERT")
    seen = page.locator("p", has_text="The network sees").first
    first = seen.inner_text()
    page.get_by_role("button", name=re.compile("New draw")).click()
    expect(page).to_have_url(re.compile("obj_draw=2"))
    expect(seen).not_to_have_text(first, use_inner_text=True)
    second = seen.inner_text()
    page.goto(page.url)
    expect(seen).to_have_text(second, use_inner_text=True)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("width", [1280, 390])
def test_every_page_opens_without_an_error(page: Page, server: Server, path: str, width: int) -> None:
    problems: list[str] = []

    def listen(message: ConsoleMessage) -> None:
        if message.type == "error":
            problems.append(f"{message.text} {message.location}")

    page.on("console", listen)
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.set_viewport_size({"width": width, "height": 844})
    page.goto(f"{server.url}/{path}")
    expect(page.locator("h1").first).to_be_visible()
    expect(page.get_by_test_id("stStatusWidget")).to_have_count(0, timeout=60_000)
    assert page.get_by_test_id("stException").count() == 0
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), "the page scrolls sideways"
    assert problems == []
