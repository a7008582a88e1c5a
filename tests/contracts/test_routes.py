"""What holds for every route there is, read from the route map, so that a new one is held to it without a line here."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import product

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.routing import Rule

from portal.app import create_app
from portal.people.rules import Right
from portal.services import Services
from portal.web.policies import (
    Policy,
    RouteWithoutPolicy,
    _declare,
    collect_by_notice,
    collect_policies,
    collect_rights,
    public,
    signed_in,
)
from portal.web.runtime import EXTENSION, Runtime
from tests.support.accounts import Account, make_account
from tests.support.bundled import bundled_renderer
from tests.support.pay_links import guest_of, pay_path, revoke

PREFIXES = {
    "invoice_id": "inv", "payment_id": "pay", "note_id": "cn", "method_id": "pm", "setup_id": "pms", "session_id": "ses",
    "copy_id": "cpy", "person_id": "per", "passkey_id": "pky",
}  # fmt: skip
"""Arguments of routes that are public ids. An argument that is neither here nor in `OTHERS` fails the tests below."""
OTHERS = {
    "merchant": "acme",
    "token": "t" * 43,
    "rest": "rest",
    "name": "portal.css",
    "gateway": "sandbox",
    "digest": "0" * 8,
}
NUMBER = re.compile(r"[0-9A-F]{4}-[0-9A-F]{4}")
CROSS_SITE = {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"}


@pytest.fixture
def account(services: Services) -> Account:
    return make_account(services)


@pytest.fixture
def visitor(app: Flask, account: Account) -> FlaskClient:
    """A browser that is signed in, without the checks of pages: what is answered here is mostly refused."""
    return account.sign_in(app).client


def rules(app: Flask) -> list[Rule]:
    return sorted(app.url_map.iter_rules(), key=lambda rule: (rule.rule, sorted(rule.methods or ())))


def unsafe_rules(app: Flask) -> list[Rule]:
    runtime: Runtime = app.extensions[EXTENSION]
    return [
        rule
        for rule in rules(app)
        if "POST" in (rule.methods or ())
        and runtime.policies[rule.endpoint] not in (Policy.GATEWAY_SIGNED, Policy.MAILED_LINK)
    ]


def path_of(rule: Rule, **ids: str) -> str:
    values = {name: ids.get(name) or OTHERS.get(name) or f"{PREFIXES[name]}_{'0' * 22}" for name in rule.arguments}
    path = rule.rule
    for name, value in values.items():
        path = re.sub(rf"<(?:path:)?{name}>", value, path)
    return path


def test_every_route_says_who_may_call_it(app: Flask) -> None:
    runtime: Runtime = app.extensions[EXTENSION]

    assert {rule.endpoint for rule in rules(app)} == set(runtime.policies)


def test_route_without_a_policy_stops_the_start() -> None:
    app = Flask("undeclared", static_folder=None)
    app.add_url_rule("/open", "open", public(lambda: ""))
    app.add_url_rule("/forgotten", "forgotten", lambda: "")

    with pytest.raises(RouteWithoutPolicy, match="forgotten"):
        collect_policies(app)


def test_routes_answer_to_get_or_to_post(app: Flask) -> None:
    assert [rule for rule in rules(app) if set(rule.methods or ()) not in ({"GET", "HEAD"}, {"POST"})] == []


def test_only_webhooks_and_links_of_mails_accept_requests_of_other_sites(app: Flask) -> None:
    runtime: Runtime = app.extensions[EXTENSION]
    open_to_all = (Policy.GATEWAY_SIGNED, Policy.MAILED_LINK)
    posted = [rule for rule in rules(app) if "POST" in (rule.methods or ())]

    assert [rule.rule for rule in posted if runtime.policies[rule.endpoint] in open_to_all] == [
        "/<merchant>/notices/unsubscribe/<token>",
        "/hooks/<merchant>/<gateway>",
    ]


def test_page_that_is_private_leads_a_stranger_to_sign_in(app: Flask, account: Account) -> None:
    runtime: Runtime = app.extensions[EXTENSION]
    stranger = app.test_client()
    private = [rule for rule in rules(app) if runtime.policies[rule.endpoint] is Policy.SIGNED_IN]
    assert private

    for rule in private:
        method = "POST" if "POST" in (rule.methods or ()) else "GET"
        answer = stranger.open(path_of(rule), method=method, headers={"Sec-Fetch-Site": "same-origin"})

        assert (answer.status_code, answer.headers["Location"].partition("?")[0]) == (303, "/acme/sign-in"), rule
        assert answer.headers["Cache-Control"] == "no-store"


# --- requests from elsewhere (threats 58, 59) ---

SITES = (None, "same-origin", "same-site", "cross-site", "none")
ORIGINS = (
    None,
    "http://localhost",
    "null",
    "https://evil.example",
    "http://localhost.evil.example",
    "http://evil.localhost",
)
TOKENS = ("right", "wrong", "another's", "missing")


def is_ours(site: str | None, origin: str | None, token: str) -> bool:
    """Threats, rule 13, written a second time."""
    if site is not None:
        return site == "same-origin"
    if origin is not None:
        return origin == "http://localhost"
    return token == "right"


def test_unsafe_request_from_another_site_is_refused_everywhere(app: Flask, visitor: FlaskClient) -> None:
    for rule in unsafe_rules(app):
        answer = visitor.post(path_of(rule), headers=CROSS_SITE)

        assert answer.status_code == 403, rule
        assert NUMBER.search(answer.text), rule


def test_unsafe_request_without_origin_headers_needs_the_token(app: Flask, visitor: FlaskClient) -> None:
    for rule in unsafe_rules(app):
        assert visitor.post(path_of(rule)).status_code == 403, rule


def test_only_our_own_pages_get_through(app: Flask, services: Services, account: Account) -> None:
    another = make_account(services, merchant_id=account.scope.merchant_id)
    others = token_on_page(another.sign_in(app).client)

    for site, origin, token in product(SITES, ORIGINS, TOKENS):
        client = account.sign_in(app).client
        right = token_on_page(client)
        fields = {"csrf_token": {"right": right, "wrong": "A" * len(right), "another's": others}.get(token, "")}
        answer = client.post("/acme/sign-out", data=fields, headers=said(site, origin))

        assert answer.status_code == (303 if is_ours(site, origin, token) else 403), (site, origin, token)


def test_same_matrix_holds_while_nobody_is_signed_in(app: Flask, account: Account) -> None:
    others = token_on_page(app.test_client(), "/acme/sign-in")

    for site, origin, token in product(SITES, ORIGINS, TOKENS):
        client = app.test_client()
        right = token_on_page(client, "/acme/sign-in")
        value = {"right": right, "wrong": "A" * len(right), "another's": others}.get(token, "")
        answer = client.post("/acme/sign-in", data={"csrf_token": value, "email": "x"}, headers=said(site, origin))

        assert answer.status_code == (422 if is_ours(site, origin, token) else 403), (site, origin, token)


def said(site: str | None, origin: str | None) -> dict[str, str]:
    """The headers of a browser that says so much of where it comes from."""
    headers = {"Sec-Fetch-Site": site, "Origin": origin}
    return {name: value for name, value in headers.items() if value is not None}


def token_on_page(visitor: FlaskClient, path: str = "/acme/payments") -> str:
    found = re.search(r'name="csrf_token" value="([^"]+)"', visitor.get(path).text)
    assert found
    return found[1]


# --- methods (threats 60) ---


def test_other_methods_are_not_there(app: Flask, visitor: FlaskClient) -> None:
    routing = app.url_map.bind("localhost")

    for path in sorted({path_of(rule) for rule in rules(app)}):
        for method in ("PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "POST", "GET"):
            if routing.test(path, method):
                continue
            answer = visitor.open(path, method=method, headers={"Sec-Fetch-Site": "same-origin"})
            assert answer.status_code == 405, (method, path)


def test_method_is_never_taken_from_a_field_or_a_header(visitor: FlaskClient) -> None:
    for method in ("POST", "DELETE"):
        answer = visitor.get(
            "/acme/sign-out",
            query_string={"_method": method},
            headers={"X-HTTP-Method-Override": method, "X-Method-Override": method},
        )
        assert answer.status_code == 405
    assert visitor.get("/acme/payments").status_code == 200


# --- ids (threats 174) ---


def ids_of(account: Account) -> dict[str, str]:
    """One row of each kind that is in an address."""
    invoice = account.invoice()
    payment = account.payment("incomplete", pays={invoice: 5000}, state="proposed")
    method = account.method()
    note = account.credit_note(account.invoice(), 1000, number=invoice)
    return {
        "invoice_id": invoice, "payment_id": payment, "note_id": note, "method_id": method, "setup_id": account.setup(),
        "session_id": account.other_session(), "copy_id": account.copy(), "person_id": account.person(),
        "passkey_id": account.passkey(),
    }  # fmt: skip


def strange_ids(services: Services, account: Account) -> Iterator[tuple[str, dict[str, str]]]:
    yield "another customer's", ids_of(make_account(services, merchant_id=account.scope.merchant_id))
    yield "another merchant's", ids_of(make_account(services, "savane"))
    yield "unknown", {name: f"{prefix}_{'0' * 22}" for name, prefix in PREFIXES.items()}
    yield "of another kind", dict.fromkeys(PREFIXES, f"cus_{'0' * 22}")
    yield "too long", {name: f"{prefix}_{'0' * 200}" for name, prefix in PREFIXES.items()}
    for text in (
        "x",
        "0",
        "-1",
        "1%00",
        "%2e%2e",
        "%F0%9F%92%B8",
        "%ED%A0%80",
        "%C2%B2",
        "pay_",
        "'",
        "%25",
        "pay_%7B%7B7*7%7D%7D",
        "1.css",
    ):
        yield text, dict.fromkeys(PREFIXES, text)


def test_strange_ids_are_one_and_the_same_404(
    app: Flask, services: Services, account: Account, visitor: FlaskClient
) -> None:
    with_ids = [rule for rule in rules(app) if rule.arguments & PREFIXES.keys() and not is_below_link(rule)]
    assert {argument for rule in rules(app) for argument in rule.arguments} <= PREFIXES.keys() | OTHERS.keys()
    own = ids_of(account)
    expected = NUMBER.sub("", visitor.get("/acme/no-such-page").text)

    for kind, ids in strange_ids(services, account):
        for rule in with_ids:
            method = "POST" if "POST" in (rule.methods or ()) else "GET"
            answer = visitor.open(path_of(rule, **ids), method=method, headers={"Sec-Fetch-Site": "same-origin"})

            assert answer.status_code == 404, (kind, rule)
            assert NUMBER.sub("", answer.text) == expected, (kind, rule)
            assert answer.headers["Cache-Control"] == "no-store"

    # The same addresses with the customer's own ids are there: what was refused above was refused for the id.
    for rule in with_ids:
        if "GET" in (rule.methods or ()):
            ids = own | {"payment_id": account.payment("complete")} if rule.rule.endswith("/receipt.pdf") else own
            assert visitor.get(path_of(rule, **ids)).status_code in (200, 303), rule


# --- persons as principals of their own (threats 174) ---

PAYING = re.compile(
    r"/checkout.*|/payment-methods/(new.*|<method_id>/(default|removal))|POST /payment-methods/<method_id>|/invoices/<invoice_id>/transfer"
)
MANAGING = re.compile(
    r"/people.*|/privacy.*|/notices(/copies(/new|/<copy_id>/removal)?)?|/details/email(/(code|again|cancel))?|POST /details(/later)?"
    r"|/invoices/<invoice_id>/promise"
)
CHANGED_BY_ANYBODY = {
    "/accounts", "/ask", "/security/confirm", "/security/confirm/code", "/security/sessions/<session_id>/end",
    "/security/sessions/end-others",
    "/security/passkeys/new",
    "/security/passkeys/<passkey_id>/removal",
}  # fmt: skip
RIGHTS = {"viewer": set(), "payer": {"pay"}, "owner": {"pay", "manage"}}


def need_of(rule: Rule) -> str:
    """What a page or an act needs of a person, written a second time."""
    path = rule.rule.removeprefix("/<merchant>")
    names = [path] if "GET" in (rule.methods or ()) else [path, f"POST {path}"]
    if any(PAYING.fullmatch(name) for name in names):
        return "pay"
    return "manage" if any(MANAGING.fullmatch(name) for name in names) else "read"


def private_rules(app: Flask) -> list[Rule]:
    runtime: Runtime = app.extensions[EXTENSION]
    return [rule for rule in rules(app) if runtime.policies[rule.endpoint] is Policy.SIGNED_IN]


def test_what_anybody_signed_in_may_change_is_a_closed_list(app: Flask) -> None:
    changing = {rule.rule for rule in private_rules(app) if "POST" in (rule.methods or ()) and need_of(rule) == "read"}

    assert changing == {f"/<merchant>{path}" for path in CHANGED_BY_ANYBODY}


@pytest.mark.parametrize("role", RIGHTS)
def test_person_gets_what_its_role_allows_and_nothing_else(app: Flask, account: Account, role: str) -> None:
    person = account.person(role)
    visitor = account.sign_in(app, person).client

    for rule in private_rules(app):
        status, _, page = opened(visitor, rule)
        if need_of(rule) in RIGHTS[role] | {"read"}:
            assert status != 403, rule
        else:
            assert status == 403, rule
            assert "Your role does not include this" in page
        if rule.rule.endswith(("/end-others", "/accounts")):
            visitor = account.sign_in(app, person).client


@pytest.mark.parametrize("role", RIGHTS)
def test_removed_person_is_nobody_on_every_page(app: Flask, account: Account, role: str) -> None:
    person = account.person(role)
    visitor = account.sign_in(app, person).client
    assert visitor.get("/acme/payments").status_code == 200
    account.remove(person)

    for rule in private_rules(app):
        status, place, _ = opened(visitor, rule)
        assert (status, place) == (303, "/acme/sign-in"), rule


# --- who came by the link of a notice, as a principal of its own (threats 174) ---

BY_NOTICE = re.compile(
    r"/|/(invoices|payments|credit-notes|statement|checkout|ask)([/.].*)?|/invoices/<invoice_id>.pdf|/payments.csv|/invoices.zip"
)
NOT_BY_NOTICE = {"/invoices/<invoice_id>/promise"}


@pytest.mark.parametrize("role", [None, *RIGHTS])
def test_link_of_a_notice_opens_invoices_and_payments_and_nothing_else(
    app: Flask, account: Account, role: str | None
) -> None:
    """Every route, for a session that such a link began: what is not in the list leads to signing in fully, whoever it is."""
    person = account.person(role) if role else None
    visitor = account.sign_in(app, person, kind="mailed").client

    for rule in private_rules(app):
        status, _, page = opened(visitor, rule)
        path = rule.rule.removeprefix("/<merchant>")
        if not BY_NOTICE.fullmatch(path) or path in NOT_BY_NOTICE:
            assert status == 403 and "Sign in to open this" in page, rule
        elif need_of(rule) in RIGHTS[role or "owner"] | {"read"}:
            assert status != 403, rule
        else:
            assert status == 403 and "Your role does not include this" in page, rule


def test_route_is_closed_to_the_link_of_a_notice_unless_it_says_otherwise() -> None:
    app = Flask("undeclared", static_folder=None)
    app.add_url_rule("/closed", "closed", signed_in(to=Right.READ)(lambda: ""))
    app.add_url_rule("/opened", "opened", signed_in(to=Right.READ, by_notice=True)(lambda: ""))

    assert collect_by_notice(app) == {"opened"}


def test_route_for_customers_without_a_right_stops_the_start() -> None:
    app = Flask("undeclared", static_folder=None)
    app.add_url_rule("/declared", "declared", signed_in(to=Right.READ)(lambda: ""))
    app.add_url_rule("/forgotten", "forgotten", _declare(lambda: "", Policy.SIGNED_IN))

    with pytest.raises(RouteWithoutPolicy, match="forgotten"):
        collect_rights(app)


# --- pay links as a principal of their own (threats 174) ---


def is_below_link(rule: Rule) -> bool:
    return rule.rule.startswith("/<merchant>/pay/")


def link_of(services: Services, account: Account, invoice: str) -> dict[str, str]:
    """The token of an invoice's pay link, as the argument of a route."""
    return {"token": pay_path(services, account.scope, invoice).rpartition("/")[2]}


def opened(visitor: FlaskClient, rule: Rule, **values: str) -> tuple[int, str, str]:
    """The status, where it leads to, and the page without its number."""
    method = "POST" if "POST" in (rule.methods or ()) else "GET"
    answer = visitor.open(path_of(rule, **values), method=method, headers={"Sec-Fetch-Site": "same-origin"})
    location = answer.headers.get("Location", "").partition("?")[0]
    return answer.status_code, location, NUMBER.sub("", answer.text) if answer.mimetype == "text/html" else ""


def test_pay_link_opens_nothing_but_its_own_pages(app: Flask, services: Services, account: Account) -> None:
    """Every route, for a browser that has a link and nothing else: the account's pages lead to sign-in, and no payment but one by this
    link is there, whoever's it is and however its id is written."""
    runtime: Runtime = app.extensions[EXTENSION]
    invoice, guest = account.invoice(), app.test_client()
    link = link_of(services, account, invoice)
    guest.get(f"/acme/pay/{link['token']}")
    below = [rule for rule in rules(app) if is_below_link(rule)]
    assert {runtime.policies[rule.endpoint] for rule in below} == {Policy.PAY_LINK}
    assert [rule for rule in rules(app) if runtime.policies[rule.endpoint] is Policy.PAY_LINK] == below
    expected = NUMBER.sub("", guest.get("/acme/no-such-page").text)
    strangers = [("the customer's own", {"payment_id": account.payment("complete", pays={invoice: 100}, amount=100)})]
    anothers = guest_of(services, account.scope, account.invoice()).checkout()
    strangers += [("by another link", {"payment_id": anothers}), *strange_ids(services, account)]

    for rule in rules(app):
        if runtime.policies[rule.endpoint] is Policy.SIGNED_IN:
            status, place, _ = opened(guest, rule)
            assert (status, place) == (303, "/acme/sign-in"), rule
    for rule in below:
        if "payment_id" in rule.arguments:
            for kind, ids in strangers:
                status, _, page = opened(guest, rule, **ids, **link)
                assert (status, page) == (404, expected), (kind, rule)
    own = guest_of(services, account.scope, invoice).checkout()
    for rule in below:
        if "GET" in (rule.methods or ()) and not rule.rule.endswith("/receipt.pdf"):
            status, _, _ = opened(guest, rule, payment_id=own, **link)
            assert status == 200, rule


def test_dead_pay_link_leads_to_sign_in_everywhere(app: Flask, services: Services, account: Account) -> None:
    invoice, visitor = account.invoice(), account.sign_in(app).client
    link, own = link_of(services, account, invoice), guest_of(services, account.scope, invoice).checkout()
    revoke(services, account.scope, invoice)

    for dead in (link, {"token": "t" * 65}, {"token": "x"}):
        for rule in rules(app):
            if is_below_link(rule):
                status, place, _ = opened(visitor, rule, payment_id=own, **dead)
                assert (status, place) == (303, "/acme/sign-in"), rule


def test_somebody_elses_session_is_nobody_at_another_merchant(
    app: Flask, services: Services, visitor: FlaskClient
) -> None:
    make_account(services, "savane")
    cookie = visitor.get_cookie("portal_acme", domain="localhost")
    assert cookie is not None
    visitor.set_cookie("portal_savane", cookie.value, domain="localhost")

    assert visitor.get("/savane/payments").headers["Location"].startswith("/savane/sign-in")


def test_application_starts_with_one_merchant_at_its_root(services: Services, account: Account) -> None:
    app = create_app(services=services, renderer=bundled_renderer(), merchant="acme")

    assert "/payments" in {rule.rule for rule in rules(app)}
    assert app.test_client().get("/payments").headers["Location"] == "/sign-in?next=/payments"
