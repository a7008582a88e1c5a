"""No input is an error of ours: requests made up at random from the routes, the forms' fields and broken encodings, with a new seed
each run. A route that is new is in it by itself; a failure prints the request, which can be sent again."""

from __future__ import annotations

import json
import os
import random
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.datastructures import Headers
from werkzeug.test import EnvironBuilder

from portal.services import Services
from portal.web.flood import build_flood_limit
from portal.web.runtime import EXTENSION, Runtime
from tests.contracts.test_routes import OTHERS, PREFIXES, rules
from tests.support.accounts import Account, make_account
from tests.support.page_checks import parse, tag_of
from tests.support.page_client import SAME_ORIGIN
from tests.support.tiers import tier

REQUESTS = tier(1_000, 50_000)
"""On each database."""
SEED = int(os.environ.get("FUZZ_SEED", random.SystemRandom().randrange(10**9)))
MOST = 999_999_999_999_999
BROKEN = (
    "", " ", "\0", "\x1b", "é", "\ud800", "\u202e", "\ufeff", "%", "%00", "%ff%fe", "%ED%A0%80", "'", '"', "<script>", "{{7*7}}", "../..",
    "-1", "0", "1e9", "NaN", "٣٤", "9" * 5000, "x" * 5000, "4242424242424242", "None", "[]", "{}", "\r\nX: y", "inv_", "http://[", "//", "=", "&", ";", "٪",
)  # fmt: skip
KINDS = (
    "application/x-www-form-urlencoded", "application/json", "multipart/form-data; boundary=b", "multipart/form-data", "text/plain",
    "application/json; charset=utf-7", "application/x-www-form-urlencoded; charset=latin-1", "", "é", "image/svg+xml",
)  # fmt: skip
METHODS = ("GET", "POST", "POST", "POST", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH", "BREW")
FIELDS = (
    "csrf_token",
    "locale",
    "next",
    "status",
    "after",
    "before",
    "q",
    "from",
    "to",
    "currency",
    "method",
    "version",
)


@pytest.fixture
def account(services: Services) -> Account:
    return make_account(services)


@pytest.fixture
def known(account: Account) -> dict[str, list[str]]:
    """Ids that exist, in many states, by the argument of a route that takes them."""
    invoices = [account.invoice(5000), account.invoice(MOST), account.invoice(MOST), account.invoice(due_in_days=-9)]
    return {
        "invoice_id": invoices,
        "payment_id": [account.payment(status) for status in ("complete", "failed", "pending", "requires_action")],
        "method_id": [account.method(), account.method(type="mobile_money", brand=None, last4=None)],
        "setup_id": [account.setup()],
        "session_id": [account.other_session()],
    }


def test_no_request_is_an_error_of_ours(
    app: Flask, services: Services, account: Account, known: dict[str, list[str]]
) -> None:
    runtime: Runtime = app.extensions[EXTENSION]
    runtime.flood = build_flood_limit(10**9)
    chance = random.Random(SEED)
    stranger, customer = app.test_client(), account.sign_in(app).client
    fields = _fields_of_forms(customer, known)
    faults: list[str] = []

    for number in range(REQUESTS):
        if number % 50 == 0:  # Somebody who has pressed "Sign out" is back in a while.
            customer = account.sign_in(app).client
        client = chance.choice([customer, customer, stranger])
        request = _request(chance, rules(app), fields, known)
        answer = _send(client, request)
        if answer >= 500:
            faults.append(f"FUZZ_SEED={SEED}, request {number}: {answer} for {request}"[:2000])

    assert not faults, "\n".join(faults)


def _fields_of_forms(client: FlaskClient, known: dict[str, list[str]]) -> list[str]:
    """The names of all fields of the pages' forms."""
    names = set(FIELDS)
    for path in (
        "/",
        "/invoices",
        "/payment-methods",
        f"/checkout?invoice={known['invoice_id'][0]}",
        f"/payment-methods/{known['method_id'][0]}",
    ):
        for element in parse(client.get(f"/acme{path}").get_data(as_text=True)).iter():
            if tag_of(element) in ("input", "select", "textarea", "button") and element.get("name"):
                names.add(element.get("name", ""))
    return sorted(names)


def _request(
    chance: random.Random, routes: Sequence[Any], fields: Sequence[str], known: dict[str, list[str]]
) -> dict[str, Any]:
    rule = chance.choice(routes)
    path = rule.rule
    for name in rule.arguments:
        path = path.replace(f"<path:{name}>", f"<{name}>").replace(f"<{name}>", _argument(chance, name, known))
    kind = chance.choice(KINDS[:2] * 3 + KINDS)
    query = _encoded(chance, _pairs(chance, fields, known)) if chance.random() < 0.4 else ""
    method = chance.choice([*METHODS, *(rule.methods or ())])
    return {
        "method": method,
        "path": path,
        "query": query,
        "kind": kind,
        "body": _body(chance, kind, fields, known),
        "headers": _headers(chance),
    }


def _argument(chance: random.Random, name: str, known: dict[str, list[str]]) -> str:
    if name in known and chance.random() < 0.7:
        return chance.choice(known[name])
    if name in PREFIXES and chance.random() < 0.5:
        return f"{PREFIXES[name]}_{'0' * 22}"
    if name in OTHERS and chance.random() < 0.9:
        return OTHERS[name]
    return quote(chance.choice(BROKEN)[:200], safe="", errors="replace") or "x"


def _pairs(chance: random.Random, fields: Sequence[str], known: dict[str, list[str]]) -> list[tuple[str, str]]:
    return [(chance.choice([*fields, *BROKEN]), _value(chance, known)) for _ in range(chance.randrange(12))]


def _value(chance: random.Random, known: dict[str, list[str]]) -> str:
    if chance.random() < 0.5:
        return chance.choice(chance.choice(list(known.values())))
    return chance.choice(BROKEN) * chance.choice((1, 1, 1, 20))


def _encoded(chance: random.Random, pairs: Sequence[tuple[str, str]]) -> str:
    text = "&".join(f"{quote(name, errors='replace')}={quote(value, errors='replace')}" for name, value in pairs)
    return (
        text.replace("%20", "+")
        if chance.random() < 0.8
        else text + chance.choice(["%", "%F", "&&&", "=%ff%fe", "%00"])
    )


def _body(chance: random.Random, kind: str, fields: Sequence[str], known: dict[str, list[str]]) -> bytes:
    pairs = _pairs(chance, fields, known)
    if chance.random() < 0.15:
        return chance.randbytes(chance.choice((1, 100, 70_000)))
    if "json" in kind:
        depth = chance.choice((0, 1, 3, 500, 30_000))
        return b"[" * depth + json.dumps(dict(pairs)).encode() + b"]" * (depth if chance.random() < 0.8 else depth // 2)
    if kind.startswith("multipart"):
        parts = [
            f'--b\r\nContent-Disposition: form-data; name="{name[:50]}"\r\n\r\n{value}\r\n' for name, value in pairs
        ]
        return ("".join(parts) + chance.choice(["--b--\r\n", "--b", ""])).encode("utf-8", "surrogatepass")
    return _encoded(chance, pairs).encode()


def _headers(chance: random.Random) -> list[tuple[str, str]]:
    headers = list(SAME_ORIGIN.items()) if chance.random() < 0.85 else []
    for name in (
        "Accept-Language",
        "Referer",
        "Cookie",
        "User-Agent",
        "X-Forwarded-For",
        "Origin",
        "Range",
        "If-None-Match",
        "Authorization",
    ):
        if chance.random() < 0.1:
            headers.append((name, chance.choice(BROKEN).replace("\r\n", "").replace("\ud800", "")[:300]))
    return headers


def _send(client: FlaskClient, request: dict[str, Any]) -> int:
    builder = EnvironBuilder(
        path="/", method=request["method"], query_string=request["query"], data=request["body"],
        headers=Headers([*request["headers"], ("Content-Type", request["kind"])]), base_url="http://localhost",
    )  # fmt: skip
    environ = builder.get_environ()
    environ["PATH_INFO"] = request["path"].replace("%", "")
    return client.open(environ).status_code
