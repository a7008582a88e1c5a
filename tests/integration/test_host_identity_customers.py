"""Customers whom a host application creates, and the doors that it opens itself: addresses that sign in, sessions that it ends."""

from __future__ import annotations

import threading
from typing import Any

import flask
import flask_login
import pytest
import sqlalchemy as sa
from werkzeug.exceptions import NotFound

from portal import Customer, UnknownCustomer, signals
from portal.audit.models import AuditEntry
from portal.customers.errors import DuplicateCustomer, InvalidCustomer
from portal.customers.models import Customer as CustomerRow
from portal.merchants.models import Merchant
from portal.services import Services
from portal.sign_in.models import PortalSession, SignInSession
from tests.support.accounts import make_account
from tests.support.hosts import OpenShop, Shop, build_host, dispose, mount
from tests.support.identified import People, add, change, live_sessions, rows, seen, sign_in_by_mail
from tests.support.page_client import SAME_ORIGIN

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
