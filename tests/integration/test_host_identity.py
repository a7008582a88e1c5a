"""A host application says who is logged in: whom it names is signed in to the portal, and nobody else ever is."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import flask
import flask_login
import pytest
import sqlalchemy as sa
from flask import Flask, abort
from flask.sessions import SecureCookieSessionInterface
from werkzeug.exceptions import NotFound
from werkzeug.middleware.proxy_fix import ProxyFix

from portal import Customer, Portal, UnknownCustomer, signals
from portal.audit.models import AuditEntry
from portal.customers.errors import DuplicateCustomer, InvalidCustomer
from portal.customers.models import Customer as CustomerRow
from portal.merchants.models import Merchant
from portal.pay_links.rules import link_token
from portal.services import Services
from portal.sign_in.models import PortalSession, SignInSession
from portal.tenancy import Scope
from tests.support import customers
from tests.support.accounts import Account, make_account
from tests.support.hosts import OpenShop, Shop, build_host, dispose, mount
from tests.support.page_client import SAME_ORIGIN, PageClient
from tests.support.pay_links import make_pay_link

SIGN_IN = "/billing/sign-in"


@dataclass
class People:
    """Whom the shop names: by the number of its user, a value to return or a function to call."""

    named: dict[str, Any] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)

    def who(self) -> Any:
        self.requests.append(f"{flask.request.method} {flask.request.path}")
        answer = self.named.get(flask_login.current_user.get_id() or "")
        return answer() if callable(answer) else answer


@pytest.fixture
def people() -> People:
    return People()


@pytest.fixture
def shop(open_shop: OpenShop, people: People) -> Shop:
    """The shop whose users `people` names."""
    return open_shop(identify=people.who)


def add(account: Account, **columns: Any) -> Scope:
    """Another customer of the account's merchant."""
    with account.database.unit_of_work() as session:
        return customers.add_customer(session, account.scope.merchant_id, at=account.now, **columns)


def change(account: Account, scope: Scope, **columns: Any) -> None:
    with account.database.unit_of_work() as session:
        row = session.get_one(CustomerRow, (scope.merchant_id, scope.customer_id))
        for name, value in columns.items():
            setattr(row, name, value)


def rows(account: Account, table: Any) -> list[Any]:
    with account.database.unit_of_work() as session:
        return list(session.scalars(sa.select(table).filter_by(merchant_id=account.scope.merchant_id)))


def live_sessions(account: Account) -> list[SignInSession]:
    return [row for row in rows(account, SignInSession) if row.revoked_at is None]


def seen(client: PageClient, path: str = "/billing/payments") -> str:
    """The text of a page of a signed-in customer, or "" where it leads to the sign-in page."""
    response = client.client.get(path)
    if response.status_code == 303:
        assert response.headers["Location"].startswith(SIGN_IN), response.headers["Location"]
        return ""
    assert response.status_code == 200, response.status
    return client.get(path).text


def sign_in_by_mail(account: Account, client: PageClient) -> None:
    """A session of the customer's own, as the mailed code makes one."""
    from portal.sign_in.operations import Visitor, start_session

    services = account.services
    with account.database.unit_of_work() as session:
        made = start_session(
            session, services.settings, account.scope, Visitor("browser", "192.0.2.1"), kind="mail", by="code", target="/",
            at=account.now,
        )  # fmt: skip
    client.client.set_cookie("portal_acme", made.token, path="/billing")


# --- who is named is signed in ---


def test_customer_is_named_by_id_reference_or_verified_address(shop: Shop, people: People) -> None:
    change(
        shop.account, shop.account.scope, reference="user-7", email="maya@shop.example", email_key="maya@shop.example"
    )
    people.named = {
        "1": Customer(id=shop.account.scope.customer_id),
        "2": Customer(reference="user-7"),
        "3": Customer(email="Maya@Shop.example", is_verified=True),
        "4": "user-7",
    }

    for user in people.named:
        client = shop.log_in(shop.client(), user)
        assert "Maya Lindqvist" in seen(client), user
        cookie = client.client.get_cookie("portal_acme", path="/billing")
        assert cookie is not None
        assert cookie.http_only

    assert len(live_sessions(shop.account)) == 4
    assert {row.kind for row in live_sessions(shop.account)} == {"identified"}


def test_one_session_serves_all_pages(shop: Shop, people: People) -> None:
    people.named["1"] = Customer(id=shop.account.scope.customer_id)
    client = shop.log_in(shop.client())

    for path in ("/billing/", "/billing/invoices", "/billing/payments"):
        assert "Maya Lindqvist" in seen(client, path)

    assert len(rows(shop.account, SignInSession)) == 1


def test_sign_in_page_leads_on_whom_the_host_names(shop: Shop, people: People) -> None:
    people.named["1"] = Customer(id=shop.account.scope.customer_id)

    response = shop.log_in(shop.client()).client.get(f"{SIGN_IN}?next=/invoices")

    assert (response.status_code, response.headers["Location"]) == (303, "/billing/invoices")


def test_signing_in_is_the_hosts_act_in_audit_and_signals(shop: Shop, people: People) -> None:
    heard: list[str] = []
    people.named["1"] = Customer(id=shop.account.scope.customer_id)
    signals.signed_in.connect(receiver := lambda _merchant, customer_id, **_: heard.append(customer_id))

    seen(shop.log_in(shop.client()))

    signals.signed_in.disconnect(receiver)
    (entry,) = [row for row in rows(shop.account, AuditEntry) if row.action == "portal.signed_in"]
    assert (entry.actor_type, entry.actor_id, entry.details["by"]) == ("host", "acme", "host")
    assert heard == [shop.account.scope.customer_id]


def test_page_of_whom_the_host_names_has_no_sign_out(shop: Shop, people: People) -> None:
    people.named["1"] = Customer(id=shop.account.scope.customer_id)
    client = shop.log_in(shop.client())

    assert "Sign out" not in seen(client)

    assert client.post("/billing/sign-out").status_code == 303
    assert "Maya Lindqvist" in seen(client)


# --- the shop's log-out, and the next person ---


def test_log_out_of_the_shop_signs_out_of_the_portal_for_good(shop: Shop, people: People) -> None:
    people.named["1"] = Customer(id=shop.account.scope.customer_id)
    client = shop.log_in(shop.client())
    seen(client)
    cookie = client.client.get_cookie("portal_acme", path="/billing")
    assert cookie is not None

    shop.log_out(client)

    assert seen(client) == ""
    assert client.client.get_cookie("portal_acme", path="/billing") is None
    assert live_sessions(shop.account) == []
    client.client.set_cookie("portal_acme", cookie.value, path="/billing")
    assert seen(client) == ""
    (entry,) = [row for row in rows(shop.account, AuditEntry) if row.action == "portal.session_ended"]
    assert (entry.actor_type, entry.details["reason"]) == ("host", "host")


def test_next_person_at_the_computer_sees_only_their_own(shop: Shop, people: People) -> None:
    other = add(shop.account, name="Noah Berg")
    people.named = {"1": Customer(id=shop.account.scope.customer_id), "2": Customer(id=other.customer_id)}
    invoice = shop.account.invoice()
    client = shop.log_in(shop.client(), "1")
    client.get(f"/billing/invoices/{invoice}")

    shop.log_in(client, "2")

    assert client.client.get(f"/billing/invoices/{invoice}").status_code == 404
    page = seen(client)
    assert "Noah Berg" in page
    assert "Maya" not in page
    assert [row.customer_id for row in live_sessions(shop.account)] == [other.customer_id]


def test_nobody_ends_a_session_that_a_url_of_the_host_made(shop: Shop, people: People) -> None:
    people.named["1"] = Customer(id=shop.account.scope.customer_id)
    client = shop.log_in(shop.client())
    page = client.get(shop.portal.sign_in_url(shop.account.scope.customer_id))
    client.submit(page)
    assert {row.kind for row in live_sessions(shop.account)} == {"host"}

    shop.log_out(client)

    assert seen(client) == ""
    assert live_sessions(shop.account) == []


def test_nobody_leaves_a_session_that_the_customer_made(shop: Shop) -> None:
    client = shop.client()
    sign_in_by_mail(shop.account, client)

    assert "Maya Lindqvist" in seen(client)
    assert "Sign out" in seen(client)


def test_nobody_leaves_a_session_of_the_api(shop: Shop) -> None:
    client = shop.client()
    run = shop.app.test_cli_runner().invoke(
        args=["portal", "session", "create", "--merchant", "acme", "--customer", shop.account.scope.customer_id]
    )
    client.submit(client.get(run.output.strip().removeprefix("http://127.0.0.1:5000")))

    assert "Maya Lindqvist" in seen(client)


def test_another_customer_ends_any_session(shop: Shop, people: People) -> None:
    other = add(shop.account, name="Noah Berg")
    people.named["2"] = Customer(id=other.customer_id)
    client = shop.client()
    sign_in_by_mail(shop.account, client)

    shop.log_in(client, "2")

    assert "Noah Berg" in seen(client)
    assert [row.customer_id for row in live_sessions(shop.account)] == [other.customer_id]


def test_customers_own_session_is_kept_while_the_host_names_the_same(shop: Shop, people: People) -> None:
    people.named["1"] = Customer(id=shop.account.scope.customer_id)
    client = shop.log_in(shop.client())
    sign_in_by_mail(shop.account, client)

    assert "Maya Lindqvist" in seen(client)

    assert [row.kind for row in live_sessions(shop.account)] == ["mail"]


def test_session_that_a_code_starts_outlives_the_one_that_the_host_ended_in_the_same_request(
    shop: Shop, people: People
) -> None:
    people.named["1"] = Customer(id=shop.account.scope.customer_id)
    client = shop.log_in(shop.client())
    seen(client)
    run = shop.app.test_cli_runner().invoke(
        args=["portal", "session", "create", "--merchant", "acme", "--customer", shop.account.scope.customer_id]
    )
    shop.log_out(client)

    client.client.post(run.output.strip().removeprefix("http://127.0.0.1:5000"), headers=SAME_ORIGIN)

    assert "Maya Lindqvist" in seen(client)


# --- who is not signed in ---


def test_nobody_in_the_shop_is_nobody_in_the_portal(shop: Shop) -> None:
    client = shop.client()

    assert seen(client) == ""
    assert client.get(SIGN_IN).headline == "Sign in"
    assert rows(shop.account, SignInSession) == []


def test_address_that_is_not_verified_names_nobody(shop: Shop, people: People) -> None:
    change(shop.account, shop.account.scope, email="maya@shop.example", email_key="maya@shop.example")
    people.named["1"] = Customer(email="maya@shop.example", create={"name": "Mallory"})

    assert seen(shop.log_in(shop.client())) == ""

    assert rows(shop.account, SignInSession) == []
    assert len(rows(shop.account, CustomerRow)) == 1


@pytest.mark.parametrize("change_made", [{"blocked": True}, {"deleted_at": True}])
def test_blocked_or_deleted_customer_is_not_signed_in_nor_created_again(
    open_shop: OpenShop, people: People, change_made: dict[str, Any]
) -> None:
    shop = open_shop(identify=people.who, create=lambda: {"name": "Maya again"})
    names = {"reference": "user-7", "email": "maya@shop.example", "email_key": "maya@shop.example"}
    change(shop.account, shop.account.scope, **names)
    people.named = {"1": Customer(id=shop.account.scope.customer_id), "2": Customer(reference="user-7")}
    if "blocked" in change_made:
        people.named["3"] = Customer(email="maya@shop.example", is_verified=True)
    client = shop.log_in(shop.client(), "1")
    assert "Maya" in seen(client)

    change(shop.account, shop.account.scope, **{name: shop.account.now if name == "deleted_at" else value for name, value in change_made.items()})  # fmt: skip

    for user in people.named:
        shop.log_in(client, user)
        assert seen(client) == ""
    assert len(rows(shop.account, CustomerRow)) == 1


def test_customer_of_another_merchant_is_nobody(shop: Shop, people: People, services: Services) -> None:
    stranger = make_account(services, "savane")
    change(stranger, stranger.scope, reference="user-9", email="sam@savane.example", email_key="sam@savane.example")
    people.named = {
        "1": Customer(id=stranger.scope.customer_id),
        "2": Customer(reference="user-9"),
        "3": Customer(email="sam@savane.example", is_verified=True),
    }

    for user in people.named:
        assert seen(shop.log_in(shop.client(), user)) == ""


def test_text_is_a_reference_and_nothing_else(shop: Shop, people: People) -> None:
    change(shop.account, shop.account.scope, reference="maya", email="maya@shop.example", email_key="maya@shop.example")
    people.named = {
        "1": shop.account.scope.customer_id,
        "2": "maya@shop.example",
        "3": "Maya",
        "4": "maya ",
        "5": "%",
        "6": "maya\u00a0",
        "7": "m\u0430ya",
    }

    for user in people.named:
        assert seen(shop.log_in(shop.client(), user)) == "", people.named[user]


def test_address_that_only_looks_alike_names_nobody(shop: Shop, people: People) -> None:
    # All three are found under one key, and are mailboxes of three people.
    change(shop.account, shop.account.scope, email="straße@shop.example", email_key="strasse@shop.example")
    people.named = {
        "1": Customer(email="strasse@shop.example", is_verified=True),
        "2": Customer(email="\u017ftraße@shop.example", is_verified=True),
    }

    for user in people.named:
        assert seen(shop.log_in(shop.client(), user)) == ""


def test_address_of_several_customers_signs_none_of_them_in_and_keeps_the_one_who_chose(
    shop: Shop, people: People
) -> None:
    change(shop.account, shop.account.scope, email="office@shop.example", email_key="office@shop.example")
    add(shop.account, name="Noah Berg", email="office@shop.example")
    people.named["1"] = Customer(email="office@shop.example", is_verified=True)
    client = shop.log_in(shop.client())
    assert seen(client) == ""

    sign_in_by_mail(shop.account, client)

    assert "Maya Lindqvist" in seen(client)


def test_login_without_a_customer_is_told_so_and_ends_the_session_of_another(shop: Shop, people: People) -> None:
    people.named["2"] = Customer(reference="user-8")
    client = shop.client()
    sign_in_by_mail(shop.account, client)
    shop.log_in(client, "2")

    assert seen(client) == ""

    assert "No customer account is linked to your login" in client.get(SIGN_IN).text
    assert live_sessions(shop.account) == []


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


# --- unknown customers are created ---


def test_unknown_customer_is_created_with_what_the_host_gives(shop: Shop, people: People) -> None:
    people.named["1"] = Customer(
        reference="user-8", create={"name": "Noah Berg", "email": "noah@shop.example", "locale": "fr"}
    )
    client = shop.log_in(shop.client())

    assert "Noah Berg" in seen(client)
    assert "Noah Berg" in seen(shop.log_in(shop.client()))

    (made,) = [row for row in rows(shop.account, CustomerRow) if row.reference == "user-8"]
    assert (made.name, made.email, made.locale) == ("Noah Berg", "noah@shop.example", "fr")
    (entry,) = [
        row for row in rows(shop.account, AuditEntry) if (row.action, row.object_id) == ("customer.created", made.id)
    ]
    assert (entry.actor_type, entry.actor_id) == ("host", "acme")


@pytest.mark.parametrize("takes_customer", [False, True])
def test_portal_asks_create_for_an_unknown_customer_alone(
    open_shop: OpenShop, people: People, takes_customer: bool
) -> None:
    called_with: list[Any] = []

    def describe(*customer: Customer) -> dict[str, str]:
        called_with.append(customer)
        assert flask.current_app.name == "shop"
        return {"name": f"User {flask_login.current_user.get_id()}"}

    def describe_one(customer: Customer) -> dict[str, str]:
        return describe(customer)

    shop = open_shop(identify=people.who, create=describe_one if takes_customer else describe)
    people.named["2"] = Customer(email="noah@shop.example", is_verified=True)
    client = shop.log_in(shop.client(), "2")

    assert "User 2" in seen(client)
    assert "User 2" in seen(client)
    assert "User 2" in seen(shop.log_in(shop.client(), "2"))

    assert called_with == [(people.named["2"],) if takes_customer else ()]
    assert [row.email for row in rows(shop.account, CustomerRow) if row.name == "User 2"] == ["noah@shop.example"]


def test_host_may_decline_to_create(open_shop: OpenShop, people: People) -> None:
    shop = open_shop(identify=people.who, create=lambda: None)
    people.named["1"] = "user-8"

    assert seen(shop.log_in(shop.client())) == ""
    assert len(rows(shop.account, CustomerRow)) == 1


WRONG_DETAILS = [
    Customer(reference="user-8", create={"email": "maya@shop.example"}),  # Maya's address, which nobody proved.
    Customer(reference="user-8", create={"name": "Maya", "reference": "maya"}),
    Customer(reference="user-8", create={"id": "cus_1"}),
    Customer(reference="user-8", create={"blocked": "no"}),
    Customer(reference="user-8", create={"email": 7}),
    Customer(reference="user-8", create={"metadata": {"level": 3}}),
    Customer(reference="user-8 ", create={"name": "Trimmed"}),
    Customer(email="noah@shop.example", is_verified=True, create={"email": "maya@shop.example"}),
]


def test_details_that_are_wrong_or_somebody_elses_create_nobody(
    shop: Shop, people: People, caplog: pytest.LogCaptureFixture
) -> None:
    change(shop.account, shop.account.scope, reference="maya", email="maya@shop.example", email_key="maya@shop.example")
    client = shop.log_in(shop.client())
    for customer in WRONG_DETAILS:
        people.named["1"] = customer
        caplog.clear()

        page = client.get("/billing/payments", status=503)

        assert "Maya" not in page.html
        assert [record.getMessage() for record in caplog.records].count("host_customer.refused") == 1, customer
        assert "maya@shop.example" not in str([vars(record) for record in caplog.records])
    assert len(rows(shop.account, CustomerRow)) == 1
    assert rows(shop.account, SignInSession) == []


def test_customer_is_created_once_however_many_ask_at_once(open_shop: OpenShop) -> None:
    shop = open_shop(
        identify=lambda: Customer(
            email="noah@shop.example", is_verified=True, create={"name": "Noah Berg", "reference": "user-8"}
        )
    )
    assert shop.portal._services is not None
    database, answers, at_once = shop.portal._services.database, list[int](), threading.Barrier(6)

    def visit() -> None:
        client = shop.app.test_client()
        at_once.wait()
        answers.append(client.get("/billing/payments").status_code)
        database.reading().release()

    threads = [threading.Thread(target=visit) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert answers == [200] * 6
    assert len(rows(shop.account, CustomerRow)) == 2
    assert len(live_sessions(shop.account)) == 6


# --- the host's own doors ---


def test_url_signs_in_whom_reference_or_address_names(open_shop: OpenShop) -> None:
    shop = open_shop()
    change(
        shop.account, shop.account.scope, reference="user-7", email="maya@shop.example", email_key="maya@shop.example"
    )

    for url in (
        shop.portal.sign_in_url(shop.account.scope.customer_id),
        shop.portal.sign_in_url(reference="user-7", next="/invoices"),
        shop.portal.sign_in_url(email="maya@shop.example", next="/invoices"),
    ):
        client = shop.client()
        client.submit(client.get(url))
        assert "Maya Lindqvist" in seen(client)


def test_url_creates_an_unknown_customer_where_it_is_told_to(open_shop: OpenShop) -> None:
    shop = open_shop()
    client = shop.client()

    client.submit(client.get(shop.portal.sign_in_url(reference="user-8", create={"name": "Noah Berg"})))

    assert "Noah Berg" in seen(client)
    with pytest.raises(InvalidCustomer):
        shop.portal.sign_in_url(reference="user-9", create={"colour": "blue"})
    change(shop.account, shop.account.scope, email="maya@shop.example", email_key="maya@shop.example")
    with pytest.raises(DuplicateCustomer):
        shop.portal.sign_in_url(reference="user-9", create={"email": "maya@shop.example"})


WRONG: list[tuple[tuple[Any, ...], dict[str, Any]]] = [
    ((), {}), ((None,), {}), (("",), {}), (("  ",), {}), ((7,), {}), ((object(),), {}), ((b"cus_1",), {}), (("maya",), {}),
    (("cus_" + "0" * 22,), {}), (("cus_1' or '1'='1",), {}), (("cus_\0",), {}), (("\ud800",), {}),
    ((), {"reference": "nobody"}), ((), {"reference": ""}), ((), {"reference": 7}), ((), {"reference": None}),
    ((), {"email": "nobody@shop.example"}), ((), {"email": "not an address"}), ((), {"email": ["maya@shop.example"]}),
    ((), {"reference": "maya", "email": "maya@shop.example"}),
]  # fmt: skip


def test_wrong_arguments_are_named_and_the_hosts_404(open_shop: OpenShop, services: Services) -> None:
    shop = open_shop()
    change(shop.account, shop.account.scope, reference="maya", email="maya@shop.example", email_key="maya@shop.example")
    stranger = make_account(services, "savane")
    for arguments, names in [*WRONG, ((stranger.scope.customer_id,), {})]:
        for door in (shop.portal.sign_in_url, shop.portal.end_sessions):
            with pytest.raises(UnknownCustomer) as raised:
                door(*arguments, **names)
            assert isinstance(raised.value, NotFound), (door, arguments, names)
            assert raised.value.code == 404
            assert "@" not in str(raised.value)

    @shop.app.get("/to-billing/<customer>")
    def to_billing(customer: str) -> Any:
        return flask.redirect(shop.portal.sign_in_url(customer))

    response = shop.client().client.get("/to-billing/cus_unknown")
    assert (response.status_code, response.text) == (404, "the shop has no such page")
    assert rows(shop.account, PortalSession) == []


def test_blocked_customer_gets_no_url(open_shop: OpenShop) -> None:
    shop = open_shop()
    change(shop.account, shop.account.scope, reference="maya", blocked=True)

    with pytest.raises(UnknownCustomer):
        shop.portal.sign_in_url(shop.account.scope.customer_id)
    with pytest.raises(UnknownCustomer):
        shop.portal.sign_in_url(reference="maya")


def test_address_of_several_customers_gets_no_url(open_shop: OpenShop) -> None:
    shop = open_shop()
    add(shop.account, email="office@shop.example")
    add(shop.account, email="Office@shop.example")

    with pytest.raises(UnknownCustomer, match="2 customers"):
        shop.portal.sign_in_url(email="office@shop.example")


def test_merchant_that_is_not_there_or_disabled_has_no_customers(open_shop: OpenShop, services: Services) -> None:
    shop = open_shop()
    other = mount(build_host(), services, merchant="later")
    with pytest.raises(UnknownCustomer, match="no merchant later"):
        other.sign_in_url(shop.account.scope.customer_id)
    dispose(other)

    with services.database.unit_of_work() as session:
        session.execute(sa.update(Merchant).where(Merchant.slug == "acme").values(status="disabled"))
    with pytest.raises(UnknownCustomer):
        shop.portal.sign_in_url(shop.account.scope.customer_id)


TARGETS: list[tuple[Any, str]] = [
    ("/invoices?status=paid", "/billing/invoices?status=paid"), ("/billing/invoices", "/billing/invoices"), ("/billing", "/billing/"),
    ("//evil.example", "/billing/"), ("https://evil.example/", "/billing/"), ("/\\evil.example", "/billing/"),
    ("/billing//evil.example", "/billing/"), ("/billing/../../account", "/billing/"), ("/%2f%2fevil.example", "/billing/"),
    ("javascript:alert(1)", "/billing/"), ("\t//evil.example", "/billing/"), ("", "/billing/"), (None, "/billing/"), (7, "/billing/"),
    ("/sign-out", "/billing/"), ("/billing.evil.example", "/billing/billing.evil.example"),
]  # fmt: skip


def test_target_is_below_the_prefix_whatever_it_says(open_shop: OpenShop) -> None:
    shop = open_shop()
    for target, leads_to in TARGETS:
        url = shop.portal.sign_in_url(shop.account.scope.customer_id, target)

        response = shop.client().client.post(url, headers=SAME_ORIGIN)

        assert (response.status_code, response.headers["Location"]) == (303, leads_to), target


def test_url_within_a_request_is_below_the_path_of_the_hosts_proxy(open_shop: OpenShop) -> None:
    shop = open_shop()
    with shop.app.test_request_context("/", base_url="https://shop.example/de"):
        url = shop.portal.sign_in_url(shop.account.scope.customer_id, next=shop.portal.url_for("invoices"))
    assert url.startswith("/de/billing/sign-in/session/")

    response = shop.client().client.post(
        url.removeprefix("/de"), headers=SAME_ORIGIN, environ_overrides={"SCRIPT_NAME": "/de"}
    )

    assert response.headers["Location"] == "/de/billing/invoices"


def test_receiver_of_a_signal_links_into_the_portal_from_the_hosts_root(open_shop: OpenShop) -> None:
    shop = open_shop()
    links: list[str] = []
    signals.signed_in.connect(receiver := lambda _merchant, **_: links.append(shop.portal.url_for("payments")))

    shop.client().client.post(
        shop.portal.sign_in_url(shop.account.scope.customer_id),
        headers=SAME_ORIGIN,
        environ_overrides={"SCRIPT_NAME": "/de"},
    )

    signals.signed_in.disconnect(receiver)
    assert links == ["/de/billing/payments"]


def test_host_ends_the_sessions_of_a_customer_by_hand(open_shop: OpenShop) -> None:
    shop = open_shop()
    change(shop.account, shop.account.scope, reference="maya")
    other = add(shop.account, name="Noah Berg")
    clients = [shop.sign_in(), shop.sign_in()]
    mailed, noah = shop.client(), shop.client()
    sign_in_by_mail(shop.account, mailed)
    noah.submit(noah.get(shop.portal.sign_in_url(other.customer_id)))
    unused = shop.portal.sign_in_url(reference="maya")

    assert shop.portal.end_sessions(shop.account.scope.customer_id) == 3

    assert [seen(client) for client in [*clients, mailed]] == ["", "", ""]
    assert shop.client().client.post(unused, headers=SAME_ORIGIN).status_code == 410
    assert "Noah Berg" in seen(noah)
    assert shop.portal.end_sessions(reference="maya") == 0
    ended = [row for row in rows(shop.account, AuditEntry) if row.action == "portal.session_ended"]
    assert {row.actor_type for row in ended} == {"host"}


def test_sessions_of_a_blocked_or_deleted_customer_are_ended_too(open_shop: OpenShop) -> None:
    shop = open_shop()
    shop.sign_in()
    change(shop.account, shop.account.scope, blocked=True, deleted_at=shop.account.now)

    assert shop.portal.end_sessions(shop.account.scope.customer_id) == 1


# --- what the constructor takes ---


def test_functions_are_functions() -> None:
    app = Flask("shop", static_folder=None)
    for wrong in ({"identify": "who"}, {"identify": Customer(id="cus_1")}, {"create": {"name": "Maya"}}):
        with pytest.raises(TypeError, match="is a function"):
            Portal(app, merchant="acme", **wrong)


def test_blueprint_alone_asks_nobody() -> None:
    with pytest.raises(ValueError, match="identify"):
        Portal(merchant="acme", identify=lambda: None).create_blueprint()


def test_customer_is_not_written_with_its_address() -> None:
    assert "@" not in repr(Customer(email="maya@shop.example", is_verified=True, create={"email": "maya@shop.example"}))


# --- pay links, where nobody is signed in ---


def test_pay_link_asks_the_host_nothing_and_is_below_the_mount(open_shop) -> None:
    asked: list[str] = []

    def who() -> None:
        asked.append(flask.request.path)

    shop = open_shop(identify=who)
    invoice = shop.account.invoice(5000, number="A-1")
    link = make_pay_link(shop.account.services, shop.account.scope, invoice)
    token = link_token(shop.account.services.settings.keys, shop.account.scope.merchant_id, link)
    asked.clear()

    page = shop.log_in(shop.client()).get(f"/billing/pay/{token}")
    answer = shop.client().post(f"/billing/pay/{token}", {"payment_method": "new"}, status=409)

    assert page.headline == "Invoice A-1"
    assert page.link("Sign in to see everything").startswith("/billing/sign-in")
    assert "It cannot be paid here at the moment." in answer.get_data(as_text=True)
    assert asked == []
