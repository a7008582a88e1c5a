"""A browser without a screen: opens pages of a running portal and of its gateway, and sends their forms as they stand."""

from __future__ import annotations

from dataclasses import dataclass
from html import unescape
from html.parser import HTMLParser
from urllib.parse import urljoin, urlsplit

import requests

ANSWER_SECONDS = 60


@dataclass(frozen=True)
class Form:
    """A form of a page: where it goes and what it sends, hidden fields and what is chosen beforehand included."""

    action: str
    fields: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Page:
    """An answer, with the forms in it. `leads_to` is the address of a redirect, absolute; "" of any other answer."""

    url: str
    status: int
    text: str
    leads_to: str

    def form(self, action: str) -> Form | None:
        """The form whose address ends like this, None where the page has none."""
        return next((form for form in self.forms() if urlsplit(form.action).path.endswith(action)), None)

    @property
    def title(self) -> str:
        """What the page says of itself in the browser's bar; "" of an answer that is no page."""
        return unescape(self.text.partition("<title>")[2].partition("</title>")[0]).strip()

    def forms(self) -> list[Form]:
        parser = _Forms()
        parser.feed(self.text)
        return [Form(urljoin(self.url, action), tuple(fields)) for action, fields in parser.found]


class Browser:
    """One customer's window. It tells no origin, so that a form passes by its token alone."""

    def __init__(self, cookie: tuple[str, str] | None = None) -> None:
        self._http = requests.Session()
        self._http.trust_env = False
        if cookie is not None:
            self._http.cookies.set(*cookie, domain="127.0.0.1")

    def __enter__(self) -> Browser:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def open(self, url: str) -> Page:
        """Raises requests.ConnectionError when the server dies on it."""
        return _page(self._http.get(url, allow_redirects=False, timeout=ANSWER_SECONDS))

    def send(self, form: Form, **chosen: str) -> Page:
        """Send a form with `chosen` in the place of what stands there. Raises requests.ConnectionError."""
        kept = [(name, value) for name, value in form.fields if name not in chosen]
        return _page(
            self._http.post(form.action, data=[*kept, *chosen.items()], allow_redirects=False, timeout=ANSWER_SECONDS)
        )


def _page(response: requests.Response) -> Page:
    target = response.headers.get("Location", "")
    return Page(response.url, response.status_code, response.text, urljoin(response.url, target) if target else "")


class _Forms(HTMLParser):
    """Collects forms with the fields that a browser would send without being touched: unticked boxes and buttons are left out."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, list[tuple[str, str]]]] = []
        self._is_inside = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.found.append((given.get("action", ""), []))
            self._is_inside = True
        elif tag == "input" and self._is_inside and given.get("name"):
            if given.get("type") in ("radio", "checkbox") and "checked" not in given:
                return
            self.found[-1][1].append((given["name"], given.get("value", "")))

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._is_inside = False
