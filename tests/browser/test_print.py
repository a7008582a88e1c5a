"""Pages on paper: what they say, black on white, without what only a screen can do."""

from __future__ import annotations

from playwright.sync_api import Page

from tests.support.shown_pages import ShownPages


def test_page_on_paper_has_its_content_alone(page: Page) -> None:
    shown = ShownPages(page)
    page.emulate_media(color_scheme="dark")
    shown.open("payments")
    row = page.get_by_role("table").get_by_role("link").first

    assert page.get_by_role("navigation", name="Your account").is_visible()
    page.emulate_media(media="print")

    assert row.is_visible()
    for gone in (
        page.get_by_role("navigation", name="Your account"),
        page.get_by_role("search"),
        page.locator("footer"),
    ):
        assert not gone.first.is_visible()
    ground, text = page.evaluate(
        "[getComputedStyle(document.documentElement).backgroundColor, getComputedStyle(document.querySelector('h1')).color]"
    )
    assert ground in ("rgb(255, 255, 255)", "rgba(0, 0, 0, 0)", "oklch(1 0 0)"), ground
    assert text != ground
