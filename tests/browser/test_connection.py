"""A page whose WebSocket is blocked says so, and one that is served says nothing."""

from __future__ import annotations

import pytest
from conftest import Server
from playwright.sync_api import Page, expect

from pages.parts.shared.connection import WAIT_S

pytestmark = pytest.mark.browser
NOTE = "#no-connection"


def test_a_blocked_connection_is_explained(page: Page, server: Server) -> None:
    page.add_init_script("window.WebSocket = class { constructor() { this.readyState = 0 } close() {} send() {} }")
    page.goto(server.url)
    expect(page.locator(NOTE)).to_be_hidden()
    expect(page.locator(NOTE)).to_be_visible(timeout=1000 * (WAIT_S + 60))
    expect(page.locator(NOTE)).to_contain_text("blocks WebSockets")


def test_a_page_that_comes_says_nothing(page: Page, server: Server) -> None:
    page.goto(server.url)
    expect(page.get_by_role("heading", name="Distill Lab", exact=True)).to_be_visible()
    expect(page.locator(NOTE)).to_have_css("display", "none")  # so its clock does not run either
