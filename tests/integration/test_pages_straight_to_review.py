"""Pay without a choice: one invoice, or everything overdue, with a default method that can be charged, is reviewed at once; all else
leads to the choice, and so does the review's Change, as it was made."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from flask import Flask

from portal.clock import MovableClock
from portal.gateways.contract import State
from portal.invoices.models import Invoice
from portal.merchants.rules.payment_options import AmountLimits, PaymentOptions
from portal.services import Services
from tests.support.accounts import Account, make_account
from tests.support.actors import OPERATOR
from tests.support.merchant_settings import set_payment_options
from tests.support.page_client import Page, PageClient
from tests.support.scripted_gateway import ScriptedGateway, lost


@pytest.fixture
def account(services: Services) -> Account:
    return make_account(services)


@pytest.fixture
def pages(app: Flask, account: Account) -> PageClient:
    return account.sign_in(app)


def press(pages: PageClient, page: Page, button: str) -> Page:
    return pages.submit(page, button)


def test_pay_on_an_invoice_leads_straight_to_the_review(pages: PageClient, account: Account) -> None:
    account.method(is_default=True)
    invoice = account.invoice(5000)

    review = press(pages, pages.get(f"/acme/invoices/{invoice}"), "Pay $50.00")

    assert review.headline == "Review and pay"
    assert "Visa •••• 4242" in review.text
    assert [text for text, _ in review.buttons("/confirmation")] == ["Pay $50.00 to Acme Software Inc."]


@pytest.mark.parametrize("path", ["/acme/", "/acme/invoices"])
def test_everything_overdue_is_reviewed_straight(pages: PageClient, account: Account, path: str) -> None:
    account.method(is_default=True)
    for days, amount in ((-9, 2500), (-1, 1500), (4, 700)):
        account.invoice(amount, due_in_days=days)
    page = pages.get(path)
    (button,) = [text for text, fields in page.buttons("/checkout") if "overdue" in fields]

    review = press(pages, page, button)

    assert review.headline == "Review and pay"
    assert "$40.00" in review.text
    assert "$7.00 stays open; nothing else is taken." in review.text


def test_several_that_are_not_overdue_are_chosen_first(pages: PageClient, account: Account) -> None:
    account.method(is_default=True)
    account.invoice(2500), account.invoice(700)

    choice = press(pages, pages.get("/acme/"), "Pay $32.00")

    assert choice.headline == "Choose what to pay"
    assert len(choice.form(action="/checkout").fields["invoice"]) == 2


@pytest.mark.parametrize(
    "card",
    [None, {"is_default": False}, {"is_default": True, "exp_year": 2020}, {"is_default": True, "status": "expired"}],
    ids=["none", "no default", "expired", "at a gateway that was left"],
)
def test_without_a_default_that_can_be_charged_the_choice_opens(
    pages: PageClient, account: Account, card: dict[str, Any] | None
) -> None:
    if card is not None:
        account.method(**card)
    invoice = account.invoice(5000)

    choice = press(pages, pages.get(f"/acme/invoices/{invoice}"), "Pay $50.00")

    assert choice.headline == "Choose what to pay"
    assert choice.form(action="/checkout").fields["invoice"] == [invoice]


def test_default_that_does_not_pay_in_the_currency_opens_the_choice(
    pages: PageClient, account: Account, gateway: ScriptedGateway
) -> None:
    gateway.capabilities = replace(gateway.capabilities, currencies=frozenset({"EUR"}))
    account.method(is_default=True)

    choice = press(pages, pages.get(f"/acme/invoices/{account.invoice()}"), "Pay $50.00")

    assert choice.headline == "Choose what to pay"


def test_credit_goes_first_as_it_does_on_the_choice(pages: PageClient, account: Account) -> None:
    account.method(is_default=True)
    account.credit(2000)

    review = press(pages, pages.get(f"/acme/invoices/{account.invoice(5000)}"), "Pay $50.00")

    assert "Less your credit−$20.00" in review.text
    assert [text for text, _ in review.buttons("/confirmation")] == ["Pay $30.00 to Acme Software Inc."]


def test_pay_pressed_on_an_old_page_of_a_paid_invoice_pays_nothing(pages: PageClient, account: Account) -> None:
    from portal.invoices.models import Invoice

    account.method(is_default=True)
    invoice = account.invoice(5000)
    old = pages.get(f"/acme/invoices/{invoice}")
    account.change(Invoice, invoice, status="paid", amount_paid=5000)

    page = pages.submit(old, "Pay $50.00", status=422)

    assert page.headline == "This is already settled"
    assert page.buttons("/checkout") == []


def test_change_opens_the_choice_as_it_was_made(pages: PageClient, account: Account) -> None:
    with account.database.unit_of_work() as session:
        options = PaymentOptions(amount_mode="editable", amounts={"USD": AmountLimits(100, 99_999)})
        set_payment_options(session, account.scope.merchant_id, options, actor=OPERATOR, at=account.now)
    account.method(is_default=True)
    other = account.method(last4="5100", fingerprint="b")
    account.credit(500)
    first, second = account.invoice(5000, due_in_days=1), account.invoice(3000, due_in_days=2)
    choice = pages.get(f"/acme/checkout?invoice={first}&invoice={second}")
    review = pages.submit(
        choice, action="/checkout", amount_choice="other", amount="60.00", payment_method=other, use_credit=[]
    )

    fields = (
        pages.get(review.link("Change").partition("localhost")[2] or review.link("Change"))
        .form(action="/checkout")
        .fields
    )

    assert fields["invoice"] == [first, second]
    assert (fields["amount_choice"], fields["amount"], fields["payment_method"]) == (["other"], ["60.00"], [other])
    assert "use_credit" not in fields


@pytest.mark.parametrize("amount", ["50.00", "20.00"])
def test_change_opens_the_choice_with_the_invoices_that_the_amount_did_not_reach(
    pages: PageClient, account: Account, amount: str
) -> None:
    allow(account, amount_mode="editable", amounts={"USD": AmountLimits(100, 99_999)})
    account.method(is_default=True)
    ids = [account.invoice(5000, due_in_days=days) for days in (1, 2, 3)]
    account.invoice(700, due_in_days=4)  # Which was not chosen.
    choice = pages.get("/acme/checkout?" + "&".join(f"invoice={each}" for each in ids))
    review = pages.submit(choice, action="/checkout", amount_choice="other", amount=amount)

    again = pages.get(review.link("Change"))

    assert again.form(action="/checkout").fields["invoice"] == ids
    for words in ("Invoices (3)$150.00", f"Of which now${amount}", f"You pay${amount}"):
        assert words in sums(again), words


def test_change_after_an_invoice_that_the_amount_did_not_reach_was_paid_says_that_it_is_left_out(
    pages: PageClient, account: Account
) -> None:
    allow(account, amount_mode="editable", amounts={"USD": AmountLimits(100, 99_999)})
    account.method(is_default=True)
    first, second = account.invoice(5000, due_in_days=1), account.invoice(5000, due_in_days=2)
    choice = pages.get(f"/acme/checkout?invoice={first}&invoice={second}")
    review = pages.submit(choice, action="/checkout", amount_choice="other", amount="20.00")
    with account.database.unit_of_work() as session:
        paid = session.get_one(Invoice, (account.scope.merchant_id, second))
        paid.status, paid.amount_paid = "paid", paid.total

    again = pages.get(review.link("Change"))

    assert "Something you chose is already settled" in again.text
    assert again.form(action="/checkout").fields["invoice"] == [first]


def test_change_of_an_addition_to_the_credit_opens_that(pages: PageClient, account: Account) -> None:
    with account.database.unit_of_work() as session:
        options = PaymentOptions(top_ups={"USD": AmountLimits(1000, 9000, (2500, 5000))})
        set_payment_options(session, account.scope.merchant_id, options, actor=OPERATOR, at=account.now)
    account.method(is_default=True)
    review = pages.submit(pages.get("/acme/checkout?top_up=USD"), action="/checkout", amount_choice="5000")

    again = pages.get(review.link("Change"))

    assert again.headline == "Add credit"
    assert again.form(action="/checkout").fields["amount_choice"] == ["5000"]
    assert [text for text, _ in again.buttons("/checkout")] == ["Review $50.00"]


# --- the sum of the choice, as it is loaded ---


def sums(page: Page) -> str:
    """The lines of the sum, from the heading to the button."""
    return page.text.partition("Total")[2].partition("The next page")[0]


def test_sum_is_what_will_be_paid(pages: PageClient, account: Account) -> None:
    allow(account, amount_mode="editable", allow_split=True, amounts={"USD": AmountLimits(100, 99_999)})
    account.method(is_default=True)
    account.credit(2500)
    first, second = account.invoice(9000, due_in_days=1), account.invoice(6000, due_in_days=2)
    address = f"/acme/checkout?invoice={first}&invoice={second}"

    whole = pages.get(address)
    review = pages.submit(whole, action="/checkout", amount_choice="other", amount="100.00")
    part = pages.get(review.link("Change"))

    assert "You pay$125.00" in sums(whole)
    assert [text for text, _ in whole.buttons("/checkout")] == ["Review $125.00"]
    for words in (
        "Invoices (2)$150.00",
        "Of which now$100.00",
        "Less your credit−$25.00",
        "You pay$75.00",
        "Stays open$50.00",
    ):
        assert words in sums(part), words
    assert [text for text, _ in part.buttons("/checkout")] == ["Review $75.00"]
    assert "$75.00 to Acme" in review.text


def test_sum_of_an_amount_that_is_not_typed_yet_names_none(pages: PageClient, account: Account) -> None:
    allow(account, amount_mode="editable")
    account.invoice(9000)

    page = pages.get("/acme/checkout?outstanding=USD&amount=other")

    assert "You pay–" in sums(page)
    assert [text for text, _ in page.buttons("/checkout")] == ["Review"]


@pytest.mark.parametrize(
    ("choice", "charged", "rest"),
    [({"amount_choice": "deposit"}, "$15.00", "Stays open$35.00"),
     ({"amount_choice": "split", "first_amount": "20"}, "$20.00", "Second payment, another payment method$30.00")],
)  # fmt: skip
def test_sum_of_a_deposit_and_of_a_split_is_the_part_that_is_paid_now(
    pages: PageClient, account: Account, choice: dict[str, Any], charged: str, rest: str
) -> None:
    allow(account, allow_split=True)
    account.method(is_default=True)
    address = f"/acme/checkout?invoice={account.invoice(5000, deposit_amount=1500)}"

    page = pages.get(pages.submit(pages.get(address), action="/checkout", **choice).link("Change"))

    assert f"You pay{charged}" in sums(page)
    assert rest in sums(page)
    assert [text for text, _ in page.buttons("/checkout")] == [f"Review {charged}"]


def test_choice_without_any_selection_proposes_all_of_the_currency_that_is_due_first(
    pages: PageClient, account: Account
) -> None:
    euros = [account.invoice(amount, currency="EUR", due_in_days=2) for amount in (900, 100)]
    account.invoice(5000, due_in_days=9)

    page = pages.get("/acme/checkout")

    assert sorted(page.form(action="/checkout").fields["invoice"]) == sorted(euros)
    assert [text for text, _ in page.buttons("/checkout")] == ["Review €10.00"]


# --- where nothing can be paid there is no form ---


def test_nothing_owed_has_no_form(pages: PageClient, account: Account) -> None:
    page = pages.get("/acme/checkout")

    assert page.headline == "Nothing to pay"
    assert page.buttons("") == [] and "Review" not in page.text
    assert page.link("Cancel") == "/acme/invoices"


@pytest.mark.parametrize(
    ("status", "words", "acts"),
    [
        ("requires_action", "is waiting for your confirmation. Nothing has been taken yet.", ["Confirm $50.00"]),
        ("processing", "is being checked. If it fails, you can pay again.", []),
        ("pending", "is on its way. If it fails, you can pay again.", []),
    ],
)
def test_invoice_that_is_being_paid_has_no_form_and_says_what_its_payment_waits_for(
    pages: PageClient, account: Account, gateway: ScriptedGateway, status: str, words: str, acts: list[str]
) -> None:
    gateway.look_ups = [lost] * 9
    invoice = account.invoice(5000, amount_reserved=5000)
    payment = account.payment(
        status, pays={invoice: 5000}, state="active", checked_at=account.now, action_url="http://x/3ds"
    )

    page = pages.get(f"/acme/checkout?invoice={invoice}")

    assert page.headline == "This is being paid"
    assert f"Your payment of $50.00 from Mar 19 {words}" in page.text
    assert [text for text, _ in page.buttons("")] == acts
    assert page.link("Cancel") == "/acme/invoices"
    if not acts:
        assert page.link("See the payment") == f"/acme/payments/{payment}"


def test_of_two_invoices_the_one_that_is_being_paid_is_left_out(
    pages: PageClient, account: Account, gateway: ScriptedGateway
) -> None:
    gateway.look_ups = [lost] * 9
    held, free = account.invoice(5000, amount_reserved=5000), account.invoice(700)
    account.payment("processing", pays={held: 5000}, state="active", checked_at=account.now)

    page = pages.get(f"/acme/checkout?invoice={held}&invoice={free}")

    assert "One of them is being paid and has been left out." in page.text
    assert page.form(action="/checkout").fields["invoice"] == [free]
    assert [text for text, _ in page.buttons("/checkout")] == ["Review $7.00"]


# --- stopping what waits leads to the other ways ---


def leave_pending(pages: PageClient, account: Account, gateway: ScriptedGateway, **method: Any) -> tuple[str, str]:
    """Pay an invoice so that the gateway waits; tells the invoice and the payment."""
    account.method(is_default=True, **method)
    invoice = account.invoice(5000)
    gateway.becomes.append(State.PENDING)
    review = pages.submit(pages.get(f"/acme/invoices/{invoice}"), "Pay $50.00")
    form = review.form(action="/confirmation")
    return invoice, pages.post(form.action, form.fields).headers["Location"]


PHONE = {"type": "mobile_money", "brand": "mtn_momo", "last4": "0012", "exp_month": None, "exp_year": None}


def test_stop_leads_to_the_other_ways_to_pay(pages: PageClient, account: Account, gateway: ScriptedGateway) -> None:
    invoice, payment = leave_pending(pages, account, gateway, **PHONE)

    choice = pages.submit(pages.get(payment), "Stop, and pay another way")

    assert choice.headline == "Choose what to pay"
    assert "The payment of $50.00 was stopped. Nothing was taken." in choice.text
    assert choice.form(action="/checkout").fields["invoice"] == [invoice]


def test_what_was_stopped_here_is_not_said_to_be_stopped_on_the_telephone(
    pages: PageClient, account: Account, gateway: ScriptedGateway
) -> None:
    _, payment = leave_pending(pages, account, gateway, **PHONE)
    pages.submit(pages.get(payment), "Stop, and pay another way")

    page = pages.get(payment)

    assert "You stopped this payment" in page.text
    assert "on your phone" not in page.text


def test_stop_that_the_gateway_cannot_carry_out_says_so(
    pages: PageClient, account: Account, gateway: ScriptedGateway
) -> None:
    _, payment = leave_pending(pages, account, gateway, **PHONE)
    shown = pages.get(payment)
    gateway.cancels.append("refused")

    page = pages.submit(shown, "Stop, and pay another way")

    assert page.path == f"{payment}?stop=requested"
    assert "It has not been stopped" in page.text
    assert [text for text, _ in page.buttons("/cancellation")] == ["Stop, and pay another way"]


def test_stop_that_the_gateway_does_not_answer_goes_on_and_says_so(
    pages: PageClient, account: Account, gateway: ScriptedGateway, clock: MovableClock
) -> None:
    invoice, payment = leave_pending(pages, account, gateway, **PHONE)
    shown = pages.get(payment)
    gateway.cancels.append("lost")

    page = pages.submit(shown, "Stop, and pay another way")

    assert "This payment is being stopped" in page.text
    assert "Being checked" in page.text
    assert "PIN" not in page.text and page.buttons("/cancellation") == []
    assert "Being checked" in pages.get("/acme/payments").text
    clock.advance(seconds=1)
    assert "You stopped this payment" in pages.get(payment).text
    assert pages.get(f"/acme/invoices/{invoice}").buttons("/checkout")


def allow(account: Account, **options: Any) -> None:
    with account.database.unit_of_work() as session:
        set_payment_options(
            session, account.scope.merchant_id, PaymentOptions(**options), actor=OPERATOR, at=account.now
        )
