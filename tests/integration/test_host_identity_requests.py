"""When a host application is asked who is logged in, and with what; whatever goes wrong there signs nobody in."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import flask
import flask_login
import pytest
from flask import Flask, abort
from flask.sessions import SecureCookieSessionInterface
from werkzeug.middleware.proxy_fix import ProxyFix

from portal import Customer
from portal.services import Services
from portal.sign_in.models import SignInSession
from tests.support.accounts import make_account
from tests.support.hosts import OpenShop, Shop, dispose, mount
from tests.support.identified import SIGN_IN, People, add, change, live_sessions, rows, seen
from tests.support.page_client import SAME_ORIGIN

# --- failures of the host ---


def fail(*_: object) -> None:
    raise RuntimeError("maya@shop.example is not in the table")


WRONG_ANSWERS: list[Callable[[], Any]] = [
    fail, lambda: abort(404), lambda: abort(401), lambda: 7, lambda: True, lambda: "", lambda: "  ", lambda: "a\0b",
    lambda: "\ud800", lambda: ("cus_1",), lambda: {"id": "cus_1"}, lambda: object(), lambda: b"maya",
    lambda: Customer(), lambda: Customer(id="cus_1", reference="maya"), lambda: Customer(id=7),  # type: ignore[arg-type]
    lambda: Customer(reference=""), lambda: Customer(email="maya@shop.example", is_verified="yes"),  # type: ignore[arg-type]
]  # fmt: skip


def test_whatever_goes_wrong_in_the_host_signs_nobody_in(shop: Shop, people: People) -> None:
    # Their language tells whether the page knows who they are.
    change(shop.account, shop.account.scope, locale="fr")
    people.named["1"] = Customer(id=shop.account.scope.customer_id)
    client = shop.log_in(shop.client(), "1")
    seen(client)
    shop.log_in(client, "2")

    for answer in WRONG_ANSWERS:
        people.named["2"] = answer
        page = client.get("/billing/payments", status=503)
        assert '<html lang="en"' in page.html
        assert "portal_acme=" not in str(page.response.headers)
    for response in (client.client.get(SIGN_IN), client.client.post("/billing/sign-out", headers=SAME_ORIGIN)):
        assert response.status_code == 503
        assert "portal_acme=" not in str(response.headers)

    assert len(rows(shop.account, SignInSession)) == 1
    shop.log_in(client, "1")
    assert "Maya Lindqvist" in seen(client)


def test_failure_is_the_hosts_to_read_and_its_words_are_not_in_our_log(
    shop: Shop, people: People, caplog: pytest.LogCaptureFixture
) -> None:
    people.named["1"] = fail
    reported: list[BaseException] = []
    flask.got_request_exception.connect(
        receiver := lambda _app, exception, **_: reported.append(exception), shop.app, weak=False
    )

    with caplog.at_level(logging.DEBUG):
        shop.log_in(shop.client()).get("/billing/payments", status=503)

    flask.got_request_exception.disconnect(receiver, shop.app)
    assert [type(each) for each in reported] == [RuntimeError]
    (hosts,) = [record for record in caplog.records if record.name == shop.app.logger.name]
    assert hosts.exc_info
    ours = [record for record in caplog.records if record.name.startswith("portal")]
    assert [record.getMessage() for record in ours] == ["request.failed"]
    assert "not in the table" not in str([vars(record) for record in ours if record.levelno < logging.DEBUG])


class UnreachableSessions(SecureCookieSessionInterface):
    """Sessions on a server that is gone."""

    def open_session(self, app: Flask, request: flask.Request) -> Any:
        raise ConnectionError("the host's sessions")


def test_failure_of_the_hosts_session_or_teardown_is_a_503_too(shop: Shop, people: People) -> None:
    people.named["1"] = Customer(id=shop.account.scope.customer_id)

    @shop.app.teardown_appcontext
    def lose_the_connection(_fault: BaseException | None) -> None:
        if people.requests:
            raise ConnectionError("the host's database")

    shop.log_in(shop.client()).get("/billing/payments", status=503)
    people.requests.clear()

    shop.app.session_interface = UnreachableSessions()
    shop.client().get("/billing/payments", status=503)
    assert rows(shop.account, SignInSession) == []


def test_page_of_an_error_shows_nobody_whom_the_host_does_not_name(shop: Shop, people: People) -> None:
    # Their language tells whether the page knows who they are.
    change(shop.account, shop.account.scope, locale="fr")
    people.named["1"] = Customer(id=shop.account.scope.customer_id)
    client = shop.log_in(shop.client())
    seen(client)
    assert 'lang="fr"' in client.get("/billing/nothing", status=404).html

    shop.log_out(client)

    foreign = {"Sec-Fetch-Site": "cross-site"}
    for refused in (
        client.client.get("/billing/nothing"),
        client.client.post("/billing/nothing", headers=foreign),
        client.client.post("/billing/sign-out", headers=foreign),
        client.client.get("/billing/nothing/at/all"),
    ):
        assert refused.status_code in (403, 404)
        assert '<html lang="en"' in refused.text
    assert len(live_sessions(shop.account)) == 1  # A page of an error changes no session.
    people.named[""] = fail
    assert '<html lang="en"' in client.get("/billing/nothing", status=404).html


# --- when the host is asked, and with what ---


def test_host_is_asked_for_each_page_and_post_and_for_nothing_else(shop: Shop, people: People) -> None:
    people.named["1"] = Customer(id=shop.account.scope.customer_id)
    client = shop.log_in(shop.client())
    page = client.get("/billing/payments")
    assert people.requests == ["GET /billing/payments"]
    client.post("/billing/sign-out")
    client.client.head("/billing/invoices")
    assert people.requests[1:] == ["POST /billing/sign-out", "HEAD /billing/invoices"]

    people.requests.clear()
    (sheet, *_) = [link.get("href", "") for link in page.all("link") if link.get("rel") == "stylesheet"]
    for path in (
        sheet, "/billing/static/gone.css", "/billing/favicon.ico", "/billing/healthz", "/billing/readyz", "/billing/metrics",
        "/billing/pay/abc", "/billing/pay/abc/receipt.pdf", "/billing/hooks/acme/sandbox",
    ):  # fmt: skip
        client.client.get(path)
        client.client.post(path, headers=SAME_ORIGIN, data=b"{}")

    assert people.requests == []


def test_request_of_another_site_is_refused_before_the_host_is_asked(shop: Shop, people: People) -> None:
    people.named["1"] = Customer(id=shop.account.scope.customer_id)
    client = shop.log_in(shop.client())

    assert client.client.post("/billing/sign-out", headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403
    assert client.client.post("/billing/sign-out", headers={"Origin": "https://evil.example"}).status_code == 403

    assert people.requests == []
    assert rows(shop.account, SignInSession) == []


def test_host_is_asked_in_its_own_request_context(open_shop: OpenShop, services: Services) -> None:
    seen_by_host: dict[str, Any] = {}
    torn_down: list[str] = []

    def who() -> Customer:
        seen_by_host.update(
            app=flask.current_app.name, path=flask.request.path, root=flask.request.root_path, url=flask.url_for("home"),
            query=flask.request.args["q"], address=flask.request.remote_addr, form=dict(flask.request.form),
            body=flask.request.get_data(), basket=flask.session.get("basket"), scheme=flask.request.scheme,
        )  # fmt: skip
        flask.g.mine = "the host's"
        return Customer(id=opened.account.scope.customer_id)

    opened = open_shop("after", identify=who)
    opened.app.teardown_appcontext(lambda _fault: torn_down.append(flask.g.get("mine", "")))
    client = opened.log_in(opened.client())
    torn_down.clear()

    headers = {"X-Forwarded-For": "203.0.113.7", "X-Forwarded-Proto": "https", "X-Forwarded-Host": "shop.example"}
    client.client.get("/billing/payments?q=1", headers=headers, base_url="http://shop.example/de")

    assert seen_by_host == {
        "app": "shop", "path": "/billing/payments", "root": "/de", "url": "/de/", "query": "1", "address": "203.0.113.7",
        "form": {}, "body": b"", "basket": None, "scheme": "https",
    }  # fmt: skip
    assert torn_down == ["the host's"]


def test_host_that_reads_the_form_leaves_it_to_the_page(shop: Shop, people: People) -> None:
    def read_all() -> Customer:
        assert flask.request.get_data() == b""
        assert not flask.request.form
        return Customer(id=shop.account.scope.customer_id)

    people.named["1"] = read_all
    client = shop.log_in(shop.client())
    method = shop.account.method()
    page = client.get(f"/billing/payment-methods/{method}")

    client.post(f"/billing/payment-methods/{method}", {"nickname": "Blue card"})

    assert page.status == 200
    assert "Blue card" in client.get("/billing/payment-methods").text


def test_form_of_another_customers_page_is_not_carried_out(shop: Shop, people: People) -> None:
    other = add(shop.account, name="Noah Berg")
    people.named = {"1": Customer(id=shop.account.scope.customer_id), "2": Customer(id=other.customer_id)}
    client = shop.log_in(shop.client(), "1")
    method = shop.account.method()
    form = client.get("/billing/payment-methods").path
    shop.log_in(client, "2")

    response = client.client.post(
        f"/billing/payment-methods/{method}/removal",
        headers={**SAME_ORIGIN, "Referer": f"http://localhost{form}"},
    )

    assert (response.status_code, response.headers["Location"]) == (303, "/billing/payment-methods")
    assert "Noah Berg" in seen(client)
    shop.log_in(client, "1")
    assert "4242" in client.get("/billing/payment-methods").text


def test_signed_out_form_leads_to_the_sign_in_page(shop: Shop, people: People) -> None:
    people.named["1"] = Customer(id=shop.account.scope.customer_id)
    client = shop.log_in(shop.client())
    method = shop.account.method()
    client.get("/billing/payment-methods")
    shop.log_out(client)

    response = client.post(f"/billing/payment-methods/{method}/removal")

    assert response.status_code == 303
    assert response.headers["Location"].startswith(SIGN_IN)


def test_host_below_a_path_of_its_proxy(services: Services, people: People, open_shop: OpenShop) -> None:
    shop = open_shop("before", identify=people.who)
    shop.app.wsgi_app = ProxyFix(shop.app.wsgi_app, x_for=0, x_prefix=1)  # type: ignore[method-assign]
    people.named["1"] = Customer(id=shop.account.scope.customer_id)
    client = shop.client()
    login = client.client.post(
        "/login", headers={**SAME_ORIGIN, "X-Forwarded-Prefix": "/de"}, data={"csrf_token": "", "user": "1"}
    )
    assert login.status_code == 400  # The shop's own CSRF protection still stands before its own pages.
    shop.log_in(client)

    response = client.client.get("/billing/payments", headers={"X-Forwarded-Prefix": "/de"})

    assert response.status_code == 200
    (cookie,) = [each for each in response.headers.getlist("Set-Cookie") if each.startswith("portal_acme=")]
    assert "Path=/de/billing" in cookie
    assert 'href="/de/billing/invoices"' in response.text
    assert people.requests == ["GET /billing/payments"]


def test_two_portals_in_one_host_ask_their_own(open_shop: OpenShop, services: Services) -> None:
    stranger = make_account(services, "savane")
    maya: list[str] = []
    opened = open_shop(identify=lambda: Customer(id=maya[0]))
    maya.append(opened.account.scope.customer_id)
    second = mount(
        opened.app,
        services,
        url_prefix="/facturation",
        merchant="savane",
        identify=lambda: Customer(id=stranger.scope.customer_id) if flask_login.current_user.is_authenticated else None,
    )
    client = opened.client()

    assert "Maya Lindqvist" in seen(client)
    assert client.client.get("/facturation/payments").status_code == 303
    opened.log_in(client)
    assert client.client.get("/facturation/payments").status_code == 200
    opened.log_out(client)
    assert client.client.get("/facturation/payments").status_code == 303
    assert "Maya Lindqvist" in seen(client)
    dispose(second)


def test_two_hosts_share_a_merchant_and_no_session(open_shop: OpenShop, people: People) -> None:
    one = open_shop(identify=people.who)
    two = open_shop(identify=lambda: None)
    people.named["1"] = Customer(id=one.account.scope.customer_id)
    client = one.log_in(one.client())
    seen(client)

    assert two.client().client.get("/billing/payments").status_code == 303

    assert "Maya Lindqvist" in seen(client)
