"""A client for tests that checks each page it fetches (`page_checks`) and fills forms as a reader would."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from urllib.parse import urlencode, urljoin, urlsplit
from xml.etree.ElementTree import Element

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.support.page_checks import elements_of, header_faults, page_faults, parse, tag_of, text_of

SAME_ORIGIN = {"Sec-Fetch-Site": "same-origin"}
Fields = Mapping[str, str | list[str]]


@dataclass(frozen=True)
class Page:
    """A fetched page, with accessors for tests."""

    path: str
    response: TestResponse

    @cached_property
    def root(self) -> Element:
        return parse(self.html)

    @property
    def html(self) -> str:
        return self.response.get_data(as_text=True)

    @property
    def status(self) -> int:
        return self.response.status_code

    @property
    def headline(self) -> str:
        return text_of(self.all("h1")[0])

    @property
    def text(self) -> str:
        """The text of the page, with single spaces."""
        return text_of(self.all("body")[0])

    def all(self, tag: str) -> list[Element]:
        return elements_of(self.root, tag)

    def texts(self, tag: str) -> list[str]:
        return [text_of(element) for element in self.all(tag)]

    def link(self, text: str) -> str:
        """The path of the one link that says `text` (or whose label does)."""
        found = {
            link.get("href", "")
            for link in self.all("a")
            if text in (text_of(link), link.get("aria-label")) and link.get("href")
        }
        assert len(found) == 1, f"{len(found)} links {text!r} among {self.texts('a')}"
        return urljoin(self.path, found.pop())

    def way(self, button: str) -> str:
        """The path, with its query, to which the one button of a GET form leads that says `button`."""
        form = self.form(button)
        assert form.method == "GET"
        return f"{form.action}?{urlencode(form.fields, doseq=True)}".removesuffix("?")

    def buttons(self, action: str) -> list[tuple[str, dict[str, list[str]]]]:
        """The buttons of main whose forms go to an address that ends in `action`: what each says, and the fields that it sends."""
        forms = [form for form in self.all("main")[0].iter() if tag_of(form) == "form"]
        found = [Form(form, urljoin(self.path, form.get("action") or self.path), "") for form in forms]
        return [
            (text_of(button), form.fields)
            for form in found
            if urlsplit(form.action).path.endswith(action)
            for button in form.element.iter()
            if tag_of(button) == "button"
        ]

    def form(self, button: str = "", *, action: str = "") -> Form:
        """The form with a button that says `button`, or that goes to an address ending in `action`, or the only one of main."""
        within = self.root if button or action else self.all("main")[0]
        forms = [
            form
            for form in within.iter()
            if tag_of(form) == "form"
            and (not button or button in [text_of(each) for each in form.iter() if tag_of(each) == "button"])
            and (not action or urlsplit(form.get("action") or self.path).path.endswith(action))
        ]
        assert len(forms) == 1, f"{len(forms)} forms for {button or action or 'main'!r} on {self.path}"
        return Form(forms[0], urljoin(self.path, forms[0].get("action") or self.path), button)


@dataclass(frozen=True)
class Form:
    """A form of a page, with what a browser would send from it as it stands."""

    element: Element
    action: str
    button: str

    @property
    def method(self) -> str:
        return self.element.get("method", "get").upper()

    @property
    def names(self) -> list[str]:
        """The names of its fields, in order, hidden ones included."""
        return [field.get("name", "") for field in self.element.iter() if field.get("name")]

    @property
    def fields(self) -> dict[str, list[str]]:
        """Names and values as they stand, the pressed button's included."""
        values: dict[str, list[str]] = {}
        for field in self.element.iter():
            name, tag = field.get("name"), tag_of(field)
            if not name or field.get("disabled") is not None:
                continue
            for value in _values(field, tag, self.button):
                values.setdefault(name, []).append(value)
        return values


class PageClient:
    """Flask's test client as a reader's browser: same-origin, with cookies, every page checked."""

    def __init__(self, client: FlaskClient) -> None:
        self.client = client

    def get(self, path: str, *, status: int = 200, **options: object) -> Page:
        """Fetch a page; its status must be `status`, and every check must pass."""
        headers = {"Sec-Fetch-Site": "none", **_headers(options)}
        return self._page(path, self.client.get(path, headers=headers), status)

    def follow(self, path: str, *, most: int = 5) -> Page:
        """Fetch a page, through at most `most` redirects on this origin."""
        for _ in range(most):
            response = self.client.get(path, headers={"Sec-Fetch-Site": "none"})
            if response.status_code not in (301, 302, 303, 307, 308):
                return self._page(path, response, response.status_code)
            path = _local(path, response)
        raise AssertionError(f"more than {most} redirects, the last to {path}")

    def post(self, path: str, fields: Fields | None = None, *, status: int = 303, **options: object) -> TestResponse:
        """Send a form as this origin's page would. A page that comes back (422, 404 …) is checked too."""
        response = self.client.post(path, data=dict(fields or {}), headers={**SAME_ORIGIN, **_headers(options)})
        if response.mimetype == "text/html" and response.status_code not in (301, 302, 303, 307, 308):
            self._page(path, response, status)
        assert response.status_code == status, (
            f"POST {path}: {response.status}, not {status}\n{response.get_data(as_text=True)[:2000]}"
        )
        return response

    def submit(
        self, page: Page, button: str = "", *, status: int = 303, action: str = "", **fields: str | list[str]
    ) -> Page:
        """Fill `fields` into the page's form, press `button`, and follow to the resulting page."""
        form = page.form(button, action=action)
        unknown = fields.keys() - set(form.names)
        assert not unknown, f"the form of {page.path} has no {', '.join(sorted(unknown))}; it has {form.names}"
        if form.method == "GET":
            response = self.client.get(form.action, query_string={**form.fields, **fields}, headers=SAME_ORIGIN)
            return self._page(form.action, response, 200)
        response = self.post(form.action, {**form.fields, **fields}, status=status)
        if status != 303:
            return Page(form.action, response)
        return self.follow(_local(form.action, response))

    def _page(self, path: str, response: TestResponse, status: int) -> Page:
        assert response.status_code == status, (
            f"{path}: {response.status}, not {status}\n{response.get_data(as_text=True)[:2000]}"
        )
        page = Page(path, response)
        faults = [*page_faults(page.html), *header_faults(_joined(response), response.headers.getlist("Set-Cookie"))]
        assert not faults, f"{path}:\n  " + "\n  ".join(faults)
        return page


def _values(field: Element, tag: str, button: str) -> list[str]:
    kind = field.get("type", "")
    if tag == "textarea":
        return [field.text or ""]
    if tag == "select":
        options = [option for option in field.iter() if tag_of(option) == "option"]
        chosen = [option for option in options if option.get("selected") is not None] or options[:1]
        return [option.get("value", text_of(option)) for option in chosen]
    if tag == "button":
        return [field.get("value", "")] if button and text_of(field) == button else []
    if tag != "input" or kind in ("submit", "image", "reset", "button"):
        return []
    if kind in ("checkbox", "radio"):
        return [field.get("value", "on")] if field.get("checked") is not None else []
    return [field.get("value", "")]


def _headers(options: Mapping[str, object]) -> dict[str, str]:
    """`accept_language="fr"` is the header Accept-Language."""
    return {name.replace("_", "-").title(): str(value) for name, value in options.items()}


def _joined(response: TestResponse) -> dict[str, str]:
    """Return headers by name; the values of repeated ones are joined."""
    return {name: ", ".join(response.headers.getlist(name)) for name, _ in response.headers}


def _local(path: str, response: TestResponse) -> str:
    target = urljoin(path, response.headers["Location"])
    parts = urlsplit(target)
    assert not parts.netloc, f"{path} leads to another origin: {target}"
    return target
