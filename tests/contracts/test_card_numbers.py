"""No address takes a card number: read from the route map, so that a new one is held to it without a line here."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient

from portal.database import Database
from portal.examples import Example, example_shell, examples, render_example
from portal.json_logs import JsonLines
from portal.migrations import all_tables
from portal.rendering.renderer import Renderer
from portal.services import Services
from portal.web.policies import Policy
from portal.web.runtime import EXTENSION, PAGES, Runtime
from tests.contracts.test_routes import ids_of, path_of, rules
from tests.support.accounts import Account, make_account
from tests.support.page_checks import parse
from tests.support.page_client import SAME_ORIGIN, PageClient

CARD = "4000000000009995"
WRITTEN = (
    CARD,
    "4000 0000 0000 9995",
    "4000-0000-0000-9995",
    "4000\u00a00000\u00a00000\u00a09995",
    "４０００００００００００９９９５",
)
FIELDS = (
    "nickname",
    "email",
    "code",
    "next",
    "payment_method",
    "invoice",
    "version",
    "move_to",
    "replaces",
    "q",
    "anything",
)


@pytest.fixture
def account(services: Services) -> Account:
    return make_account(services)


@pytest.fixture
def visitor(app: Flask, account: Account) -> FlaskClient:
    return account.sign_in(app).client


def takers(app: Flask, method: str) -> Iterator[str]:
    """The addresses that take `method`, with ids of the customer's own, but for those of signed events."""
    runtime: Runtime = app.extensions[EXTENSION]
    yield from (
        rule.endpoint
        for rule in rules(app)
        if method in (rule.methods or ()) and runtime.policies[rule.endpoint] is not Policy.GATEWAY_SIGNED
    )


def stored(database: Database) -> str:
    """Everything that is in the database, as one text."""
    with database.read() as reader:
        return "\n".join(
            repr(row) for table in all_tables().sorted_tables for row in reader.execute(sa.select(table)).all()
        )


def test_no_form_takes_a_card_number_in_any_field(
    app: Flask, account: Account, visitor: FlaskClient, database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    own, by_endpoint = ids_of(account), {rule.endpoint: rule for rule in rules(app)}
    caplog.set_level(logging.DEBUG, logger="portal")
    tried = 0

    for endpoint in takers(app, "POST"):
        path = path_of(by_endpoint[endpoint], **own)
        for field in FIELDS:
            text = WRITTEN[tried % len(WRITTEN)]
            for data in ({field: f"it is {text}"}, {f"{field} {text}": "x"}):
                answer = visitor.post(path, data=data, headers=SAME_ORIGIN)
                assert answer.status_code == 422, (path, field, text)
                assert CARD not in answer.text
                tried += 1
        answer = visitor.post(path, json={"a": [{"b": CARD}]}, headers=SAME_ORIGIN)
        assert answer.status_code in (415, 422), path  # A page takes no JSON.

    assert tried > 100
    assert CARD not in stored(database).replace(" ", "").replace("-", "")
    assert CARD not in logged(caplog)


def test_no_address_takes_a_card_number_in_its_query(
    app: Flask, account: Account, visitor: FlaskClient, caplog: pytest.LogCaptureFixture
) -> None:
    """A page leads to its address without it, which takes it out of the browser's bar; all else refuses it."""
    own, by_endpoint = ids_of(account), {rule.endpoint: rule for rule in rules(app)}
    pages = 0

    for endpoint in takers(app, "GET"):
        path = path_of(by_endpoint[endpoint], **own)
        is_page = endpoint.startswith(f"{PAGES}.")
        for query in ({"q": WRITTEN[1]}, {WRITTEN[0]: ""}):
            answer = visitor.get(path, query_string=query)
            assert (answer.status_code, CARD in answer.text) == (303 if is_page else 422, False), path
            assert WRITTEN[1] not in answer.text
            if is_page:
                assert answer.headers["Location"] == f"{path}?card_number=removed"
                pages += 1

    assert pages > 20
    assert CARD not in logged(caplog)


def test_query_with_a_card_number_that_posts_is_refused(app: Flask, visitor: FlaskClient) -> None:
    answer = visitor.post(f"/acme/checkout?q={CARD}", headers=SAME_ORIGIN)

    assert (answer.status_code, CARD in answer.text) == (422, False)


def test_card_number_in_an_address_is_an_address_that_is_not_there(
    app: Flask, account: Account, visitor: FlaskClient, database: Database
) -> None:
    for path in (f"/acme/payments/{CARD}", f"/acme/payment-methods/{CARD}/removal", f"/{CARD}", f"/acme/x/{CARD}"):
        for client in (visitor, app.test_client()):
            answer = client.get(path)
            assert (answer.status_code, CARD in answer.text) == (404, False), path

    assert CARD not in stored(database)


def test_card_number_in_a_field_that_no_form_has_is_reported_with_a_link_back(app: Flask, account: Account) -> None:
    pages, method = account.sign_in(app), account.method(nickname="Studio card")
    here = f"/acme/payment-methods/{method}"

    answer = pages.post(here, {"anything": WRITTEN[1]}, status=422, referer=f"http://localhost{here}")

    assert "That looks like a card number" in answer.text
    assert f'href="{here}"' in answer.text
    assert "Studio card" in pages.get(here).texts("h2")


def test_phone_numbers_and_ids_are_taken(app: Flask, account: Account) -> None:
    pages: PageClient = account.sign_in(app)

    pages.get("/acme/payments?q=%2B49+1512+3456787")
    pages.get(f"/acme/checkout?invoice={account.invoice()}")


@pytest.mark.parametrize("example", list(examples()), ids=lambda example: example.name)
def test_no_page_of_ours_has_a_field_for_a_card(renderer: Renderer, example: Example) -> None:
    shell = example_shell(renderer.themes, theme="acme", locale="en", current=example.current)

    page = parse(render_example(renderer, example, shell))

    fields = [f"{field.get('name')} {field.get('autocomplete')}" for field in page.iter() if field.get("name")]
    assert [words for words in fields if re.search(r"cc-|card.?n|cvc|cvv|security.?code", words, re.IGNORECASE)] == []


def logged(caplog: pytest.LogCaptureFixture) -> str:
    lines = [JsonLines().format(record) for record in caplog.records]
    assert all(json.loads(line) for line in lines)
    return "\n".join(lines).replace(" ", "")
