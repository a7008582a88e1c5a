"""axe on every page in each of its states: one brand by day on a desk, the other by night on a phone.

Of states that differ in words alone one is looked at: axe does not read.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from functools import partial
from html.parser import HTMLParser
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, Route

from portal.theming.themes import ThemeSet, load_themes
from portal.web.headers import SecurityHeaders
from portal.web.rendering import Renderer
from portal.web.static_files import StaticFiles, build_static_files
from tests.support.accessibility import accessibility_faults
from tests.support.example_pages import STATIC, Example, example_shell, examples, render_example

ORIGIN = "http://127.0.0.1:9"
EXAMPLES: dict[str, list[Example]] = defaultdict(list)
for _example in examples():
    EXAMPLES[_example.template].append(_example)


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


@pytest.mark.parametrize("template", EXAMPLES)
@pytest.mark.parametrize(("tab", "theme", "locale"), [("desk", "acme", "en"), ("phone", "savane", "fr")])
def test_page_is_accessible_in_each_of_its_states(request, renderer, themes, tab, theme, locale, template):
    page = request.getfixturevalue(tab)

    faults, seen = [], set()
    for example in EXAMPLES[template]:
        html = render_example(
            renderer, example, example_shell(themes, theme=theme, locale=locale, current=example.current)
        )
        structure = _structure_of(html)
        if structure not in seen:
            seen.add(structure)
            _show(page, html)
            faults += [f"{example.name}: {fault}" for fault in accessibility_faults(page)]

    assert not faults, "\n".join(faults)


def test_states_are_alike_when_words_alone_differ(renderer, themes):
    named = {example.name: example for example in examples()}

    def structure(name: str) -> object:
        shell = example_shell(themes, theme="acme", locale="en", current=named[name].current)
        return _structure_of(render_example(renderer, named[name], shell))

    assert structure("payment-failed-timeout") == structure("payment-failed-wrong_pin")
    assert structure("code") != structure("code-wrong")
    assert structure("payment-canceled") != structure("payment-expired")


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


def _structure_of(html: str) -> tuple[object, ...]:
    parser = _Structure()
    parser.feed(html)
    return tuple(parser.parts)


class _Structure(HTMLParser):
    """Elements and attributes as they follow each other; of words, addresses and amounts only whether there are any."""

    WORDS = frozenset("action alt aria-label content datetime href placeholder src title value".split())

    def __init__(self) -> None:
        super().__init__()
        self.parts: list[object] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.parts.append((tag, *((name, bool(value) if name in self.WORDS else value) for name, value in attrs)))

    def handle_endtag(self, tag: str) -> None:
        self.parts.append(tag)

    def handle_data(self, data: str) -> None:
        if data.strip():
            self.parts.append("words")
