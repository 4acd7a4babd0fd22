"""The connection is cut for seconds, for longer than the server keeps a session, and by a restart of the server: the
visitor comes back to the same page, run and controls.

One tab for each page goes through all three, one after the other.

| what | where it is kept |
|---|---|
| page, run, controls, pressed tabs, folds whose content is drawn when they are open | the page's address |
| an uploaded file and its columns | the file under its hash; hash and columns in the address |
| a guess, and that its result was uncovered | the address, sealed for this visitor |
| a training | a process of its own; its state on disk |
| open popovers and folds that are always drawn | nowhere: they may close with a reload |
| the file's name in the uploader, what is typed and not sent, the line "you are watching that run" | nowhere |
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from conftest import free_port, serving
from playwright.sync_api import Browser, Page, expect
from unsteady import Line

from distill_core.runs.store import RunStore

pytestmark = pytest.mark.browser
KEPT_S = 12  # how long the server of this test keeps a session without a connection
SHORT_S, LONG_S = 5, KEPT_S + 3
DEADLINE_S = 60
DIALOG, AWAY = '[data-testid="stDialog"]', "#connection-away"
RIGHT = "→"  # a slider goes one step up
SMALL = "cmp_models=distilbert@structure&cmp_models=albert@structure&cmp_len=32"
CSV = "number,words,mood\n" + "".join(
    f"{i},a {mood} film and scene {i},{mood}\n" for i in range(60) for mood in ("good", "bad")
)
STATE = """() => {
    const all = (query, read) => [...document.querySelectorAll(query)].map(read);
    const main = document.querySelector('[data-testid="stMain"]');
    const lines = element => element ? element.innerText.split(/\\n+/).map(e => e.trim()).filter(e => e) : [];
    const uploader = lines(document.querySelector('[data-testid="stFileUploader"]'));
    return {
        sliders: all('[data-testid="stMain"] input[type=range]', e => e.getAttribute('aria-label') + '=' + e.value),
        pressed: all('[aria-pressed=true], [aria-checked=true], input:checked', e => e.innerText || e.ariaLabel),
        tabs: all('[role=tab][aria-selected=true]', e => e.innerText),
        open: all('details[open] > summary', e => e.innerText),
        // how long something takes is judged by the newest run, whoever made it
        text: lines(main).filter(e => !uploader.includes(e)).map(e => e.replace(/about [\\d.]+ \\w+/, 'about')),
    }
}"""


@dataclass(frozen=True)
class Visit:
    """A page with what its address asks for, and controls to move there: key → the name of a choice, or RIGHT."""

    page: str
    query: str = ""
    moves: Mapping[str, str] = field(default_factory=dict)
    is_guessed: bool = False


VISITS = (
    Visit("compare", "cmp_run=compare-ten-families", {"cmp_len": "512", "cmp_relative": ""}),
    Visit("finetune", "ft_run=finetune-movies&ft_learned=true", {"ft_epochs": RIGHT, "ft_texts": "500"}),
    Visit("distill", "d_run=distill-few-labels&d_learned=true", {"d_tau": RIGHT, "d_curve": "Agreement"}),
    Visit("students", "ts_run=ten-students", {"ts_labels": RIGHT, "ts_arm": "Labels alone"}),
    Visit("take-apart", "ta_run=distill-ablation", {"ta_tau": RIGHT, "ta_ingredients": "Hidden states"}),
    Visit("transfer", "tl_curves_run=transfer-curves", {"tl_epochs": RIGHT, "tl_texts": "500"}, is_guessed=True),
    Visit(
        "transfer",
        "tl_tab=Unfreezing&tl_unfreeze_run=transfer-unfreeze",
        {"tl_seeds": RIGHT, "tl_depths": "LoRA"},
        is_guessed=True,
    ),
    Visit(
        "transfer", "tl_tab=Domains&tl_domains_run=transfer-domains", {"tl_epochs": RIGHT, "tl_domain_arms": "Frozen"}
    ),
    Visit("transfer", "tl_tab=What moved", is_guessed=True),
    Visit("transfer", "tl_tab=Own data"),
    Visit("pretrain", "pt_run=pretrain-gpt", {"pt_tokens": RIGHT, "pt_lesson": "From MiniLM"}),
    Visit("soft-labels", "", {"sl_tau": RIGHT, "sl_texts": "Undecided"}),
    Visit("runs", "r_run=finetune-movies&r_tabs=Machine", {"r_kind": "Distill"}),
    Visit("objectives", "obj_draw=7", {"obj_show": "BERT"}),
    Visit("model-zoo", "", {"zoo_family": "XLNet"}),
)
NAMES = [f"{visit.page}?{visit.query}" for visit in VISITS]


@dataclass
class House:
    """A server that can be started anew, the line to it, and a tab for each visit with what stood there last."""

    line: Line
    server: ExitStack
    runs: Path
    tabs: list[Page]
    before: list[dict[str, list[str]]] = field(default_factory=list)

    def start(self) -> None:
        more = {"STREAMLIT_SERVER_DISCONNECTED_SESSION_TTL": str(KEPT_S)}
        self.server.enter_context(serving(self.runs, self.line.to, **more))

    def look(self) -> None:
        self.before = [state(tab) for tab in self.tabs]


@pytest.fixture(scope="module")
def house(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    runs = tmp_path_factory.mktemp("hiccups") / "runs"
    line = Line(free_port(), free_port())
    with ExitStack() as server:
        context = browser.new_context(viewport={"width": 1280, "height": 800})
        context.set_default_timeout(1000 * DEADLINE_S)
        found = House(line, server, runs, [context.new_page() for _ in VISITS])
        found.start()
        line.mend()
        for tab, visit in zip(found.tabs, VISITS, strict=True):
            tab.goto(f"http://127.0.0.1:{line.port}/{visit.page}?{visit.query}")
        for tab, visit in zip(found.tabs, VISITS, strict=True):
            prepare(tab, visit)
        yield found
        context.close()
        line.cut()


def prepare(tab: Page, visit: Visit) -> None:
    settle(tab)
    for key, choice in visit.moves.items():
        move(tab, key, choice)
    if visit.is_guessed:
        tab.locator('[class*="st-key-tl_guess"] input').first.press("ArrowRight")
        settle(tab)
        tab.get_by_role("button", name="Show the result").click()
        expect(tab.get_by_text("Your guess (○)")).to_be_visible()
    if visit.query.endswith("Own data"):
        tab.locator("input[type=file]").set_input_files(
            {"name": "films.csv", "mimeType": "text/csv", "buffer": CSV.encode()}
        )
        expect(tab.get_by_text("Labels in", exact=True)).to_be_visible()
    settle(tab)


def move(tab: Page, key: str, choice: str) -> None:
    """One step up, a press on the choice of that name, or a flick of a switch; the page has answered then."""
    address = tab.url
    control = tab.locator(f".st-key-{key}")
    if choice == RIGHT:
        control.locator("input[type=range]").first.press("ArrowRight")
    elif choice:
        control.get_by_text(choice, exact=choice != "Agreement").click()
    else:
        control.locator("label").first.click()
    tab.wait_for_function("before => location.href !== before", arg=address)
    settle(tab)


def settle(tab: Page) -> None:
    """Wait until the page is connected, and the server has drawn all of it."""
    expect(tab.get_by_test_id("stConnectionStatus")).to_have_count(0)
    expect(tab.locator("h1, h2, h3").first).to_be_visible()
    tab.mouse.move(0, 0)  # what lies below the pointer looks different
    deadline, before = time.monotonic() + DEADLINE_S, {}
    while tab.get_by_test_id("stStatusWidget").count() or state(tab) != before:
        assert time.monotonic() < deadline, f"{tab.url} is never at rest"
        before = state(tab)
        tab.wait_for_timeout(150)


def state(tab: Page) -> dict[str, list[str]]:
    found: dict[str, list[str]] = tab.evaluate(STATE)
    address = urlsplit(tab.url)
    return {"address": sorted([address.path, *address.query.split("&")]), **found}


def short(house: House) -> None:
    """The connection is away for seconds; the page stays in sight, and one line tells."""
    house.line.cut()
    start = time.monotonic()
    for tab in house.tabs[:2]:
        expect(tab.locator(AWAY)).to_be_visible()
        assert "reconnects by itself" in tab.locator(AWAY).inner_text()
    expect(house.tabs[0].locator(DIALOG)).to_be_hidden()
    house.tabs[0].wait_for_timeout(max(0.0, SHORT_S - (time.monotonic() - start)) * 1000)
    house.line.mend()


def long(house: House) -> None:
    """The server has given the sessions up; a training went on, and is done."""
    own = house.tabs[0].context.new_page()
    own.goto(f"http://127.0.0.1:{house.line.port}/compare?{SMALL}")
    own.get_by_role("button", name="Measure here").click()
    stop = own.get_by_role("button", name="Stop")
    expect(stop).to_be_visible()
    house.line.cut()
    start = time.monotonic()
    (run,) = RunStore(house.runs).list()
    while run.state().state != "done" or time.monotonic() - start < LONG_S:
        assert time.monotonic() - start < 2 * DEADLINE_S, run.state()
        own.wait_for_timeout(200)
    expect(own.locator(DIALOG)).to_be_hidden()
    expect(stop).to_be_visible()  # what stood there last
    house.line.mend()
    expect(stop).to_have_count(0)
    for row in ("DistilBERT", "ALBERT"):
        expect(own.locator(".js-plotly-plot").get_by_text(row, exact=True).first).to_be_visible()
    own.close()


def restart(house: House) -> None:
    """The page server ends, and another one begins."""
    house.server.close()
    expect(house.tabs[0].locator(AWAY)).to_be_visible()
    house.start()


@pytest.fixture(scope="module", params=[short, long, restart], ids=["seconds", "minutes", "restart"])
def back(house: House, request: pytest.FixtureRequest) -> House:
    """The tabs after they came back."""
    house.look()
    request.param(house)
    return house


@pytest.mark.parametrize("place", range(len(VISITS)), ids=NAMES)
def test_the_visitor_comes_back_to_the_same(back: House, place: int) -> None:
    tab = back.tabs[place]
    is_same(tab, back.before[place])
    expect(tab.locator(DIALOG)).to_have_count(0)
    expect(tab.locator(AWAY)).to_be_hidden()
    assert tab.get_by_test_id("stException").count() == 0


def test_a_reload_brings_all_of_it_back_as_well(house: House) -> None:
    """Nothing is kept by the tab alone: the address is enough."""
    house.look()
    for tab, before in zip(house.tabs, house.before, strict=True):
        tab.reload()
        is_same(tab, before)


def is_same(tab: Page, before: dict[str, list[str]]) -> None:
    """The tab shows what it showed before, within a deadline."""
    deadline = time.monotonic() + DEADLINE_S
    settle(tab)
    while state(tab) != before and time.monotonic() < deadline:
        tab.wait_for_timeout(100)
    now = state(tab)
    lost = {name: [one for one in before[name] if one not in now[name]] for name in before}
    new = {name: [one for one in now[name] if one not in before[name]] for name in before}
    assert now == before, f"lost {lost}, new {new}"
