"""Who may show which page in a frame, for every route there is: the merchant's own list, or nobody (threats 46, 47, 49)."""

from __future__ import annotations

from itertools import product

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from portal.services import Services
from tests.contracts.test_routes import path_of, rules
from tests.support.accounts import Account, make_account
from tests.support.actors import OPERATOR
from tests.support.apps import served_app
from tests.support.merchant_settings import change_settings

LISTS = {"acme": ["https://shop.example", "https://*.acme.example:8443"], "savane": ["https://boutique.example"]}
NEVER = ("/sign-in/link", "/security", "/details/email", "/people", "/pay")
"""What stands in no frame, written a second time (contract, section 8)."""
DESTS = ("iframe", "document", None)


@pytest.fixture
def accounts(services: Services) -> dict[str, Account]:
    """A customer of each of two merchants, whose lists of origins have nothing in common."""
    found = {slug: make_account(services, slug) for slug in LISTS}
    for slug, account in found.items():
        allow(services, account, LISTS[slug])
    return found


def allow(services: Services, account: Account, origins: list[str]) -> None:
    services.database.run(
        lambda session: change_settings(
            session, account.scope.merchant_id, {"embed": {"origins": origins}}, actor=OPERATOR, at=services.clock.now()
        )
    )


def ancestors_of(answer: TestResponse) -> list[str]:
    (policy,) = answer.headers.getlist("Content-Security-Policy")
    (found,) = (part.split()[1:] for part in policy.split(";") if part.split()[0] == "frame-ancestors")
    is_refused = answer.headers.getlist("X-Frame-Options")
    assert is_refused == (["DENY"] if found == ["'none'"] else []), "the two headers contradict each other"
    return found


def send(client: FlaskClient, path: str, method: str, dest: str | None) -> TestResponse:
    said = {"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "navigate"}
    return client.open(path, method=method, headers=said | ({"Sec-Fetch-Dest": dest} if dest else {}))


def expected(slug: str, below: str, dest: str | None) -> list[str]:
    if any(below == each or below.startswith(f"{each}/") for each in NEVER):
        return ["'none'"]
    return LISTS[slug] if dest == "iframe" or (below == "/embed" and dest is None) else ["'none'"]


def test_every_route_carries_the_list_in_a_frame_alone_and_some_never(app: Flask, accounts: dict[str, Account]) -> None:
    """Every route of both merchants, signed in and not, by every method."""
    seen = set()

    for slug, account in accounts.items():
        clients = {"GET": account.sign_in(app).client, "POST": app.test_client(), "DELETE": app.test_client()}
        for rule, dest, (method, client) in product(rules(app), DESTS, clients.items()):
            if method == "DELETE" and dest != "iframe":
                continue  # What is wrong with an address is answered before any view is found.
            path = path_of(rule).replace("/acme", f"/{slug}", 1)
            answer = send(client, path, method, dest)
            wanted = expected(slug, path.removeprefix(f"/{slug}"), dest) if path.startswith(f"/{slug}") else ["'none'"]

            assert ancestors_of(answer) == wanted, (path, dest, method)
            seen.add(tuple(wanted))

    assert seen == {("'none'",), *(tuple(origins) for origins in LISTS.values())}


@pytest.mark.parametrize("dest", ["document", "empty", "script", "image", "embed", "object", "", "IFRAME"])
def test_nothing_but_a_frame_gets_the_list(app: Flask, accounts: dict[str, Account], dest: str) -> None:
    assert ancestors_of(app.test_client().get("/acme/sign-in", headers={"Sec-Fetch-Dest": dest})) == ["'none'"]


def test_what_is_no_page_of_a_merchant_is_framed_by_nobody(app: Flask, accounts: dict[str, Account]) -> None:
    for path in ("/", "/nobody/", "/nobody/embed", "/v1/docs", "/dashboard/", "/healthz", "/favicon.ico"):
        assert ancestors_of(send(app.test_client(), path, "GET", "iframe")) == ["'none'"], path


def test_merchant_without_origins_is_framed_by_nobody(services: Services, app: Flask) -> None:
    account = make_account(services)

    for path in ("/acme/", "/acme/sign-in", "/acme/invoices"):
        assert ancestors_of(send(account.sign_in(app).client, path, "GET", "iframe")) == ["'none'"]


def test_policy_goes_by_the_merchant_of_the_address_and_by_nothing_that_a_page_says(
    app: Flask, accounts: dict[str, Account]
) -> None:
    misleading = {
        "Sec-Fetch-Dest": "iframe", "Referer": "https://boutique.example/savane/", "Origin": "https://evil.example",
        "X-Forwarded-Prefix": "/savane",
    }  # fmt: skip

    answer = app.test_client().get("/acme/sign-in?merchant=savane&origin=https://evil.example", headers=misleading)

    assert ancestors_of(answer) == LISTS["acme"]


def test_the_list_of_one_merchant_is_never_answered_for_another(app: Flask, accounts: dict[str, Account]) -> None:
    client = app.test_client()

    for slug in ("acme", "savane", "acme", "savane", "savane", "acme"):
        assert ancestors_of(send(client, f"/{slug}/sign-in", "GET", "iframe")) == LISTS[slug]


def test_live_merchant_is_never_framed_by_this_machine(services: Services, app: Flask) -> None:
    """Not even where its settings say so, which those of a test merchant may."""
    account = make_account(services)
    allow(services, account, ["https://shop.example", "http://localhost:8000"])
    assert ancestors_of(send(app.test_client(), "/acme/sign-in", "GET", "iframe"))[1:] == ["http://localhost:8000"]
    account.database.run(lambda session: _make_live(session, account.scope.merchant_id))

    live = served_app(services)

    assert ancestors_of(send(live.test_client(), "/acme/sign-in", "GET", "iframe")) == ["https://shop.example"]


def _make_live(session: object, merchant_id: str) -> None:
    from portal.merchants.models import Merchant

    session.get_one(Merchant, merchant_id).mode = "live"  # type: ignore[attr-defined]
