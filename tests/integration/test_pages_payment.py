"""One payment's page: it tells the truth in every status, asks the gateway while it is not known, and belongs to one customer."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from flask import Flask

from portal.clock import MovableClock
from portal.gateways.contract import ChargeRequest
from portal.money import Money
from portal.payments.rules.statuses import PAYMENT_STATUSES
from portal.services import Services
from tests.support.accounts import Account, make_account
from tests.support.page_client import Page, PageClient
from tests.support.scripted_gateway import ScriptedGateway, lost
from tests.support.statements import counted_statements


@pytest.fixture
def account(services: Services) -> Account:
    return make_account(services)


@pytest.fixture
def pages(app: Flask, account: Account) -> PageClient:
    return account.sign_in(app)


def steps(page: Page) -> list[str]:
    timeline = next(element for element in page.all("ol") if element.get("class") == "timeline")
    return ["".join(each.itertext()).strip() for each in timeline.iter() if each.tag.rpartition("}")[2] == "p"]


@pytest.mark.parametrize("status", PAYMENT_STATUSES)
def test_every_status_has_its_page(pages: PageClient, account: Account, status: str) -> None:
    refunded = {"refunded": 5000, "partially_refunded": 1500}.get(status, 0)
    invoice = account.invoice(description="Team plan, March", number="ACME-0412")
    payment = account.payment(status, pays={invoice: 5000}, amount_refunded=refunded)
    if refunded:
        account.refund(payment, refunded)

    page = pages.get(f"/acme/payments/{payment}")

    assert "$50.00" in page.headline
    assert "Acme Software Inc." in page.text
    assert page.link("Team plan, March") == f"/acme/invoices/{invoice}"
    assert "Visa" in page.text
    assert payment in page.text


def test_steps_are_listed_oldest_first(pages: PageClient, account: Account) -> None:
    at = account.now
    payment = account.payment(
        "partially_refunded",
        sent_at=at + timedelta(seconds=1),
        completed_at=at + timedelta(seconds=6),
        amount_refunded=1500,
    )
    account.refund(payment, 1500, at=at + timedelta(days=2))

    page = pages.get(f"/acme/payments/{payment}")

    assert steps(page) == [
        "You started the payment", "Request sent to Sandbox Pay", "Paid", "$15.00 refunded",
    ]  # fmt: skip
    assert "−$15.00" in page.text


def test_money_on_its_way_back_is_not_shown_as_sent(pages: PageClient, account: Account) -> None:
    payment = account.payment("partially_refunded", amount_refunded=2000)
    account.refund(payment, 1500)
    account.refund(payment, 500, "pending")
    account.refund(payment, 700, "failed")

    text = pages.get(f"/acme/payments/{payment}").text

    assert "$15.00 of it has been refunded." in text
    assert "$5.00 of it is being refunded." in text


def test_refund_that_failed_is_shown_without_a_promise(pages: PageClient, account: Account) -> None:
    payment = account.payment("complete")
    account.refund(payment, 700, "failed")

    assert steps(pages.get(f"/acme/payments/{payment}"))[-1] == "A refund of $7.00 did not go through"


def test_refund_that_is_all_on_its_way_has_sent_nothing_back(pages: PageClient, account: Account) -> None:
    payment = account.payment("refunded", amount_refunded=5000)
    account.refund(payment, 5000, "pending")

    text = pages.get(f"/acme/payments/{payment}").text

    assert "has been refunded" not in text
    assert "$50.00 of it is being refunded." in text


def test_imported_payment_that_went_back_says_so(pages: PageClient, account: Account) -> None:
    payment = account.payment("partially_refunded", amount_refunded=1500, gateway="import")

    assert "$15.00 of it has been refunded." in pages.get(f"/acme/payments/{payment}").text


def test_invoices_that_were_paid_stand_oldest_first(pages: PageClient, account: Account) -> None:
    later = account.invoice(3000, description="Later", due_in_days=9)
    sooner = account.invoice(5000, description="Sooner", due_in_days=2)
    payment = account.payment(pays={later: 3000, sooner: 5000})

    text = pages.get(f"/acme/payments/{payment}").text

    assert text.index("Sooner") < text.index("Later")


def test_failed_payment_says_why_and_leads_to_paying_again(pages: PageClient, account: Account) -> None:
    invoice = account.invoice()
    payment = account.payment("failed", pays={invoice: 5000}, state="released", failure_code="insufficient_funds")

    page = pages.get(f"/acme/payments/{payment}")

    assert "There was not enough money" in page.text
    assert page.way("Pay $50.00 another way") == f"/acme/checkout?invoice={invoice}"


def test_way_out_names_what_is_owed_by_now(pages: PageClient, account: Account) -> None:
    paid, part = (
        account.invoice(status="paid", amount_paid=5000),
        account.invoice(status="partially_paid", amount_paid=1000),
    )
    payment = account.payment("failed", 10_000, pays={paid: 5000, part: 5000}, state="released")

    page = pages.get(f"/acme/payments/{payment}")

    assert page.way("Pay $40.00 another way") == f"/acme/checkout?invoice={part}"


WAYS_OUT = [("failed", "Pay {} another way"), ("canceled", "Pay {}"), ("expired", "Pay {}"), ("abandoned", "Pay {}")]


@pytest.mark.parametrize(("status", "button"), WAYS_OUT)
def test_way_out_of_a_payment_in_another_currency_names_what_the_invoice_asks(
    pages: PageClient, account: Account, status: str, button: str
) -> None:
    invoice = account.invoice(47_916, prices={"EUR": 36_000})
    payment = account.payment(status, 36_000, currency="EUR", pays={invoice: 47_916}, state="released")

    page = pages.get(f"/acme/payments/{payment}")

    assert page.way(button.format("$479.16")) == f"/acme/checkout?invoice={invoice}"


@pytest.mark.parametrize(
    ("status", "button"),
    [("failed", "Pay another way"), ("canceled", "Pay what is still open")],
    ids=["failed", "canceled"],
)
def test_way_out_of_several_currencies_names_no_amount(
    pages: PageClient, account: Account, status: str, button: str
) -> None:
    dollars, euros = account.invoice(5000), account.invoice(7000, currency="EUR", due_in_days=9)
    payment = account.payment(status, 11_600, currency="EUR", pays={dollars: 5000, euros: 7000}, state="released")

    page = pages.get(f"/acme/payments/{payment}")

    assert page.way(button) == f"/acme/checkout?invoice={dollars}&invoice={euros}"


def test_failed_payment_of_a_paid_invoice_leads_nowhere(pages: PageClient, account: Account) -> None:
    invoice = account.invoice(status="paid", amount_paid=5000)
    payment = account.payment("failed", pays={invoice: 5000}, state="released")

    assert "another way" not in pages.get(f"/acme/payments/{payment}").text


ENDED = [
    ("expired", None),
    ("abandoned", None),
    ("failed", "insufficient_funds"),
    ("failed", "page_expired"),
    ("failed", "returned_unpaid"),
    ("canceled", None),
]


@pytest.mark.parametrize(("status", "code"), ENDED)
def test_payment_without_money_says_that_it_is_open_only_while_it_is(
    pages: PageClient, account: Account, status: str, code: str | None
) -> None:
    paid, owed = account.invoice(status="paid", amount_paid=5000), account.invoice()
    given: dict[str, Any] = {"state": "released", "failure_code": code}
    over, still_owed = (account.payment(status, pays={invoice: 5000}, **given) for invoice in (paid, owed))

    texts = [pages.get(f"/acme/payments/{payment}").text for payment in (over, still_owed)]

    assert [" is still open" in text or "is open again" in text for text in texts] == [False, status != "canceled"]
    assert all("Nothing was taken." in text or "No money reached us." in text for text in texts)


@pytest.mark.parametrize(("status", "code"), ENDED)
def test_money_in_advance_that_did_not_come_leaves_nothing_open(
    pages: PageClient, account: Account, status: str, code: str | None
) -> None:
    payment = account.payment(status, kind="top_up", description="", note="", failure_code=code)

    text = pages.get(f"/acme/payments/{payment}").text

    assert "still open" not in text and "open again" not in text


def test_what_to_do_is_not_said_of_a_payment_that_was_made_good(pages: PageClient, account: Account) -> None:
    paid = account.invoice(status="paid", amount_paid=5000)
    payment = account.payment(
        "expired", pays={paid: 5000}, state="released", failure_code="timeout", method_type="mobile_money"
    )

    text = pages.get(f"/acme/payments/{payment}").text

    assert "There was no answer from your phone" in text
    assert "Pay again" not in text


def test_money_in_advance_from_a_bank_speaks_of_no_invoice(pages: PageClient, account: Account) -> None:
    given: dict[str, Any] = {"kind": "top_up", "description": "", "note": "", "method_type": "bank_account"}
    payment = account.payment("pending", method_brand="Chase", **given)

    text = pages.get(f"/acme/payments/{payment}").text

    assert "Your bank is sending it" in text
    assert "the invoice counts" not in text


def test_declined_money_in_advance_says_what_to_do(pages: PageClient, account: Account) -> None:
    payment = account.payment("failed", kind="top_up", description="", note="", failure_code="card_declined")

    assert "Ask your bank, or use another payment method." in pages.get(f"/acme/payments/{payment}").text


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"sent_at": None, "confirmed_at": None}, "This payment was never confirmed"),
        (
            {"gateway_page_reference": "pg_1", "method_type": None},
            "This payment was left unfinished on the payment provider’s page",
        ),
        ({"method_type": None}, "This payment was not finished in time"),
        ({"sent_at": None, "opened_at": None, "gateway": "import"}, "This payment was not finished in time"),
    ],
    ids=["on the review", "at the gateway", "before its page was known", "imported"],
)
def test_abandoned_payment_says_where_it_was_left(
    pages: PageClient, account: Account, given: dict[str, Any], words: str
) -> None:
    payment = account.payment("abandoned", **{"opened_at": account.now, **given})

    text = pages.get(f"/acme/payments/{payment}").text

    assert words in text
    assert ("payment provider’s page" in text) == ("payment provider’s page" in words)


def test_merchant_without_gateway_offers_no_payment(pages: PageClient, account: Account, services: Services) -> None:
    services.gateways.gateway = None  # type: ignore[attr-defined]
    payment = account.payment("failed", pays={account.invoice(): 5000}, state="released")

    assert "another way" not in pages.get(f"/acme/payments/{payment}").text


def test_unfinished_checkout_goes_on_until_it_expires(pages: PageClient, account: Account, clock: MovableClock) -> None:
    payment = account.payment("incomplete", confirmed_at=None, sent_at=None, method_type=None)

    page = pages.get(f"/acme/payments/{payment}")
    assert page.way("Continue to pay $50.00") == f"/acme/checkout/{payment}"
    assert page.form("Cancel this payment").action == f"/acme/checkout/{payment}/cancellation"

    clock.advance(hours=4)
    page = pages.get(f"/acme/payments/{payment}")
    assert "Continue to pay" not in page.text
    assert "Cancel this payment" not in page.text


def test_payment_that_waits_for_the_bank_leads_to_it(
    pages: PageClient, account: Account, gateway: ScriptedGateway
) -> None:
    payment = account.payment("requires_action", action_url="http://localhost:9/3ds", checked_at=account.now)

    page = pages.get(f"/acme/payments/{payment}")

    assert page.link("Continue to confirm $50.00") == "http://localhost:9/3ds"
    assert page.form(action="/cancellation").action == f"/acme/checkout/{payment}/cancellation"
    assert steps(page)[-2:] == ["Request sent to Sandbox Pay", "Your bank asked you to confirm"]


@pytest.mark.parametrize(
    ("status", "given", "button"),
    [
        ("incomplete", {"confirmed_at": None, "sent_at": None}, "Continue to pay $37.50"),
        (
            "incomplete",
            {"confirmed_at": None, "sent_at": None, "credit_amount": 5000, "way": "credit", "gateway": None},
            "Continue to pay $50.00",
        ),
        ("requires_action", {"action_url": "http://localhost:9/3ds"}, "Continue to confirm $37.50"),
        ("requires_action", {"action_url": "http://localhost:9/page", "method_type": None}, "Continue to pay $37.50"),
    ],
    ids=["review", "review, by credit alone", "bank", "gateway's page"],
)
def test_button_that_goes_on_names_what_is_paid_beside_credit(
    pages: PageClient, account: Account, status: str, given: dict[str, Any], button: str
) -> None:
    payment = account.payment(status, **{"credit_amount": 1250, "checked_at": account.now, **given})

    page = pages.get(f"/acme/payments/{payment}")
    assert page.way(button) if status == "incomplete" else page.link(button)


def test_reload_asks_the_gateway_and_tells_what_it_says(
    pages: PageClient, account: Account, gateway: ScriptedGateway, clock: MovableClock
) -> None:
    invoice = account.invoice(amount_reserved=5000)
    payment = account.payment("processing", pays={invoice: 5000}, state="active", next_check_at=account.now)

    page = pages.get(f"/acme/payments/{payment}")
    assert "We do not know yet" in page.text
    assert ("look_up", payment) in gateway.calls

    gateway.charge(ChargeRequest(payment, Money(5000, "USD"), "tok_visa", "Team plan", "http://127.0.0.1/back"))
    clock.advance(seconds=5)
    page = pages.get(f"/acme/payments/{payment}")
    assert "We do not know yet" not in page.text
    assert steps(page)[-1] == "Paid"


def test_unknown_outcome_promises_no_mail_that_nobody_sends(pages: PageClient, account: Account) -> None:
    invoice = account.invoice(amount_reserved=5000)
    payment = account.payment("processing", pays={invoice: 5000}, state="active")
    in_advance = account.payment("processing", kind="top_up", description="", note="")

    texts = [pages.get(f"/acme/payments/{each}").text for each in (payment, in_advance)]

    assert all("this page updates itself" in text and "write to you" not in text for text in texts)
    # Nothing is held for money in advance: whoever pays it again pays it twice.
    assert ["You cannot be charged twice." in text for text in texts] == [True, False]


@pytest.mark.parametrize("status", ["processing", "requires_action"])
def test_lost_order_of_a_page_says_that_nobody_was_asked(pages: PageClient, account: Account, status: str) -> None:
    payment = account.payment(status, method_type=None, method_brand=None, method_last4=None)

    page = pages.get(f"/acme/payments/{payment}")

    assert "We do not know yet whether Sandbox Pay has your order" in page.text
    assert "there is nothing to do" in page.text
    assert "on its way" not in page.text and "payment method there" not in page.text
    assert steps(page) == [
        "You started the payment", "We asked Sandbox Pay for a payment page", "No clear answer yet; we keep checking",
    ]  # fmt: skip


def test_order_whose_page_never_reached_us_can_only_be_stopped(pages: PageClient, account: Account) -> None:
    payment = account.payment("pending", method_type=None, method_brand=None, method_last4=None)

    page = pages.get(f"/acme/payments/{payment}")

    assert "The Sandbox Pay page could not be opened" in page.text
    assert "on its way" not in page.text
    assert page.form("Stop, and pay another way").action == f"/acme/checkout/{payment}/cancellation"
    assert steps(page)[1:] == ["We asked Sandbox Pay for a payment page", "We did not receive the payment page"]


@pytest.mark.parametrize(
    ("status", "given", "words"),
    [
        ("pending", {"gateway_page_reference": "pg_1"}, "The payment is on its way"),
        ("pending", {"channel": "cm.mtn", "phone": "+237677000001"}, "Approve on your phone"),
        ("requires_action", {"action_url": "http://localhost:9/pay"}, "You pay on the Sandbox Pay page"),
    ],
    ids=["paid on the page", "telephone", "page"],
)
def test_payment_that_asked_somebody_says_whom(
    pages: PageClient, account: Account, status: str, given: dict[str, Any], words: str
) -> None:
    payment = account.payment(status, method_type=None, method_brand=None, method_last4=None, **given)

    page = pages.get(f"/acme/payments/{payment}")

    assert words in page.text
    assert "there is nothing to do" not in page.text


@pytest.mark.parametrize("status", ["pending", "incomplete", "requires_action", "processing"])
def test_no_receipt_is_promised_for_what_is_not_paid(pages: PageClient, account: Account, status: str) -> None:
    text = pages.get(f"/acme/payments/{account.payment(status)}").text

    assert "receipt" not in text.lower()


@pytest.mark.parametrize("status", ["pending", "requires_action", "processing"])
def test_story_does_not_move_when_the_page_is_loaded_again(
    pages: PageClient, account: Account, gateway: ScriptedGateway, clock: MovableClock, status: str
) -> None:
    gateway.look_ups = [lost] * 9
    payment = account.payment(status, action_url="http://localhost:9/3ds")

    def story() -> str:
        return pages.get(f"/acme/payments/{payment}").html.partition('<ol class="timeline">')[2].partition("</ol>")[0]

    before = story()
    clock.advance(seconds=70)
    page = pages.get(f"/acme/payments/{payment}")

    assert story() == before
    assert "Last checked at 10:43:10" in page.text


def test_settled_payment_asks_nobody(pages: PageClient, account: Account, gateway: ScriptedGateway) -> None:
    payment = account.payment("complete")

    pages.get(f"/acme/payments/{payment}")

    assert gateway.calls == []


def test_phone_prompt_is_waited_for(pages: PageClient, account: Account) -> None:
    payment = account.payment("pending", method_type="mobile_money", method_brand="mtn_momo", method_last4="0012")

    page = pages.get(f"/acme/payments/{payment}")

    assert page.headline == "Approve on your phone"


def test_imported_payment_is_carried_out_by_the_merchant(pages: PageClient, account: Account) -> None:
    payment = account.payment("complete", gateway="import", method_type=None, method_brand=None, method_last4=None)

    page = pages.get(f"/acme/payments/{payment}")

    assert "Sandbox Pay" not in page.text
    assert "Paid elsewhere" in page.text


def test_strange_ids_are_one_and_the_same_not_found(app: Flask, services: Services, account: Account) -> None:
    other = make_account(services, merchant_id=account.scope.merchant_id)
    stranger = make_account(services, "savane")
    own = account.payment()
    pages = account.sign_in(app)
    paths = [
        other.payment(),
        stranger.payment(),
        "pay_" + "0" * 22,
        "pay_x",
        own.lower(),
        own + "0",
        "inv" + own[3:],
        "x'--",
    ]

    texts = {
        pages.get(f"/acme/payments/{path}", status=404).html.partition("<main")[2].partition("quoting this number")[0]
        for path in paths
    }

    assert len(texts) == 1


def test_page_takes_three_statements_at_most(pages: PageClient, account: Account) -> None:
    payment = account.payment("refunded", pays={account.invoice(): 2500, account.invoice(): 2500}, amount_refunded=5000)
    account.refund(payment, 5000)
    pages.get("/acme/payments")

    with counted_statements(account.database) as sent:
        pages.get(f"/acme/payments/{payment}")

    assert len(sent) == 3
