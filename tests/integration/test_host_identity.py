"""A host application says who is logged in: whom it names is signed in to the portal, and nobody else ever is."""

from __future__ import annotations

from typing import Any

import flask
import pytest
from flask import Flask

from portal import Customer, Portal, signals
from portal.audit.models import AuditEntry
from portal.customers.models import Customer as CustomerRow
from portal.pay_links.rules import link_token
from portal.services import Services
from portal.sign_in.models import SignInSession
from tests.support.accounts import make_account
from tests.support.hosts import OpenShop, Shop
from tests.support.identified import SIGN_IN, People, add, change, live_sessions, rows, seen, sign_in_by_mail
from tests.support.page_client import SAME_ORIGIN
from tests.support.pay_links import make_pay_link

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
