"""axe on every page in each of its states: one brand by day on a desk, the other by night on a phone."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, Route

from portal.theming.themes import ThemeSet, load_themes
from portal.web.headers import SecurityHeaders
from portal.web.rendering import Renderer
from portal.web.static_files import StaticFiles, build_static_files
from tests.support.accessibility import check_accessibility
from tests.support.example_pages import STATIC, example_shell, examples, render_example

ORIGIN = "http://127.0.0.1:9"
EXAMPLES = list(examples())


@pytest.fixture(scope="module")
def themes() -> ThemeSet:
    return load_themes()


@pytest.fixture(scope="module")
def renderer(themes: ThemeSet) -> Renderer:
    return Renderer(themes)


@pytest.fixture(scope="module")
def static_files(themes: ThemeSet) -> StaticFiles:
    return build_static_files(themes)


@pytest.fixture(scope="module")
def desk(browser: Browser, static_files: StaticFiles) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1280, "height": 900}, color_scheme="light")
    yield _serving(context.new_page(), static_files)
    context.close()


@pytest.fixture(scope="module")
def phone(browser: Browser, static_files: StaticFiles) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 360, "height": 800}, color_scheme="dark")
    yield _serving(context.new_page(), static_files)
    context.close()


@pytest.mark.parametrize("example", EXAMPLES, ids=[example.name for example in EXAMPLES])
def test_page_is_accessible_by_day_and_by_night(desk: Page, phone: Page, renderer: Renderer, themes: ThemeSet, example):
    for tab, theme, locale in ((desk, "acme", "en"), (phone, "savane", "fr")):
        shell = example_shell(themes, theme=theme, locale=locale, current=example.current)
        html = render_example(renderer, example, shell)

        _show(tab, html)

        check_accessibility(tab)


def _serving(page: Page, static_files: StaticFiles) -> Page:
    """Answer for the static files, from memory: no server is needed to look at a page. What else it asks for is no content."""
    page.route("**/*", lambda route: route.fulfill(status=204))
    page.route(f"{ORIGIN}{STATIC}/**", partial(_answer_static, static_files))
    return page


def _answer_static(static_files: StaticFiles, route: Route) -> None:
    file = static_files.files.get(urlsplit(route.request.url).path.removeprefix(f"{STATIC}/"))
    if file is None:
        route.fulfill(status=404)
    else:
        route.fulfill(body=file.body, content_type=file.content_type)


def _show(page: Page, html: str) -> None:
    policy = dict(SecurityHeaders(is_https=False, is_demo=False).of_kind())["Content-Security-Policy"]
    address = f"{ORIGIN}/page"
    page.unroute(address)
    page.route(
        address,
        lambda route: route.fulfill(
            body=html, content_type="text/html; charset=utf-8", headers={"Content-Security-Policy": policy}
        ),
    )
    page.goto(address)
