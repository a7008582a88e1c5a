"""A card number pasted into a field is said at that field, on the form's own page, which keeps all else that was typed. The forms are
found by following the links from every route, so that a new page is held to it without a line here."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import parse_qsl, urljoin, urlsplit
from xml.etree.ElementTree import Element

import pytest
from flask import Flask

from portal.merchants.rules.payment_options import AmountLimits, PaymentOptions
from portal.services import Services
from tests.contracts.test_card_numbers import CARD, WRITTEN, logged, stored
from tests.contracts.test_routes import ids_of, path_of, rules
from tests.support.accounts import Account, make_account
from tests.support.actors import OPERATOR
from tests.support.merchant_settings import set_payment_options
from tests.support.page_checks import parse, tag_of, text_of
from tests.support.page_client import Form, Page, PageClient

WORDS = "looks like a card number"
FIELDS = {"email", "code", "nickname", "amount", "first_amount", "phone"}
"""Fields that are known to be found: the search is not empty."""
TYPES = ("", "text", "email", "tel", "search", "url", "number", "password")
USUAL = {"email": "ada@shop.example", "tel": "+237677000012"}
ID = re.compile(r"\b[a-z]+_[0-9A-Za-z]{22}\b")


@pytest.fixture
def account(services: Services) -> Account:
    """A customer whose pages have each field that there is: any amount, two payments, a telephone, credit to add."""
    account = make_account(services, email="ada@shop.example")
    limits = AmountLimits(1000, 50_000)  # Of francs, for which there are telephones.
    options = PaymentOptions("editable", allow_split=True, top_ups={"XAF": limits}, amounts={"XAF": limits})
    with account.database.unit_of_work() as session:
        set_payment_options(session, account.scope.merchant_id, options, actor=OPERATOR, at=account.now)
    account.method(nickname="Studio card", is_default=True)
    account.invoice(9000, currency="XAF", due_in_days=-3)
    account.invoice(5000, currency="XAF")
    return account


@dataclass(frozen=True)
class Field:
    """A text field of a form, on the page at `path`."""

    path: str
    action: str
    name: str
    headline: str


def test_pasted_card_number_is_said_at_its_field_and_the_rest_is_kept(
    app: Flask, account: Account, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, logger="portal")
    stranger = PageClient(app.test_client())
    stranger.post("/acme/sign-in", {"email": "ada@shop.example"})  # So that there is a form for its code.
    tried: set[str] = set()

    for pages in (stranger, account.sign_in(app)):
        found = list(_fields(pages, app, account))
        before = stored(account.database)
        for place, field in enumerate(found):
            _paste(pages, field, WRITTEN[place % len(WRITTEN)])
            tried.add(field.name)
        assert stored(account.database) == before

    assert tried >= FIELDS
    assert CARD not in logged(caplog)


def test_two_pasted_card_numbers_are_said_at_both_fields(app: Flask, account: Account) -> None:
    pages = account.sign_in(app)
    form = pages.get("/acme/checkout").form(action="/checkout")

    answer = pages.post(form.action, {**form.fields, "amount": CARD, "phone": CARD}, status=422)

    assert Page(form.action, answer).text.count(WORDS) == 2
    assert CARD not in answer.text


REMOVED = "It was taken out of the page’s address, and is kept nowhere."


@pytest.mark.parametrize("card", WRITTEN)
def test_card_number_that_is_searched_for_leaves_the_address_and_the_page_says_so(
    app: Flask, account: Account, card: str
) -> None:
    pages = account.sign_in(app)
    typed = {"status": "complete", "q": f"it is {card}", "currency": "USD"}

    answer = pages.client.get("/acme/payments", query_string=typed)
    page = pages.get(answer.headers["Location"])

    assert answer.headers["Location"] == "/acme/payments?status=complete&currency=USD&card_number=removed"
    assert page.headline == "Payments" and REMOVED in page.text
    assert card not in page.html and CARD not in page.html
    assert REMOVED not in pages.get("/acme/payments?status=complete").text


def test_every_form_that_asks_by_its_address_leaves_a_card_number_out(app: Flask, account: Account) -> None:
    stranger = PageClient(app.test_client())

    for pages in (stranger, account.sign_in(app)):
        for field in _fields(pages, app, account, method="GET"):
            answer = pages.client.get(field.action, query_string={field.name: CARD})
            page = pages.follow(answer.headers["Location"])
            assert REMOVED in page.text and CARD not in page.html, field
    assert REMOVED in stranger.follow(f"/acme/sign-in?next=/payments&q={CARD}").text
    assert CARD not in stranger.follow(f"/acme/payments?q={CARD}").path


def _paste(pages: PageClient, field: Field, card: str) -> None:
    page = pages.get(field.path)
    typed = {**_filled(_form_with(page, field)), field.name: [f"it is {card}"]}

    # Status, headers and the page itself are checked on the way.
    refused = Page(field.path, pages.post(field.action, typed, status=422, referer=f"http://localhost{field.path}"))

    assert refused.headline == field.headline, field
    assert ("Sign out" in refused.text) == ("Sign out" in page.text), field
    assert card not in refused.html and CARD not in refused.html, field
    form = _form_with(refused, field)
    (element,) = [each for each in form.element.iter() if each.get("name") == field.name]
    by_id = {each.get("id"): each for each in refused.root.iter()}
    said = [text_of(by_id[name]) for name in (element.get("aria-describedby") or "").split()]
    assert element.get("aria-invalid") == "true" and any(WORDS in words for words in said), (field, said)
    # A box that nothing was asked about may have gone; what was typed and chosen stands.
    kept = {name: sorted(values) for name, values in form.fields.items()}
    assert kept == {**{name: sorted(values) for name, values in typed.items()}, field.name: [""]}, field


def _fields(pages: PageClient, app: Flask, account: Account, *, method: str = "POST") -> Iterator[Field]:
    seen: set[tuple[str, str, str]] = set()
    for path, root in _pages(pages, app, account):
        headline = text_of(next(each for each in root.iter() if tag_of(each) == "h1"))
        for form in (Form(each, urljoin(path, each.get("action") or path), "") for each in root.iter("form")):
            for element in form.element.iter():
                kind = (ID.sub("*", form.action), element.get("name") or "", headline)
                if form.method == method and _is_typed(element) and kind not in seen:
                    seen.add(kind)
                    yield Field(path, form.action, kind[1], headline)


def _pages(pages: PageClient, app: Flask, account: Account) -> Iterator[tuple[str, Element]]:
    """Every page with forms that a route has or a link leads to, once for each kind of address."""
    own = ids_of(account)
    paths = [path_of(rule, **own) for rule in rules(app) if "GET" in (rule.methods or ())]
    seen: set[object] = set()
    while paths:
        path = paths.pop(0)
        parts = urlsplit(path)
        kind = (ID.sub("*", parts.path), tuple(sorted({name for name, _ in parse_qsl(parts.query)})))
        if kind in seen or parts.netloc or not parts.path.startswith("/acme") or "locale" in kind[1]:
            continue
        seen.add(kind)
        answer = pages.client.get(path, headers={"Sec-Fetch-Site": "same-origin"})
        if answer.status_code == 303:
            paths.append(urljoin(path, answer.headers["Location"]))
        if answer.status_code != 200 or answer.mimetype != "text/html":
            continue
        root = parse(answer.get_data(as_text=True))
        paths += [urljoin(path, link.get("href", "")).partition("#")[0] for link in root.iter("a") if link.get("href")]
        yield path, root


def _form_with(page: Page, field: Field) -> Form:
    (form,) = [
        form
        for form in (
            Form(each, urljoin(page.path, each.get("action") or page.path), "") for each in page.root.iter("form")
        )
        if form.action == field.action and field.name in form.names
    ]
    return form


def _filled(form: Form) -> dict[str, list[str]]:
    """The fields of a form in which everything is typed and chosen that may be, and nothing as it was proposed."""
    values = {name: list(given) for name, given in form.fields.items()}
    for element in form.element.iter():
        name, kind = element.get("name") or "", element.get("type", "")
        if _is_typed(element):
            values[name] = [USUAL.get(kind) or ("12.34" if element.get("inputmode") == "decimal" else "kept words")]
        elif kind == "radio":
            values[name] = [element.get("value", "")]  # The last one.
        elif kind == "checkbox":
            values[name] = [
                *(value for value in values.get(name, []) if value != element.get("value", "on")),
                element.get("value", "on"),
            ]
    return values


def _is_typed(element: Element) -> bool:
    return bool(element.get("name")) and (
        tag_of(element) == "textarea" or (tag_of(element) == "input" and element.get("type", "") in TYPES)
    )
