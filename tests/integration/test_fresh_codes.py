"""Acts that a stolen session must not do: a fresh code by mail comes first (contract, 4: Times)."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import Any

import pytest
from sqlalchemy.orm import Session

from portal.errors import FreshCodeNeeded
from portal.gateways.contract import State
from portal.payment_methods.models import PaymentMethod
from portal.payments.models import Payment
from portal.payments.operations.intents import write_intent
from tests.support.accounts import Account
from tests.support.actors import OPERATOR
from tests.support.merchant_settings import change_settings
from tests.support.notices import with_fresh_code
from tests.support.page_client import Page, PageClient
from tests.support.paying import CONSENT, PayingCustomer
from tests.support.site import Site


@pytest.fixture
def account(site: Site) -> Account:
    return Account(site.services, site.scope, "acme")


@pytest.fixture
def method(account: Account) -> str:
    return account.method(is_default=True)


@pytest.fixture
def pages(site: Site, method: str) -> PageClient:
    return site.signed_in()


def code_page(target: str) -> str:
    return f"/acme/security/confirm?next={target}"


def redirect(pages: PageClient, path: str) -> str:
    """Where opening a page leads to."""
    answer = pages.client.get(path, headers={"Sec-Fetch-Site": "none"})
    assert answer.status_code == 303, answer.status
    return str(answer.location)


def status_of(site: Site, method: str) -> str:
    (row,) = site.rows(PaymentMethod, id=method)
    return str(row.status)


# --- the last method ---


def test_only_method_is_removed_after_a_fresh_code_alone(site: Site, pages: PageClient, method: str) -> None:
    removal = f"/payment-methods/{method}/removal"

    shown, posted = redirect(pages, f"/acme{removal}"), pages.post(f"/acme{removal}")

    assert shown.endswith(code_page(removal)) and posted.location.endswith(code_page(removal))
    assert status_of(site, method) == "active"
    assert pages.get(code_page(removal)).link("Cancel").endswith("/acme/payment-methods")
    with_fresh_code(site, pages)
    pages.submit(pages.get(f"/acme{removal}"), "Remove Visa •••• 4242")
    assert status_of(site, method) == "removed"


def test_one_of_two_methods_is_removed_without_a_code(
    site: Site, account: Account, pages: PageClient, method: str
) -> None:
    account.method(last4="5100")

    pages.post(f"/acme/payment-methods/{method}/removal")

    assert status_of(site, method) == "removed"


def test_last_method_of_use_beside_an_expired_one_needs_a_code_too(
    site: Site, account: Account, pages: PageClient, method: str
) -> None:
    account.method(last4="5100", exp_year=2020)

    answer = pages.post(f"/acme/payment-methods/{method}/removal")

    assert answer.location.endswith(code_page(f"/payment-methods/{method}/removal"))
    assert status_of(site, method) == "active"


# --- paying above the merchant's limit ---


def limit(site: Site, **amounts: str) -> None:
    with site.services.database.unit_of_work() as session:
        changes: dict[str, Any] = {"amounts": {"fresh_code_above": amounts}}
        change_settings(session, site.scope.merchant_id, changes, actor=OPERATOR, at=site.clock.now())
    site.clock.advance(minutes=1)  # Pages read what a merchant decides at most so late.


def choose(pages: PageClient, invoice: str, **fields: Any) -> str:
    """Take the first step; return the path of the review."""
    form = pages.get(f"/acme/checkout?invoice={invoice}").form(action="/checkout")
    return str(pages.post(form.action, {**form.fields, **fields}).headers["Location"])


def test_saved_method_pays_above_the_limit_after_a_fresh_code_alone(
    site: Site, account: Account, pages: PageClient
) -> None:
    limit(site, USD="50.00")
    review = choose(pages, account.invoice(5001))
    payment = review.rpartition("/")[2]
    target = f"/checkout/{payment}"

    assert redirect(pages, review).endswith(code_page(target))
    assert pages.post(f"{review}/confirmation").location.endswith(code_page(target))
    assert [row.status for row in site.rows(Payment)] == ["incomplete"]
    assert pages.get(code_page(target)).link("Cancel").endswith("/acme/invoices")
    with_fresh_code(site, pages)
    pay(pages, pages.get(review))
    assert [row.status for row in site.rows(Payment)] == ["complete"]


def test_code_that_was_entered_too_long_ago_does_not_pay(site: Site, account: Account, pages: PageClient) -> None:
    limit(site, USD="50.00")
    with_fresh_code(site, pages)
    review = choose(pages, account.invoice(5001))
    shown = pages.get(review)

    site.clock.advance(minutes=15)
    answer = pages.post(*confirmation(shown))

    assert code_page("/checkout/") in answer.location
    assert [row.status for row in site.rows(Payment)] == ["incomplete"]


@pytest.mark.parametrize(("total", "limits"), [(5000, {"USD": "50.00"}), (5001, {"EUR": "50.00"}), (500_000, {})])
def test_up_to_the_limit_of_its_currency_no_code_is_asked_for(
    site: Site, account: Account, pages: PageClient, total: int, limits: dict[str, str]
) -> None:
    limit(site, **limits)

    pay(pages, pages.get(choose(pages, account.invoice(total))))

    assert [row.status for row in site.rows(Payment)] == ["complete"]


def test_what_credit_pays_does_not_count(site: Site, account: Account, pages: PageClient) -> None:
    limit(site, USD="50.00")
    account.credit(1000)

    pay(pages, pages.get(choose(pages, account.invoice(5500), use_credit="yes")))

    (row,) = site.rows(Payment)
    assert (row.status, row.amount - row.credit_amount) == ("complete", 4500)


def test_way_whose_details_are_entered_anew_needs_no_code(site: Site, account: Account, pages: PageClient) -> None:
    limit(site, USD="50.00")
    site.services.gateways.find(site.scope.merchant_id).becomes.append(State.REQUIRES_ACTION)  # type: ignore[union-attr]

    pay(pages, pages.get(choose(pages, account.invoice(9000), payment_method="new")))

    assert [row.status for row in site.rows(Payment)] == ["requires_action"]


def test_customer_without_an_address_is_not_asked(site: Site, account: Account, method: str) -> None:
    limit(site, USD="50.00")
    site.change_customer(site.scope, email=None, email_key=None)
    pages = account.sign_in(site.app)

    pay(pages, pages.get(choose(pages, account.invoice(9000))))

    assert [row.status for row in site.rows(Payment)] == ["complete"]


def confirmation(review: Page) -> tuple[str, dict[str, list[str]]]:
    form = review.form(action="/confirmation")
    return form.action, form.fields


def pay(pages: PageClient, review: Page) -> None:
    pages.post(*confirmation(review))


# --- an amount in parts ---


def statuses_of(site: Site) -> list[str]:
    return sorted(row.status for row in site.rows(Payment))


def test_parts_below_the_limit_need_a_code_once_their_sum_is_above_it(
    site: Site, account: Account, pages: PageClient
) -> None:
    limit(site, USD="50.00")
    for _ in range(2):
        pay(pages, pages.get(choose(pages, account.invoice(2500))))
    review = choose(pages, account.invoice(100))

    assert code_page("/checkout/") in redirect(pages, review)
    assert code_page("/checkout/") in pages.post(f"{review}/confirmation").location
    assert statuses_of(site) == ["complete", "complete", "incomplete"]
    with_fresh_code(site, pages)
    pay(pages, pages.get(review))
    assert statuses_of(site) == ["complete"] * 3


def test_sum_begins_anew_after_a_fresh_code_and_after_a_day(site: Site, account: Account, pages: PageClient) -> None:
    limit(site, USD="50.00")
    pay(pages, pages.get(choose(pages, account.invoice(4000))))
    with_fresh_code(site, pages)
    pay(pages, pages.get(choose(pages, account.invoice(9000))))
    site.clock.advance(minutes=16)

    pay(pages, pages.get(choose(pages, account.invoice(4000))))
    assert code_page("/checkout/") in redirect(pages, choose(pages, account.invoice(2000)))
    for _ in range(2):  # Used meanwhile, so that it does not end.
        site.clock.advance(hours=13)
        pages.get("/acme/")
    pay(pages, pages.get(choose(pages, account.invoice(2000))))


def test_parts_paid_in_another_session_count(site: Site, account: Account, pages: PageClient) -> None:
    limit(site, USD="50.00")
    pay(pages, pages.get(choose(pages, account.invoice(4000))))
    other = site.signed_in()

    assert code_page("/checkout/") in redirect(other, choose(other, account.invoice(2000)))


def test_card_that_was_entered_anew_and_saved_does_not_count(
    site: Site, account: Account, pages: PageClient, method: str
) -> None:
    limit(site, USD="50.00")
    now = site.clock.now()
    account.payment("complete", 4900, way="new_method", payment_method_id=method, confirmed_at=now)

    pay(pages, pages.get(choose(pages, account.invoice(2000))))


def test_what_ended_without_money_and_other_currencies_do_not_count(
    site: Site, account: Account, pages: PageClient, method: str
) -> None:
    limit(site, USD="50.00")
    now = site.clock.now()
    for status, currency in (("failed", "USD"), ("complete", "EUR")):
        account.payment(status, 9000, currency=currency, way="saved_method", payment_method_id=method, confirmed_at=now)
    account.payment("complete", 9000, confirmed_at=now)  # By a card that is not saved.

    pay(pages, pages.get(choose(pages, account.invoice(4000))))


def test_two_parts_at_once_do_not_both_fit(payer: PayingCustomer) -> None:
    """Each alone is below the limit, and both together are above it: the second waits for the first to be written."""
    set_payment_limit(payer, USD="50.00")
    first, second = (payer.checkout(payer.invoice(3000)) for _ in range(2))

    with ThreadPoolExecutor(1) as pool:
        with payer.services.database.unit_of_work() as session:
            write_part(payer, session, first)
            session.flush()
            later = pool.submit(is_refused, payer, second)
            Event().wait(0.5)
        assert later.result()

    assert [payer.status(part) for part in (first, second)] == ["processing", "incomplete"]


def write_part(payer: PayingCustomer, session: Session, payment: str) -> None:
    write_intent(
        session, services=payer.services, gateway=payer.gateway, scope=payer.scope, payment_id=payment, version="",
        return_url="http://127.0.0.1/back", locale="en", consent=CONSENT, has_fresh_code=False, covered_until=None,
        actor=payer.actor,
    )  # fmt: skip


def set_payment_limit(payer: PayingCustomer, **amounts: str) -> None:
    with payer.services.database.unit_of_work() as session:
        changes: dict[str, Any] = {"amounts": {"fresh_code_above": amounts}}
        change_settings(session, payer.scope.merchant_id, changes, actor=OPERATOR, at=payer.clock.now())


def is_refused(payer: PayingCustomer, payment: str) -> bool:
    try:
        payer.confirm(payment)
    except FreshCodeNeeded:
        return True
    return False
