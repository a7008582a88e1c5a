"""axe on every page in each of its states, one brand by day on a desk, the other by night on a phone; targets and focus rings on a phone.

Of states that differ in words alone one is looked at: axe does not read. `make test` looks at every page in one of the two by
turns, and of its states at those that together have every element in every place; `make verify` at all in both.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from html.parser import HTMLParser
from threading import Thread
from typing import Any

import pytest
from flask import Flask
from playwright.sync_api import Browser, Page
from werkzeug.serving import WSGIRequestHandler, make_server

from portal.examples import STATIC, Example, example_shell, examples, render_example
from portal.web.headers import SecurityHeaders
from portal.web.static_files import StaticFiles
from tests.support.accessibility import Part, accessibility_faults, bring_axe, parts_of
from tests.support.bundled import bundled_static_files
from tests.support.operable import operating_faults
from tests.support.tiers import tier

PHONE_WIDTH = 375
EXAMPLES: dict[str, list[Example]] = defaultdict(list)
for _example in examples():
    EXAMPLES[_example.template].append(_example)


DAY, NIGHT = ("desk", "acme", "en"), ("phone", "savane", "fr")
LOOKS = [
    (template, *look)
    for place, template in enumerate(EXAMPLES)
    for look in tier((DAY, NIGHT)[place % 2 : place % 2 + 1], (DAY, NIGHT))
]


class Site:
    """One page and the static files on a server of this process. A browser whose requests are answered by a test keeps no file, and
    reads each of them anew for every page: a sixth of the processor's time, measured."""

    def __init__(self, static_files: StaticFiles) -> None:
        self.html = self.address = ""
        self.app = Flask(__name__, static_folder=None)
        self.app.add_url_rule("/page", "page", self._answer)
        self.app.add_url_rule(f"{STATIC}/<path:name>", "static_file", static_files.respond)
        # Whatever else a page asks for, or sends, leads nowhere.
        self.app.register_error_handler(404, lambda _: ("", 204))
        self.app.register_error_handler(405, lambda _: ("", 204))

    def _answer(self) -> tuple[str, dict[str, str]]:
        return self.html, dict(SecurityHeaders(is_https=False, is_demo=False).for_page())


class _Quiet(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_request(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    site = Site(bundled_static_files())
    server = make_server("127.0.0.1", 0, site.app, threaded=True, request_handler=_Quiet)
    site.address = f"http://127.0.0.1:{server.server_port}/page"
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield site
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="module")
def desk(browser: Browser) -> Iterator[Page]:
    with tab_of(browser, viewport={"width": 1280, "height": 900}, color_scheme="light") as page:
        yield page


@pytest.fixture(scope="module")
def phone(browser: Browser) -> Iterator[Page]:
    with tab_of(browser, viewport={"width": 360, "height": 800}, color_scheme="dark") as page:
        yield page


@contextmanager
def tab_of(browser: Browser, **options: Any) -> Iterator[Page]:
    """A page of a browser of these options, with axe at hand."""
    context = browser.new_context(**options)
    page = context.new_page()
    bring_axe(page)
    yield page
    context.close()


@pytest.mark.parametrize(("template", "tab", "theme", "locale"), LOOKS)
def test_page_is_accessible_in_each_of_its_states(request, site, renderer, themes, template, tab, theme, locale):
    page = request.getfixturevalue(tab)

    states: dict[object, tuple[str, str]] = {}
    for example in EXAMPLES[template]:
        html = render_example(
            renderer, example, example_shell(themes, theme=theme, locale=locale, current=example.current)
        )
        states.setdefault(structure_of(html), (example.name, html))

    faults = []
    for name, html in tier(fewest_of(states.values()), list(states.values())):
        site.html = html
        page.goto(site.address)
        faults += [f"{name}: {fault}" for fault in accessibility_faults(page) + _faults_on_a_phone(page)]

    assert not faults, "\n".join(faults)


def _faults_on_a_phone(page: Page) -> list[str]:
    size = page.viewport_size
    assert size is not None
    page.set_viewport_size({"width": PHONE_WIDTH, "height": size["height"]})
    faults = operating_faults(page)
    page.set_viewport_size(size)
    return faults


def test_a_small_target_and_a_second_ring_are_found(page):
    page.set_content(
        "<style>p:focus-within { outline: 3px solid } button { min-width: 44px; min-height: 44px }</style>"
        '<p>Read the <a href="/terms">terms</a> first.</p><main><a href="/small">small</a><button>large</button>'
        "<p><button>twice</button></p></main>"
    )

    faults = operating_faults(page)

    assert [fault.split('"')[1] for fault in faults] == ["small", "terms", "twice"]


def test_fewest_states_have_every_part_of_all():
    pages = {
        "links": "<main><h1>A</h1><a href=/1>B</a></main>", "all": "<main><h1>C</h1><a href=/2>D</a><p class=note>E</main>",
        "no heading": "<main><h2>A</h2></main>", "nameless": "<main><h1>A</h1><a href=/1></a><p class=note></main>",
        "elsewhere": "<nav><a href=/1>B</a></nav>", "other words": "<main><h1>F</h1><a href=/3>G</a></main>",
    }  # fmt: skip

    chosen = [name for name, _ in fewest_of(list(pages.items()))]

    assert set(chosen) == {"all", "no heading", "elsewhere"}
    assert set().union(*(parts_of(pages[name]) for name in chosen)) == set().union(*map(parts_of, pages.values()))


def test_states_are_alike_when_words_alone_differ(renderer, themes):
    named = {example.name: example for example in examples()}

    def structure(name: str) -> object:
        shell = example_shell(themes, theme="acme", locale="en", current=named[name].current)
        return structure_of(render_example(renderer, named[name], shell))

    assert structure("payment-failed-timeout") == structure("payment-failed-wrong_pin")
    assert structure("code") != structure("code-wrong")
    assert structure("payment-canceled") != structure("payment-expired")


def fewest_of(states: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Some of the states (a name and its HTML), which together have every part that one of them has: those with most first."""
    left = {name: (parts_of(html), html) for name, html in states}
    chosen, seen = [], set[Part]()
    while any(parts - seen for parts, _ in left.values()):
        name = max(left, key=lambda each: len(left[each][0] - seen))
        parts, html = left.pop(name)
        seen |= parts
        chosen.append((name, html))
    return chosen


def structure_of(html: str) -> tuple[object, ...]:
    """Return what of a page matters to what does not read: its elements and attributes, without words, addresses and amounts."""
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
