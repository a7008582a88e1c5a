"""The moments after Pay: it is done, with what is still open and where the receipt went; or a telephone is waited for, in its
operator's time and after it."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from portal.clock import MovableClock
from portal.gateways.contract import State
from portal.outbox.models import OutboxMessage
from portal.payments.models import Payment
from portal.services import Services
from tests.support.accounts import Account, make_account
from tests.support.page_client import PageClient
from tests.support.scripted_gateway import ScriptedGateway

PHONE: dict[str, Any] = {
    "type": "mobile_money", "brand": "mtn_momo", "last4": "0012", "phone": "+237 6 77 •• •• 12", "exp_month": None, "exp_year": None,
}  # fmt: skip


@pytest.fixture
def account(services: Services) -> Account:
    return make_account(services, email="maya@lindqvist.example")


@pytest.fixture
def pages(app: Flask, account: Account) -> PageClient:
    return account.sign_in(app)


def pay(pages: PageClient, account: Account, amount: int = 5000, **method: Any) -> str:
    """Pay a new invoice from its page; tells the payment's address."""
    account.method(is_default=True, **method)
    invoice = account.invoice(amount, description="Seats")
    page = pages.get(f"/acme/invoices/{invoice}")
    ((button, _),) = page.buttons("/checkout")
    form = pages.submit(page, button).form(action="/confirmation")
    return pages.post(form.action, form.fields).headers["Location"]


def test_headline_is_divided_where_credit_paid_a_part(pages: PageClient, account: Account) -> None:
    account.credit(2000)

    page = pages.get(pay(pages, account))

    assert page.headline == "Paid $50.00"
    assert "$30.00 with Visa •••• 4242 and $20.00 from your credit" in page.text


def mark_receipt(account: Account, **columns: Any) -> None:
    with account.database.unit_of_work() as session:
        mine = OutboxMessage.merchant_id == account.scope.merchant_id
        session.execute(sa.update(OutboxMessage).where(mine, OutboxMessage.kind == "receipt_mail").values(**columns))


def test_after_pay_the_page_says_that_it_is_done(pages: PageClient, account: Account) -> None:
    account.invoice(4000, due_in_days=12)
    account.invoice(2000, due_in_days=3)

    page = pages.get(pay(pages, account))

    assert page.headline == "Paid $50.00"
    assert "to Acme Software Inc., today at 10:42" in page.text
    assert "The receipt is on its way to maya@lindqvist.example" in page.text
    assert "What you paid Seats$50.00" in page.text and "Paid in full" in page.text
    assert "Still open$60.00 in 2 invoices, the next due Mar 22" in page.text
    assert page.link("Pay $60.00") == "/acme/checkout?outstanding=USD"
    assert page.link("Back to overview") == "/acme/"


@pytest.mark.parametrize(
    ("became", "words"),
    [
        ({"done_at": True}, "Receipt sent to maya@lindqvist.example"),
        ({"dead_at": True}, "The receipt could not be delivered to maya@lindqvist.example. This page is your receipt."),
    ],
    ids=["sent", "refused"],
)
def test_receipt_is_where_the_mail_is(pages: PageClient, account: Account, became: dict[str, bool], words: str) -> None:
    payment = pay(pages, account)
    mark_receipt(account, **dict.fromkeys(became, account.now))

    text = pages.get(payment).text

    assert words in text
    assert "on its way" not in text


def test_customer_without_an_address_is_promised_no_receipt(app: Flask, services: Services, account: Account) -> None:
    silent = make_account(services, merchant_id=account.scope.merchant_id, email="")
    pages = silent.sign_in(app)

    text = pages.get(pay(pages, silent)).text

    assert "Receipt sent" not in text and "The receipt" not in text


def test_nothing_is_still_open_where_nothing_is_owed(pages: PageClient, account: Account) -> None:
    assert "Still open" not in pages.get(pay(pages, account)).text


def test_who_wants_no_receipts_is_promised_none(pages: PageClient, account: Account) -> None:
    pages.post("/acme/notices", {"refund": "yes"})
    account.method(is_default=True)
    invoice = account.invoice(5000, description="Seats")
    page = pages.get(f"/acme/invoices/{invoice}")
    ((button, _),) = page.buttons("/checkout")

    review = pages.submit(page, button)
    done = pages.get(
        pages.post(review.form(action="/confirmation").action, review.form(action="/confirmation").fields).location
    )

    assert "maya@lindqvist.example" not in review.text
    assert (
        done.headline == "Paid $50.00" and "eceipt sent" not in done.text and "receipt is on its way" not in done.text
    )


def test_payment_of_long_ago_speaks_of_no_receipt_and_of_nothing_open(
    pages: PageClient, account: Account, clock: MovableClock
) -> None:
    payment = pay(pages, account)
    account.invoice(4000)
    clock.advance(hours=2)

    page = pages.get(payment)

    assert page.headline == "Paid $50.00"
    assert "to Acme Software Inc., Mar 19, 2026" in page.text
    assert "Receipt sent" not in page.text and "The receipt" not in page.text and "Still open" not in page.text


def test_invoice_that_was_paid_in_part_says_what_is_open_of_it(pages: PageClient, account: Account) -> None:
    invoice = account.invoice(5000, status="partially_paid", amount_paid=2000)
    payment = account.payment("complete", 2000, pays={invoice: 2000}, credit_amount=500)

    text = pages.get(f"/acme/payments/{payment}").text

    assert "$30.00 of it is still open" in text and "Paid in full" not in text
    assert "From your credit$5.00" in text and "$15.00" in text


# --- by telephone ---


def wait_for_phone(pages: PageClient, account: Account, gateway: ScriptedGateway) -> str:
    gateway.becomes.append(State.PENDING)
    return pay(pages, account, **PHONE)


def test_prompt_is_waited_for_in_its_operators_time(
    pages: PageClient, account: Account, gateway: ScriptedGateway, clock: MovableClock
) -> None:
    payment = wait_for_phone(pages, account, gateway)
    clock.advance(seconds=72)

    page = pages.get(payment)

    (bar,) = page.all("progress")
    assert (bar.get("max"), bar.get("value")) == ("180", "72")
    assert "1 min 48 s left" in page.text
    assert "The request ends at 10:45 (UTC time)." in page.text
    assert page.headline == "Approve on your phone"
    assert page.form("Stop, and pay another way").method == "POST"


def test_prompt_without_an_answer_says_what_can_still_happen(
    pages: PageClient, account: Account, gateway: ScriptedGateway, clock: MovableClock
) -> None:
    payment = wait_for_phone(pages, account, gateway)
    clock.advance(minutes=4)

    page = pages.get(payment)

    assert page.headline == "Still no answer from your phone"
    for words in (
        "The request for $50.00 went out at 10:42 (UTC time). Nothing has been taken so far.",
        "It is accepted until 13:42 (UTC time), and this page will show it.",
        "Nothing is taken, and the invoice stays open.",
        "No answer within 3 minutes10:45:00",
        "Both cancel the first request: you cannot pay twice.",
    ):
        assert words in page.text, words
    assert not page.all("progress")


def test_times_are_those_of_the_zone_that_is_named(
    pages: PageClient, account: Account, gateway: ScriptedGateway
) -> None:
    from portal.merchants.models import Merchant

    payment = wait_for_phone(pages, account, gateway)
    account.change(Merchant, account.scope.merchant_id, timezone="Africa/Douala")
    account.services.clock.advance(seconds=10)  # type: ignore[attr-defined]  # a test's clock moves

    assert "The request ends at 11:45 (Douala time)." in pages.get(payment).text


def test_request_is_sent_again_only_once_the_first_is_cancelled(
    pages: PageClient, account: Account, gateway: ScriptedGateway, clock: MovableClock
) -> None:
    payment = wait_for_phone(pages, account, gateway)
    clock.advance(minutes=4)

    review = pages.submit(pages.get(payment), "Send the request again")

    assert review.headline == "Review and pay"
    assert [text for text, _ in review.buttons("/confirmation")] == ["Pay $50.00 to Acme Software Inc."]
    assert status_of(account, payment) == "canceled"
    form = review.form(action="/confirmation")
    assert pages.post(form.action, form.fields).headers["Location"] != payment
    assert [call for call, _ in gateway.calls if call in ("charge", "cancel")] == ["charge", "cancel", "charge"]


def test_approval_that_came_just_before_sending_again_pays_once(
    pages: PageClient, account: Account, gateway: ScriptedGateway, clock: MovableClock
) -> None:
    payment = wait_for_phone(pages, account, gateway)
    clock.advance(minutes=4)
    late = pages.get(payment)
    gateway.settle(payment.rpartition("/")[2], State.SUCCEEDED)

    page = pages.submit(late, "Send the request again")

    assert page.headline == "Paid $50.00"
    assert len(gateway.captured) == 1


def status_of(account: Account, address: str) -> str:
    with account.database.read() as reader:
        found = reader.execute(
            sa.select(Payment.status).where(
                Payment.merchant_id == account.scope.merchant_id, Payment.id == address.rpartition("/")[2]
            )
        )
        return str(found.scalar_one())
