"""The browser's own verdict on the headers: every page works under the policy, asks nobody else, and a text cannot."""

from __future__ import annotations

import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import sample_training as sample
from conftest import Server
from playwright.sync_api import Page, expect

from app import PAGES
from distill_core.classroom import classes
from distill_core.runs.store import RunStore
from distill_core.settings import DATA
from pages.parts.shared import links

pytestmark = pytest.mark.browser

PATHS = ["" if file == "start" else path for entries in PAGES.values() for file, _, _, path, _ in entries]
RUNS = {run.spec().kind: run.id for run in RunStore(DATA / "recorded").list()}
SHOWN = sorted(
    f"{place.script.replace('_', '-')}?{place.run}={run}"
    for kind, run in RUNS.items()
    if (place := links.of_kind(kind)).run
)
EVIL = "<img src=http://192.0.2.1/a onerror=window.ran=1>![](http://192.0.2.1/b)[x](javascript:window.ran=1)"
# What markup would make of it. A bare address becomes a link that shows where it leads: that stays.
MADE = 'img[src*="192.0.2"], a[href^="javascript"], a[href*="192.0.2"]:not(:text("http://192.0.2")), main b'
LISTEN = """window.refused = [];
document.addEventListener("securitypolicyviolation",
  event => window.refused.push(`${event.effectiveDirective} ${event.blockedURI} ${event.sourceFile}`));"""
CSV = "text,label\n" + "".join(f"a {word} film {n},{word}\n" for n in range(30) for word in ("good", "bad"))


class Watched:
    """A page with what it asked for elsewhere, and what the policy refused."""

    def __init__(self, page: Page, server: Server) -> None:
        self.page = page
        self.server = server
        self.asked: list[str] = []
        page.on("request", lambda request: self.asked.append(request.url))
        page.on("websocket", lambda socket: self.asked.append(socket.url))
        page.add_init_script(LISTEN)

    def open(self, path: str) -> None:
        self.page.goto(f"{self.server.url}/{path}")
        expect(self.page.locator("h1").first).to_be_visible()
        expect(self.page.get_by_test_id("stStatusWidget")).to_have_count(0, timeout=60_000)

    def check(self) -> None:
        here = urlsplit(self.server.url).netloc
        remote = [url for url in self.asked if urlsplit(url).netloc not in (here, "")]
        assert [url for url in remote if urlsplit(url).scheme not in ("data", "blob")] == []
        assert any(url.startswith("ws://") for url in self.asked)
        assert self.page.evaluate("window.refused") == []


@pytest.fixture
def watched(page: Page, server: Server) -> Watched:
    return Watched(page, server)


@pytest.mark.parametrize("path", sorted({*PATHS, *SHOWN}))
def test_no_page_is_hindered_and_none_asks_elsewhere(watched: Watched, path: str) -> None:
    watched.open(path)
    for tab in watched.page.get_by_role("tab").all():
        tab.click()
    watched.check()


def test_a_figure_is_saved_as_a_picture(watched: Watched) -> None:
    watched.open("")
    plot = watched.page.locator(".js-plotly-plot").first
    plot.hover()
    with watched.page.expect_download() as download:
        plot.locator('.modebar-btn[data-title*="PNG"], .modebar-btn[data-title*="png"]').first.click()
    assert Path(download.value.path()).read_bytes().startswith(b"\x89PNG")
    watched.check()


def test_a_file_is_sent_and_read(watched: Watched) -> None:
    watched.open("finetune?ft_dataset=Own+file")
    watched.page.locator('input[type="file"]').set_input_files(
        {"name": "films.csv", "mimeType": "text/csv", "buffer": CSV.encode()}
    )
    expect(watched.page.get_by_text("60 texts, 47 of them for training.")).to_be_visible()
    watched.check()


def test_a_name_with_markup_is_text_wherever_it_stands(watched: Watched) -> None:
    store = RunStore(watched.server.runs)
    run = sample.finetune_run(store, title=EVIL[:120])
    made = classes.open_class(watched.server.runs, EVIL, classes.Task(title=EVIL, page="finetune"))
    classes.join(watched.server.runs, made.code, "x" * 32, "<b>Ann</b>")
    try:
        for path in (f"runs?r_run={run.id}", f"finetune?ft_run={run.id}", f"board?class={made.code}", "classroom"):
            watched.open(path)
            made_of_it = watched.page.locator(MADE).evaluate_all("found => found.map(one => one.outerHTML)")
            assert made_of_it == [], path
            assert not watched.page.evaluate("window.ran")
            watched.check()
        expect(watched.page.get_by_text("<img src=").first).to_be_visible()
    finally:
        classes.close(watched.server.runs, made.code)
        store.remove(run.id)


@pytest.mark.parametrize(
    ("attempt", "directive"),
    [
        ("document.body.insertAdjacentHTML('beforeend', '<img src=http://192.0.2.1/x.png>')", "img-src"),
        (
            "document.body.insertAdjacentHTML('beforeend', '<img src=x onerror=\"window.ran = true\">')",
            "script-src-attr",
        ),
        ("fetch('http://192.0.2.1/').catch(() => 0)", "connect-src"),
        ("new WebSocket('ws://192.0.2.1/')", "connect-src"),
        (
            "document.head.append(Object.assign(document.createElement('script'), {text: 'window.ran = true'}))",
            "script-src-elem",
        ),
        ("setTimeout(() => new Function('window.ran = true')())", "script-src"),
        ("document.body.insertAdjacentHTML('beforeend', '<iframe src=\"data:text/html,x\"></iframe>')", "frame-src"),
        ("document.body.insertAdjacentHTML('beforeend', '<object data=\"/x\"></object>')", "object-src"),
    ],
)
def test_what_a_foreign_text_would_try_is_refused(watched: Watched, attempt: str, directive: str) -> None:
    watched.open("")
    watched.page.evaluate(f"() => {{ {attempt} }}")
    deadline = time.monotonic() + 10
    while not watched.page.evaluate("window.refused.length") and time.monotonic() < deadline:
        watched.page.wait_for_timeout(20)
    assert watched.page.evaluate("window.refused")[0].startswith(directive)
    assert not watched.page.evaluate("window.ran")
