"""The order number that a merchant needs before it is paid: asked for where it is missing, kept with the customer, printed from then on."""

from __future__ import annotations

from typing import Any

import pytest

from portal.audit.models import AuditEntry
from portal.customers.models import Customer
from portal.payments.models import Payment
from tests.support.accounts import Account
from tests.support.actors import OPERATOR
from tests.support.merchant_settings import change_settings
from tests.support.page_client import Page, PageClient
from tests.support.site import Site

LABEL = "Purchase order (PO)"


@pytest.fixture
def account(site: Site) -> Account:
    account = Account(site.services, site.scope, "acme")
    account.method(is_default=True)
    return account


def require(site: Site, **more: Any) -> None:
    with site.services.database.unit_of_work() as session:
        fields = {"fields": {"purchase_order": {"show": "required", **more}}}
        change_settings(session, site.scope.merchant_id, fields, actor=OPERATOR, at=site.clock.now())


def first_step(pages: PageClient, invoice: str) -> Page:
    return pages.get(f"/acme/checkout?invoice={invoice}")


def submit(pages: PageClient, page: Page, *, status: int = 303, **fields: Any) -> Any:
    form = page.form(action="/checkout")
    return pages.post(form.action, {**form.fields, **fields}, status=status)


def stored(site: Site) -> str | None:
    (maya,) = site.rows(Customer, merchant_id=site.scope.merchant_id, id=site.scope.customer_id)
    return str(maya.purchase_order) if maya.purchase_order is not None else None


def test_missing_order_number_is_asked_for_before_paying_and_kept(site: Site, account: Account) -> None:
    require(site, label={"en": LABEL})
    pages, invoice = site.signed_in(), account.invoice()
    page = first_step(pages, invoice)
    assert LABEL in page.texts("label")

    refused = Page("", submit(pages, page, status=422))
    assert "Enter your order number." in refused.text and site.rows(Payment) == []
    answer = submit(pages, page, purchase_order=" PO-4711 ")

    assert "/checkout/pay_" in answer.location and stored(site) == "PO-4711"
    (entry,) = site.rows(AuditEntry, action="customer.updated")
    assert (entry.actor_type, entry.details["changed"]) == ("customer", ["purchase_order"])
    assert LABEL not in first_step(pages, account.invoice()).html


def test_paying_without_a_choice_leads_to_the_question_first(site: Site, account: Account) -> None:
    require(site)
    pages, invoice = site.signed_in(), account.invoice()
    page = pages.get(f"/acme/invoices/{invoice}")

    asked = pages.submit(page, page.buttons("/checkout")[0][0])

    assert "Your order number" in asked.texts("label") and site.rows(Payment) == []


@pytest.mark.parametrize(("typed", "fault"), [("x" * 256, "cannot be saved"), ("4242 4242 4242 4242", "card number")])
def test_order_number_that_cannot_be_kept_says_so_and_begins_nothing(
    site: Site, account: Account, typed: str, fault: str
) -> None:
    require(site)
    pages = site.signed_in()

    page = Page("", submit(pages, first_step(pages, account.invoice()), status=422, purchase_order=typed))

    assert fault in page.text and stored(site) is None and site.rows(Payment) == []
    assert "4242 4242" not in page.html


def test_where_it_is_not_required_nothing_is_asked(site: Site, account: Account) -> None:
    pages = site.signed_in()

    answer = submit(pages, first_step(pages, account.invoice()), purchase_order="PO-1")

    assert "/checkout/pay_" in answer.location and stored(site) is None


def test_one_that_is_there_is_neither_asked_for_nor_overwritten(site: Site, account: Account) -> None:
    require(site)
    site.change_customer(site.scope, purchase_order="PO-OLD")
    pages = site.signed_in()

    page = first_step(pages, account.invoice())
    submit(pages, page, purchase_order="PO-NEW")

    assert "Your order number" not in page.texts("label") and stored(site) == "PO-OLD"
