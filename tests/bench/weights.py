"""What a page weighs: its bytes, what a first visit fetches beside it, and the statements that its view sends."""

from __future__ import annotations

import gzip
import re
from dataclasses import dataclass
from html.parser import HTMLParser
from urllib.parse import urljoin

from flask import Flask

from portal.database import Database
from tests.support.statements import counted_statements

_IMPORT = re.compile(r"""import\(?\s*[`"']([^`"']+)[`"']|from\s+["']([^"']+)["']""")


@dataclass(frozen=True, slots=True)
class Weight:
    """A page and all that a browser which knows nothing of us fetches with it, each file compressed on its own. Before the first paint are
    the page as it is sent and its stylesheets, all of which it names itself: two round trips."""

    page_bytes: int
    page_gzipped: int
    visit_gzipped: int
    visit_requests: int
    requests_before_paint: int
    bytes_before_paint: int
    statements: int


def weigh(app: Flask, database: Database, path: str, cookie: str) -> Weight:
    """Fetch a page and what it names, in this process. Statements are counted when caches are warm."""
    client = app.test_client(use_cookies=False)
    headers = {"Cookie": cookie} if cookie else {}

    def get(address: str) -> bytes:
        with client.get(address, headers=headers) as response:
            assert response.status_code == 200, f"{address} answers {response.status_code}"
            return response.get_data()

    page = get(path)
    with counted_statements(database) as sent:
        get(path)
    parts = _Parts()
    parts.feed(page.decode())
    files = {urljoin(path, address).partition("#")[0] for address in [*parts.before_paint, *parts.later]}
    scripts = [address for address in files if address.endswith(".js")]
    while scripts:
        script = scripts.pop()
        fresh = _modules(script, get(script).decode(), parts.behaviours) - files
        files |= fresh
        scripts += fresh
    weights = {address: len(gzip.compress(get(address), 9)) for address in files}
    small = len(gzip.compress(page, 6))
    return Weight(
        page_bytes=len(page), page_gzipped=small, visit_gzipped=small + sum(weights.values()), visit_requests=1 + len(files),
        requests_before_paint=1 + len(set(parts.before_paint)),
        bytes_before_paint=len(page) + sum(weights[urljoin(path, address)] for address in set(parts.before_paint)),
        statements=len(sent),
    )  # fmt: skip


class _Parts(HTMLParser):
    """What a page names: before its first paint (styles, scripts that block), and later (modules, images, symbols)."""

    def __init__(self) -> None:
        super().__init__()
        self.before_paint: list[str] = []
        self.later: list[str] = []
        self.behaviours: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.behaviours |= set(given.get("data-behaviour", "").split())
        if tag == "link" and "stylesheet" in given.get("rel", "").split():
            self.before_paint.append(given["href"])
        elif tag == "link" and {"icon", "modulepreload", "preload"} & set(given.get("rel", "").split()):
            self.later.append(given["href"])
        elif tag == "script" and "src" in given:
            waits = given.get("type") == "module" or "defer" in given or "async" in given
            (self.later if waits else self.before_paint).append(given["src"])
        elif tag in ("img", "source") and (address := given.get("src") or given.get("srcset")):
            self.later.append(address)
        elif tag == "use" and not given.get("href", "#").startswith("#"):
            self.later.append(given["href"])


def _modules(script: str, text: str, behaviours: set[str]) -> set[str]:
    """What a script imports: named modules, and of those named by a pattern the behaviours that the page asks for."""
    found = set()
    for dynamic, static in _IMPORT.findall(text):
        name = dynamic or static
        names = [re.sub(r"\$\{[^}]*\}", each, name) for each in behaviours] if "${" in name else [name]
        found |= {urljoin(script, each) for each in names}
    return found
