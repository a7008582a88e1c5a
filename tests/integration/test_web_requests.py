"""What every request passes before its page: host, readable input, merchant, language, session, flood."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient

from portal.merchants.models import Merchant
from portal.services import Services
from portal.sign_in.models import SignInSession
from portal.web.flood import build_flood_limit
from portal.web.runtime import EXTENSION
from portal.web.tenants import CACHE_SECONDS
from tests.support.accounts import Account, make_account
from tests.support.apps import served_app
from tests.support.page_client import SAME_ORIGIN, PageClient
from tests.support.statements import counted_statements

LARGEST_BODY = 64 * 1024
AppWith = Callable[..., Flask]


@pytest.fixture
def account(services: Services) -> Account:
    return make_account(services)


@pytest.fixture
def signed_in(app: Flask, account: Account) -> PageClient:
    return account.sign_in(app)


@pytest.fixture
def client(app: Flask, account: Account) -> FlaskClient:
    """Nobody's browser, without checks."""
    return app.test_client()


@pytest.fixture
def app_with(services: Services, account: Account) -> AppWith:
    """The application with other settings."""

    def build(**settings: object) -> Flask:
        changed = services.settings.model_copy(update=settings)
        return served_app(
            Services(changed, services.database, services.gateways, services.method_users, services.clock)
        )

    return build


# --- hosts and proxies (threats 21, 180) ---


@pytest.mark.parametrize(
    "host", ["evil.example", "portal.example.evil.example", "portal.example@evil.example", "127.0.0.1", "a b"]
)
def test_foreign_host_is_refused(app_with: AppWith, host: str) -> None:
    client = app_with(base_url="https://portal.example").test_client()

    answer = client.get("/acme/sign-in", headers={"Host": host})

    assert answer.status_code == 400
    assert "evil" not in answer.text


def test_own_host_is_admitted_and_probes_under_any_host(app_with: AppWith) -> None:
    client = app_with(base_url="https://portal.example").test_client()

    assert client.get("/acme/sign-in", headers={"Host": "portal.example"}).status_code == 200
    assert client.get("/healthz", headers={"Host": "10.0.0.7:8000"}).status_code == 200


def test_forwarded_headers_count_only_from_trusted_proxies(app_with: AppWith) -> None:
    headers = {
        "Host": "127.0.0.1",
        "X-Forwarded-Host": "portal.example",
        "X-Forwarded-Proto": "https",
        "X-Forwarded-For": "203.0.113.7",
    }
    base = {"base_url": "https://portal.example"}

    assert app_with(**base).test_client().get("/acme/sign-in", headers=headers).status_code == 400
    assert app_with(**base, trusted_proxies=1).test_client().get("/acme/sign-in", headers=headers).status_code == 200


def test_merchant_comes_from_the_address_alone(client: FlaskClient, services: Services) -> None:
    make_account(services, "savane")

    answer = client.get("/acme/sign-in?merchant=savane", headers={"X-Tenant-ID": "savane", "X-Merchant": "savane"})

    assert "/savane/" not in answer.text


# --- merchants ---


@pytest.mark.parametrize(
    "slug",
    ["nobody", "v1", "dashboard", "ACME", "acme.", "acme%00", "ac%2fme", "..", "é", "a" * 300, "acme%20", "acme;x"],
)
def test_unknown_merchant_is_a_404(client: FlaskClient, slug: str) -> None:
    answer = client.get(f"/{slug}/sign-in")

    assert answer.status_code == 404
    assert "Acme" not in answer.text


def test_disabled_merchant_is_gone_within_seconds_and_comes_back(
    client: FlaskClient, services: Services, account: Account
) -> None:
    assert client.get("/acme/sign-in").status_code == 200
    account.change(Merchant, account.scope.merchant_id, status="disabled")

    services.clock.advance(seconds=CACHE_SECONDS)  # type: ignore[attr-defined]
    assert client.get("/acme/sign-in").status_code == 404

    account.change(Merchant, account.scope.merchant_id, status="active")
    services.clock.advance(seconds=CACHE_SECONDS)  # type: ignore[attr-defined]
    assert client.get("/acme/sign-in").status_code == 200


def test_address_without_its_slash_leads_to_the_overview(client: FlaskClient) -> None:
    assert client.get("/acme").headers["Location"].endswith("/acme/")


@pytest.mark.parametrize(
    "path",
    [
        "//evil.example/",
        "/acme//payments",
        "/acme/payments/",
        "/acme/payments;x",
        "/acme/Payments",
        "/acme/%2e%2e/acme/payments",
    ],
)
def test_other_spellings_of_a_path_are_not_found(signed_in: PageClient, path: str) -> None:
    answer = signed_in.client.open(path="/", environ_overrides={"PATH_INFO": path})

    assert answer.status_code == 404


# --- input that no browser sends (threats 39, 193) ---


@pytest.mark.parametrize(
    "query",
    [
        "next=%00",
        "next=%ff%fe",
        "next=%ED%A0%80",
        "status=%F0%9F%92%B8",
        "after=%",
        "locale=%00",
        "=&=&&;",
        "a[b]=c",
        "after=" + "x" * 3000,
    ],
)
def test_strange_queries_are_never_an_error_of_ours(signed_in: PageClient, query: str) -> None:
    for path in ("/acme/payments", "/acme/invoices", "/acme/checkout", "/acme/sign-in", "/acme/"):
        assert signed_in.client.get(f"{path}?{query}").status_code in (200, 303, 400, 404), path


@pytest.mark.parametrize("raw", ["next=\xff", "status=\xc3\x28", "\x00"])
def test_raw_bytes_in_a_query_are_refused(client: FlaskClient, raw: str) -> None:
    answer = client.open("/acme/sign-in", environ_overrides={"QUERY_STRING": raw})

    assert answer.status_code == 400


@pytest.mark.parametrize(
    "value", [b"%00", b"a%00b", b"%ED%A0%80", b"%ff%fe", b"\xff\xfe", b"%", b"%C2%B2", b"%D9%A1%D9%A2", b"x" * 50_000]
)
def test_strange_fields_are_never_an_error_of_ours(signed_in: PageClient, client: FlaskClient, value: bytes) -> None:
    kind = {"Content-Type": "application/x-www-form-urlencoded", **SAME_ORIGIN}
    for field in (
        b"email",
        b"code",
        b"next",
        b"account",
        b"invoice",
        b"payment_method",
        b"amount",
        b"csrf_token",
        b"version",
    ):
        for path in (
            "/acme/sign-in",
            "/acme/sign-in/code",
            "/acme/sign-in/link/x",
            "/acme/sign-in/session/x",
            "/acme/checkout",
        ):
            sender = signed_in.client if path == "/acme/checkout" else client
            answer = sender.post(path, data=field + b"=" + value, headers=kind)

            assert answer.status_code in (303, 400, 404, 410, 422, 429), (path, field, answer.status)


@pytest.mark.parametrize(
    "kind",
    ["text/plain", "application/json", "multipart/form-data", "multipart/form-data; boundary=", "application/x-www-form-urlencoded; charset=utf-7", "\xe9", ""],
)  # fmt: skip
def test_body_of_another_kind_is_an_empty_form(client: FlaskClient, kind: str) -> None:
    answer = client.post(
        "/acme/sign-in", data=b'{"email": "maya@lindqvist.example"}', headers={"Content-Type": kind, **SAME_ORIGIN}
    )

    assert answer.status_code in (400, 415, 422)


@pytest.mark.parametrize(
    "body", [b"[" * 30_000 + b"]" * 30_000, b'{"a":' * 10_000 + b"1" + b"}" * 10_000, b"[[1,2,3]]", b"1"]
)
@pytest.mark.parametrize("path", ["/acme/sign-in", "/acme/checkout", "/healthz", "/v9/nothing"])
def test_json_of_any_depth_is_never_an_error_of_ours(signed_in: PageClient, path: str, body: bytes) -> None:
    answer = signed_in.client.post(path, data=body, headers={"Content-Type": "application/json", **SAME_ORIGIN})

    assert answer.status_code in (400, 404, 405, 415)


def test_body_that_is_too_large_is_refused(client: FlaskClient) -> None:
    body = b"email=" + b"x" * LARGEST_BODY
    headers = {"Content-Type": "application/x-www-form-urlencoded", **SAME_ORIGIN}

    assert client.post("/acme/sign-in", data=body, headers=headers).status_code == 413


def test_form_of_too_many_parts_is_refused(client: FlaskClient) -> None:
    parts = b"".join(b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n' for _ in range(1000))
    headers = {"Content-Type": "multipart/form-data; boundary=x", **SAME_ORIGIN}

    assert client.post("/acme/sign-in", data=parts + b"--x--\r\n", headers=headers).status_code == 413


def test_strange_cookies_sign_nobody_in(client: FlaskClient) -> None:
    for value in ("", "x", "é", "\0", "=", "a" * 5000, "A" * 43, '"', "%00"):
        answer = client.get(
            "/acme/payments",
            headers={"Cookie": f"portal_acme={value}; portal_browser_acme={value}; portal_locale_acme={value}"},
        )

        assert answer.status_code == 303


# --- the way to sign in ---


@pytest.mark.parametrize(
    ("path", "target"),
    [
        ("/acme/", ""),
        ("/acme/payments", "?next=/payments"),
        ("/acme/payments?status=failed&q=a%20b", "?next=/payments%3Fstatus%3Dfailed%26q%3Da%2520b"),
        ("/acme/invoices/inv_%C3%A9", "?next=/invoices/inv_%25C3%25A9"),
        (f"/acme/payments?q={'x' * 5000}", "?next=/payments"),
        (f"/acme/payments?q={'%C3%A9' * 500}", "?next=/payments"),
        (f"/acme/invoices/{'x' * 5000}", ""),
    ],
)
def test_stranger_is_led_to_sign_in_with_the_target_kept(client: FlaskClient, path: str, target: str) -> None:
    assert client.get(path).headers["Location"] == f"/acme/sign-in{target}"


def test_form_sent_after_the_session_ended_leads_back_to_its_page(client: FlaskClient) -> None:
    headers = {**SAME_ORIGIN, "Referer": "http://localhost/acme/checkout?invoice=inv_1"}

    assert (
        client.post("/acme/checkout", headers=headers).headers["Location"]
        == "/acme/sign-in?next=/checkout%3Finvoice%3Dinv_1"
    )


@pytest.mark.parametrize(
    "referrer",
    ["https://evil.example/acme/x", "http://localhost/savane/x", "http://localhost/acme/../x", "junk", "http://["],
)
def test_page_of_somebody_else_is_no_target(client: FlaskClient, referrer: str) -> None:
    assert (
        client.post("/acme/checkout", headers={**SAME_ORIGIN, "Referer": referrer}).headers["Location"]
        == "/acme/sign-in"
    )


def test_head_answers_as_get_without_a_body(signed_in: PageClient) -> None:
    answer = signed_in.client.head("/acme/payments")

    assert (answer.status_code, answer.data) == (200, b"")


# --- sessions ---


def stamps(account: Account) -> list[object]:
    with account.database.unit_of_work() as session:
        return [row.last_used_at for row in session.query(SignInSession).all()]


def test_use_is_stamped_every_five_minutes_at_most(signed_in: PageClient, services: Services, account: Account) -> None:
    began = services.clock.now()
    services.clock.advance(minutes=4, seconds=59)  # type: ignore[attr-defined]
    signed_in.get("/acme/payments")
    assert stamps(account) == [began]

    services.clock.advance(seconds=1)  # type: ignore[attr-defined]
    signed_in.get("/acme/payments")

    assert stamps(account) == [began + timedelta(minutes=5)]


def test_page_costs_one_statement_for_its_visitor(signed_in: PageClient, services: Services) -> None:
    signed_in.get("/acme/payment-methods")  # The merchant is in the cache now.

    with counted_statements(services.database) as sent:
        signed_in.client.get("/acme/sign-in")

    assert len([statement for statement in sent if "sign_in_sessions" in statement]) == 1


def test_lost_database_connection_is_retried_once(signed_in: PageClient, services: Services) -> None:
    signed_in.get("/acme/payments")
    with services.database.reading() as reader:
        if not services.database.is_sqlite:
            process = reader.execute(sa.text("select pg_backend_pid()")).scalar_one()
            with services.database.unit_of_work() as session:
                session.execute(sa.text("select pg_terminate_backend(:process)"), {"process": process})

    assert "Maya Lindqvist" in signed_in.get("/acme/payments").html


# --- languages ---


def language(page_client: FlaskClient, path: str = "/acme/sign-in", **headers: str) -> str:
    return page_client.get(path, headers=headers).text.partition('lang="')[2].partition('"')[0]


def test_language_is_the_browsers_then_the_merchants(client: FlaskClient) -> None:
    assert language(client) == "en"
    assert language(client, **{"Accept-Language": "fr-CM,fr;q=0.9,en;q=0.5"}) == "fr"
    assert language(client, **{"Accept-Language": "xx;q=junk,,;;*"}) == "en"


def test_language_of_the_customer_goes_before_the_browsers(app: Flask, services: Services, account: Account) -> None:
    french = make_account(services, merchant_id=account.scope.merchant_id, locale="fr").sign_in(app)

    assert language(french.client, "/acme/payments", **{"Accept-Language": "en"}) == "fr"


def test_chosen_language_is_stored_in_a_cookie_and_nothing_else_is(signed_in: PageClient) -> None:
    chosen = signed_in.get("/acme/payments?locale=fr")

    (cookie,) = chosen.response.headers.getlist("Set-Cookie")
    assert cookie.startswith("portal_locale_acme=fr; ")
    assert language(signed_in.client, "/acme/payments", **{"Accept-Language": "en"}) == "fr"
    assert signed_in.get("/acme/payments").response.headers.getlist("Set-Cookie") == []


@pytest.mark.parametrize("locale", ["xx", "", "fr_FR", "../fr", "fr%00", "FR"])
def test_unavailable_language_is_not_stored(signed_in: PageClient, locale: str) -> None:
    answer = signed_in.client.get(f"/acme/payments?locale={locale}")

    assert "locale" not in "".join(answer.headers.getlist("Set-Cookie"))


def test_switch_leads_to_the_same_page_with_its_filter(signed_in: PageClient) -> None:
    page = signed_in.get("/acme/payments?status=failed&locale=en")

    assert page.link("Français") == "/acme/payments?status=failed&locale=fr"
    assert signed_in.get(page.link("Français")).link("English") == "/acme/payments?status=failed&locale=en"


# --- floods ---


def test_flood_is_limited_and_says_when_to_continue(app: Flask, client: FlaskClient) -> None:
    app.extensions[EXTENSION].flood = build_flood_limit(3, now=lambda: 30.0)
    environ = {"REMOTE_ADDR": "203.0.113.7"}

    statuses = [client.get("/acme/sign-in", environ_overrides=environ).status_code for _ in range(4)]
    last = client.get("/acme/sign-in", environ_overrides=environ)

    assert statuses == [200, 200, 200, 429]
    assert last.headers["Retry-After"] == "30"
    assert client.get("/acme/sign-in", environ_overrides={"REMOTE_ADDR": "203.0.113.8"}).status_code == 200


def test_flood_limit_ignores_headers_that_anybody_can_send(app_with: AppWith) -> None:
    client = app_with(pages_per_ip_per_minute=3).test_client()

    statuses = [
        client.get(
            "/acme/sign-in",
            environ_overrides={"REMOTE_ADDR": "203.0.113.7"},
            headers={
                "X-Forwarded-For": f"198.51.100.{number}",
                "Authorization": f"Bearer {number}",
                "Cookie": f"portal_acme={number}",
            },
        ).status_code
        for number in range(4)
    ]

    assert statuses[-1] == 429
