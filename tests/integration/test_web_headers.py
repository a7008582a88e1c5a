"""The headers of every response, and the exact cookies (threats 42, 57, 182, 183, 187)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from itertools import product

import pytest
from flask import Flask, Response, g
from werkzeug.test import TestResponse

from portal.customer_pages.cookies import clear_session_cookie, set_session_cookie
from portal.services import Services
from tests.contracts.test_routes import path_of, rules
from tests.support.accounts import Account, make_account
from tests.support.apps import served_app
from tests.support.page_client import PageClient

AppWith = Callable[..., Flask]
POLICY = {
    "default-src": "'none'", "script-src": "'self'", "style-src": "'self'", "img-src": "'self' data:", "font-src": "'self'",
    "connect-src": "'self'", "form-action": "'self'", "base-uri": "'none'", "frame-ancestors": "'none'",
    "require-trusted-types-for": "'script'", "trusted-types": "portal",
}  # fmt: skip
FIXED = {
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Opener-Policy": "same-origin-allow-popups",
    "Cross-Origin-Resource-Policy": "same-origin",
}


@pytest.fixture
def account(services: Services) -> Account:
    return make_account(services)


@pytest.fixture
def app_with(services: Services, account: Account) -> AppWith:
    """The application with other settings."""

    def build(**settings: object) -> Flask:
        changed = services.settings.model_copy(update=settings)
        return served_app(
            Services(changed, services.database, services.gateways, services.method_users, services.clock)
        )

    return build


def policy_of(response: TestResponse) -> dict[str, str]:
    (text,) = response.headers.getlist("Content-Security-Policy")
    return dict(part.strip().partition(" ")[::2] for part in text.split(";"))


def test_every_response_carries_every_header_once(app: Flask, account: Account) -> None:
    signed_in, stranger = account.sign_in(app).client, app.test_client()
    answers = [
        client.open(path_of(rule), method=method, headers={"Sec-Fetch-Site": site})
        for rule, client, method, site in product(
            rules(app), (signed_in, stranger), ("GET", "HEAD", "POST", "DELETE"), ("same-origin", "cross-site")
        )
    ]
    answers += [
        stranger.get(path)
        for path in ("/", "/nobody/", "/acme", "/acme/nothing", "/acme/sign-in?x=%00", "/favicon.ico")
    ]
    answers.append(stranger.get("/acme/sign-in", headers={"Host": "evil.example"}))
    answers.append(
        stranger.post("/acme/sign-in", data={"email": "x" * 70_000}, headers={"Sec-Fetch-Site": "same-origin"})
    )

    assert {answer.status_code for answer in answers} >= {200, 303, 308, 400, 403, 404, 405, 413, 422}
    for answer in answers:
        where = (answer.status_code, answer.request.method, answer.request.path)
        assert policy_of(answer).keys() == POLICY.keys(), where
        assert {name: answer.headers.getlist(name) for name in FIXED} == {
            name: [value] for name, value in FIXED.items()
        }, where
        assert answer.headers["Referrer-Policy"] in ("same-origin", "strict-origin-when-cross-origin"), where
        assert "camera=()" in answer.headers["Permissions-Policy"], where
        assert "payment=(self)" in answer.headers["Permissions-Policy"], where
        assert "Server" not in answer.headers, where
        assert "X-Powered-By" not in answer.headers, where


def test_page_of_a_customer_is_never_cached(app: Flask, account: Account) -> None:
    for client in (account.sign_in(app).client, app.test_client()):
        for rule in rules(app):
            if rule.endpoint.startswith("portal."):
                method = "POST" if "POST" in (rule.methods or ()) else "GET"
                answer = client.open(path_of(rule), method=method, headers={"Sec-Fetch-Site": "same-origin"})

                assert answer.headers["Cache-Control"] == "no-store", rule
                assert answer.headers["Vary"] == "Cookie, Sec-Fetch-Dest, Portal-Frame", rule


def test_policy_of_a_page_is_strict(app: Flask, account: Account) -> None:
    assert policy_of(account.sign_in(app).client.get("/acme/payments")) == POLICY


def test_page_that_leads_to_a_gateway_names_it(app: Flask, account: Account) -> None:
    def view() -> str:
        g.form_action_origins = ("https://gateway.example", "https://pay.example")
        return "x"

    app.view_functions["portal.payments"] = view
    client = account.sign_in(app).client

    assert (
        policy_of(client.get("/acme/payments"))["form-action"] == "'self' https://gateway.example https://pay.example"
    )
    assert policy_of(client.get("/acme/invoices"))["form-action"] == "'self'"


def test_demo_may_be_framed_by_this_machine_alone(app_with: AppWith) -> None:
    app = app_with(demo=True, demo_mail_dir="/nowhere")

    in_frame = app.test_client().get("/acme/sign-in", headers={"Sec-Fetch-Dest": "iframe"})
    assert policy_of(in_frame)["frame-ancestors"] == "http://127.0.0.1:* http://localhost:*"
    assert policy_of(app.test_client().get("/acme/sign-in"))["frame-ancestors"] == "'none'"


def test_url_with_a_token_is_not_sent_as_a_referrer(app: Flask, account: Account) -> None:
    client = app.test_client()

    assert client.get("/acme/sign-in/link/" + "t" * 43).headers["Referrer-Policy"] == "same-origin"
    assert client.get("/acme/sign-in/session/" + "t" * 43).headers["Referrer-Policy"] == "same-origin"
    assert client.get("/acme/sign-in").headers["Referrer-Policy"] == "strict-origin-when-cross-origin"


def test_hsts_is_sent_over_https(app: Flask, app_with: AppWith) -> None:
    secure = app_with(base_url="https://portal.example").test_client()

    assert (
        secure.get("/acme/sign-in", base_url="https://portal.example").headers["Strict-Transport-Security"]
        == "max-age=31536000"
    )
    assert "Strict-Transport-Security" not in app.test_client().get("/acme/sign-in").headers


def test_cookies_on_this_machine(app: Flask, account: Account) -> None:
    answer = app.test_client().get("/acme/sign-in?locale=fr")
    cookies = {cookie.partition("=")[0]: cookie.partition("; ")[2] for cookie in answer.headers.getlist("Set-Cookie")}

    assert cookies.keys() == {"portal_browser_acme", "portal_locale_acme"}
    assert all(rest.endswith("HttpOnly; Path=/; SameSite=Lax") for rest in cookies.values())


def test_cookies_behind_https_are_bound_to_the_host(app_with: AppWith) -> None:
    client = app_with(base_url="https://portal.example").test_client()
    answer = client.get("/acme/sign-in?locale=fr", base_url="https://portal.example")
    cookies = {cookie.partition("=")[0]: cookie.partition("; ")[2] for cookie in answer.headers.getlist("Set-Cookie")}

    assert cookies.keys() == {"__Host-portal_browser_acme", "__Host-portal_locale_acme"}
    assert all(rest.endswith("Secure; HttpOnly; Path=/; SameSite=Lax") for rest in cookies.values())


def test_session_cookie_lives_as_long_as_its_session(app: Flask, account: Account) -> None:
    def view() -> Response:
        response = Response("in")
        set_session_cookie(response, "t" * 43, timedelta(days=30))
        return response

    def away() -> Response:
        response = Response("out")
        clear_session_cookie(response)
        return response

    app.view_functions |= {"portal.sign_in": view, "portal.code": away}
    client = app.test_client()

    (cookie,) = [
        each for each in client.get("/acme/sign-in").headers.getlist("Set-Cookie") if each.startswith("portal_acme=")
    ]
    assert cookie.startswith(f"portal_acme={'t' * 43}; ")
    assert "Max-Age=2592000; HttpOnly; Path=/; SameSite=Lax" in cookie
    assert client.get_cookie("portal_acme") is not None
    client.get("/acme/sign-in/code")
    assert client.get_cookie("portal_acme") is None


def test_browser_keeps_the_token_that_it_has(app: Flask, account: Account) -> None:
    client = PageClient(app.test_client())
    first = client.get("/acme/sign-in").response.headers.getlist("Set-Cookie")

    assert len(first) == 1
    assert client.get("/acme/sign-in").response.headers.getlist("Set-Cookie") == []


def test_immutable_file_is_cached_for_ever_and_sets_no_cookie(app: Flask, account: Account) -> None:
    client = account.sign_in(app)
    sheet = next(link.get("href", "") for link in client.get("/acme/").all("link") if link.get("rel") == "stylesheet")

    answer = client.client.get(sheet)

    assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert "Set-Cookie" not in answer.headers
    assert "Cookie" not in answer.headers["Vary"]
