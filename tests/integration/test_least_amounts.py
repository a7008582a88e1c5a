"""A gateway's least amount: kept at the form, in what is offered, and again at the confirmation."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from portal.gateways.contract import ChargeLimits
from portal.invoices.models import Invoice
from portal.merchants.rules.payment_options import AmountLimits, PaymentOptions
from portal.money import Money
from portal.payments.errors import AmountTooLow, AmountUnchargeable, DepositNotOffered, RestTooSmall, SplitNotAllowed
from portal.payments.rules.choices import Deposit, Exact, FirstPart, Preset
from portal.services import Services
from tests.support.accounts import Account, make_account
from tests.support.actors import OPERATOR
from tests.support.merchant_settings import set_payment_options
from tests.support.page_client import Page, PageClient
from tests.support.paying import PayingCustomer, allow, credit, grant_credit
from tests.support.scripted_gateway import ABLE, ScriptedGateway

HALF = replace(ABLE, charge_limits={"USD": ChargeLimits(50), "EUR": ChargeLimits(50)})


@pytest.fixture
def fussy(payer: PayingCustomer) -> PayingCustomer:
    """A customer of a merchant whose gateway charges half a dollar at least."""
    payer.gateway.capabilities = HALF
    return payer


# --- the operations ---


def test_part_that_leaves_too_little_begins_nothing(fussy: PayingCustomer) -> None:
    allow(fussy, amount_mode="editable", allow_split=True)
    invoice = fussy.invoice(5000)

    for refused, amount in (
        (RestTooSmall, Exact(4951)),
        (RestTooSmall, Preset(4999)),
        (RestTooSmall, FirstPart(4951)),
        (AmountTooLow, Exact(49)),
        (AmountTooLow, FirstPart(49)),
    ):
        with pytest.raises(refused):
            fussy.checkout(invoice, amount=amount)

    payment = fussy.pay(invoice, amount=Exact(4950))
    assert fussy.gateway.ledger[payment].money == Money(4950, "USD")


def test_credit_leaves_no_less_than_is_charged(fussy: PayingCustomer) -> None:
    invoice = fussy.invoice(5000)
    grant_credit(fussy, 4980)

    payment = fussy.pay(invoice, use_credit=True)

    assert fussy.gateway.ledger[payment].money == Money(50, "USD")
    assert (fussy.balance(invoice), credit(fussy)) == (("paid", 5000, 0), (30, 0))
    assert fussy.wrong_row() is None


def test_rest_of_a_split_is_always_paid(fussy: PayingCustomer) -> None:
    allow(fussy, allow_split=True)
    invoice = fussy.invoice(5000)
    first = fussy.pay(invoice, amount=FirstPart(4950))

    second = fussy.pay(invoice, split_of=first)

    assert [fussy.gateway.ledger[each].money for each in (first, second)] == [Money(4950, "USD"), Money(50, "USD")]
    assert fussy.balance(invoice)[0] == "paid"


def test_invoice_too_small_for_two_payments_is_not_split(fussy: PayingCustomer) -> None:
    allow(fussy, allow_split=True)

    with pytest.raises(SplitNotAllowed):
        fussy.checkout(fussy.invoice(99), amount=FirstPart(50))


def test_invoice_below_what_is_charged_is_paid_by_credit_or_with_another(fussy: PayingCustomer) -> None:
    small, other = fussy.invoice(30), fussy.invoice(40)
    with pytest.raises(AmountUnchargeable):
        fussy.checkout(small)

    together = fussy.pay(small, other)
    grant_credit(fussy, 30)
    by_credit = fussy.pay(fussy.invoice(30), method="", use_credit=True)

    assert (fussy.status(together), fussy.status(by_credit)) == ("complete", "complete")
    assert fussy.gateway.ledger[together].money == Money(70, "USD")


def test_money_in_advance_is_charged_too(fussy: PayingCustomer) -> None:
    allow(fussy, top_ups={"USD": AmountLimits(10, 50_000)})

    with pytest.raises(AmountTooLow) as refused:
        fussy.checkout(top_up="USD", amount=Exact(49))

    assert refused.value.minimum == 50
    assert fussy.status(fussy.pay(top_up="USD", amount=Exact(50))) == "complete"


@pytest.mark.parametrize(
    ("amount", "total", "refused"),
    [(Exact(1000), 1020, RestTooSmall), (FirstPart(1000), 1049, RestTooSmall), (None, 40, AmountUnchargeable)],
)
def test_confirmation_checks_again_what_the_invoice_has_become(
    fussy: PayingCustomer, amount: Any, total: int, refused: type[Exception]
) -> None:
    allow(fussy, amount_mode="editable", allow_split=True)
    invoice = fussy.invoice(5000)
    payment = fussy.checkout(invoice, **({"amount": amount} if amount else {}))
    lower(fussy.services, invoice, total)

    with pytest.raises(refused):
        fussy.confirm(payment)

    assert fussy.gateway.calls == []
    assert (fussy.status(payment), fussy.balance(invoice)) == ("incomplete", ("open", 0, 0))


def test_deposit_whose_rest_has_become_too_small_is_not_confirmed(fussy: PayingCustomer) -> None:
    invoice = fussy.invoice(5000, deposit_amount=1000)
    payment = fussy.checkout(invoice, amount=Deposit())
    lower(fussy.services, invoice, 1040)

    with pytest.raises(DepositNotOffered):
        fussy.confirm(payment)

    assert fussy.gateway.calls == []


def test_gateway_that_charges_more_at_least_since_the_choice_is_asked_nothing(payer: PayingCustomer) -> None:
    payment = payer.checkout(payer.invoice(40))
    payer.gateway.capabilities = HALF

    with pytest.raises(AmountUnchargeable):
        payer.confirm(payment)

    assert payer.gateway.calls == []


# --- the pages ---


@pytest.fixture
def account(services: Services) -> Account:
    return make_account(services)


@pytest.fixture
def pages(app: Flask, account: Account, gateway: ScriptedGateway) -> PageClient:
    account.method(is_default=True)
    gateway.capabilities = HALF
    return account.sign_in(app)


def test_rest_that_could_not_be_paid_is_reported_at_the_field(pages: PageClient, account: Account) -> None:
    permit(account, amount_mode="editable", allow_split=True)
    invoice = account.invoice(5000)

    for choice, field in (("other", "amount"), ("split", "first_amount")):
        page = choose(pages, invoice, status=422, amount_choice=choice, **{field: "49.60"})

        assert (
            "Pay all of it, or leave at least $0.50 to pay later: Sandbox Pay charges no less than that." in page.text
        )
        assert page.form(action="/checkout").fields[field] == ["49.60"]
        assert "From $0.50 to" in page.text


def test_choices_that_could_not_be_charged_are_not_offered(pages: PageClient, account: Account) -> None:
    permit(account, allow_split=True)
    invoice = account.invoice(5000, amount_mode="editable", preset_amounts=[20, 2000, 4990], deposit_amount=4980)
    small = account.invoice(80)

    offered = pages.get(f"/acme/checkout?invoice={invoice}").form(action="/checkout")
    of_small = pages.get(f"/acme/checkout?invoice={small}").form(action="/checkout")

    values = [each.get("value") for each in offered.element.iter() if each.get("name") == "amount_choice"]
    assert values == ["full", "2000", "other", "split"]
    assert "amount_choice" not in of_small.names


def test_invoice_that_is_too_small_says_so_before_anything_is_pressed(pages: PageClient, account: Account) -> None:
    invoice = account.invoice(30)
    sentence = "Sandbox Pay charges at least $0.50. Pay this together with something else, or with your credit."

    alone = pages.get(f"/acme/checkout?invoice={invoice}")
    account.invoice(2000)
    shown = pages.get(f"/acme/checkout?invoice={invoice}")
    refused = choose(pages, invoice, status=422)

    assert "Sandbox Pay charges at least $0.50. Pay it together with your next invoice." in alone.text
    assert alone.buttons("/checkout") == []
    assert sentence in shown.text
    assert sentence in refused.text
    account.credit(30)
    assert sentence not in pages.get(f"/acme/checkout?invoice={invoice}").text


def test_review_shows_what_credit_pays_and_the_least_that_is_charged(
    pages: PageClient, account: Account, gateway: ScriptedGateway
) -> None:
    account.credit(4980)
    review = choose(pages, account.invoice(5000), use_credit="yes")

    assert "Pay $0.50" in review.text.replace(" ", " ")
    assert "−$49.50" in review.text
    pages.post(review.form(action="/confirmation").action, review.form(action="/confirmation").fields)
    assert [outcome.money for outcome in gateway.ledger.values()] == [Money(50, "USD")]


def test_review_of_what_cannot_be_charged_any_more_shows_the_choice_again(pages: PageClient, account: Account) -> None:
    permit(account, amount_mode="editable")
    invoice = account.invoice(5000)
    review = choose(pages, invoice, amount_choice="other", amount="10.00")
    lower(account.services, invoice, 1020)

    again = pages.get(review.path)
    refused = pages.post(
        review.form(action="/confirmation").action, review.form(action="/confirmation").fields, status=422
    )

    for text in (again.text, refused.get_data(as_text=True)):
        assert "leave at least" in text


def choose(pages: PageClient, invoice: str, *, status: int = 303, **fields: Any) -> Page:
    form = pages.get(f"/acme/checkout?invoice={invoice}").form(action="/checkout")
    answer = pages.post(form.action, {**form.fields, **fields}, status=status)
    return pages.get(answer.headers["Location"]) if status == 303 else Page(form.action, answer)


def permit(account: Account, **options: Any) -> None:
    with account.database.unit_of_work() as session:
        set_payment_options(
            session, account.scope.merchant_id, PaymentOptions(**options), actor=OPERATOR, at=account.now
        )


def lower(services: Services, invoice: str, total: int) -> None:
    """The merchant corrects the invoice to a lower total."""
    with services.database.unit_of_work() as session:
        session.execute(sa.update(Invoice).where(Invoice.id == invoice).values(total=total, version=2))


def test_invoices_corrected_to_more_than_one_payment_can_be_lead_back_to_the_choice(
    pages: PageClient, account: Account
) -> None:
    one, two = account.invoice(300_000_000_000_000), account.invoice(300_000_000_000_000)
    form = pages.get(f"/acme/checkout?invoice={one}&invoice={two}").form(action="/checkout")
    review = pages.get(pages.post(form.action, form.fields, status=303).headers["Location"])
    lower(account.services, one, 900_000_000_000_000)  # Higher.

    again = pages.get(review.path)
    confirmation = review.form(action="/confirmation")
    refused = pages.post(confirmation.action, confirmation.fields, status=422)

    for text in (again.text, refused.get_data(as_text=True)):
        assert "These invoices together are more than one payment can be." in text


def test_invoice_whose_last_digit_is_not_charged_is_not_called_too_little(
    pages: PageClient, account: Account, gateway: ScriptedGateway
) -> None:
    """As Stripe charges dinars by tens: credit may pay the odd part."""
    gateway.capabilities = replace(ABLE, charge_limits={"USD": ChargeLimits(10, 10)})
    invoice = account.invoice(1005)
    account.credit(105)

    assert "too little" not in pages.get(f"/acme/checkout?invoice={invoice}").text
    choose(pages, invoice, use_credit="yes")
