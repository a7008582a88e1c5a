"""The review of a checkout to which something happened meanwhile: it tells what is so now, and never asks for what cannot be paid."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask

from portal.gateways.contract import State
from portal.invoices.models import Invoice
from portal.merchants.rules.payment_options import AmountLimits, PaymentOptions
from portal.payment_methods.models import PaymentMethod
from portal.services import Services
from tests.support.accounts import Account, make_account
from tests.support.actors import OPERATOR
from tests.support.merchant_settings import set_payment_options
from tests.support.page_client import Page, PageClient
from tests.support.scripted_gateway import ScriptedGateway


@pytest.fixture
def account(services: Services) -> Account:
    return make_account(services)


@pytest.fixture
def method(account: Account) -> str:
    return account.method(is_default=True)


@pytest.fixture
def pages(app: Flask, account: Account, method: str) -> PageClient:
    return account.sign_in(app)


def test_review_whose_invoice_a_newer_checkout_has_paid_says_that_it_is_settled(
    pages: PageClient, account: Account, gateway: ScriptedGateway
) -> None:
    invoice = account.invoice()
    old, new = go_on(pages, invoice), go_on(pages, invoice)
    pay(pages, new)

    page = pages.get(old.path)

    assert page.headline == "Already settled"
    assert "still open" not in page.text
    assert page.link("See the payment").endswith(gateway.captured[0])


def test_review_whose_invoice_a_newer_checkout_is_paying_leads_to_that_payment(
    pages: PageClient, account: Account, gateway: ScriptedGateway
) -> None:
    invoice = account.invoice()
    old, new = go_on(pages, invoice), go_on(pages, invoice)
    gateway.becomes.append(State.PENDING)
    pay(pages, new)

    page = pages.get(old.path)

    assert page.headline == "Already being paid"
    assert "still open" not in page.text
    assert page.link("See the payment").endswith(new.path.rpartition("/")[2])


def test_review_whose_place_a_newer_checkout_took_says_that_nothing_was_taken(
    pages: PageClient, account: Account
) -> None:
    invoice = account.invoice()
    old = go_on(pages, invoice)
    go_on(pages, invoice)

    page = pages.get(old.path)

    assert page.headline == "This checkout has ended"
    assert "a newer one took its place" in page.text and "Nothing was taken" in page.text
    assert invoice in page.way("Start again")


def test_review_that_ran_out_says_so(pages: PageClient, account: Account) -> None:
    old = go_on(pages, account.invoice())
    account.services.clock.advance(hours=3)  # type: ignore[attr-defined]  # a test's clock moves

    page = pages.get(old.path)

    assert page.headline == "This checkout has expired"
    assert "It was open for too long." in page.text


def test_review_of_an_invoice_that_was_withdrawn_says_that_nothing_is_left(pages: PageClient, account: Account) -> None:
    invoice = account.invoice()
    old = go_on(pages, invoice)
    account.change(Invoice, invoice, status="void")

    page = pages.get(old.path)

    assert page.headline == "Already settled"
    assert page.link("See your payments") == "/acme/payments"


def test_review_in_a_currency_that_is_priced_no_more_does_not_call_the_invoice_settled(
    pages: PageClient, account: Account
) -> None:
    invoice = account.invoice(5000, prices={"EUR": 4600})
    old = go_on(pages, invoice, currency="EUR")
    account.change(Invoice, invoice, prices={})

    page = pages.get(old.path)

    assert page.headline == "This checkout has ended"
    assert "no longer offered" in page.text


def test_review_for_another_gateway_than_the_merchants_has_ended(
    pages: PageClient, account: Account, gateway: ScriptedGateway
) -> None:
    old = go_on(pages, account.invoice())
    gateway.name = "stripe"

    page = pages.get(old.path)
    pressed = Page(old.path, pages.post(*confirmation(old), status=409))

    for shown in (page, pressed):
        assert shown.headline == "This checkout has ended"
        assert "Pay $50.00" not in shown.text
        assert shown.way("Start again")
    assert gateway.ledger == {}


def test_review_of_what_credit_pays_whole_knows_no_gateway(
    pages: PageClient, account: Account, gateway: ScriptedGateway
) -> None:
    account.credit(9000)
    old = go_on(pages, account.invoice(), use_credit="yes", payment_method=[])
    gateway.name = "stripe"

    assert "Your credit covers it all" in pages.get(old.path).text


def test_review_with_a_removed_method_is_the_first_step_again_with_what_was_chosen(
    pages: PageClient, account: Account, method: str, gateway: ScriptedGateway
) -> None:
    allow(account, amount_mode="editable")
    account.credit(500)
    first, second = account.invoice(5000, due_in_days=1), account.invoice(3000, due_in_days=2)
    address = f"/acme/checkout?invoice={first}&invoice={second}"
    old = start(pages, address, amount_choice="other", amount="1,060.00", status=422)
    assert "more than the maximum" in old.text
    old = start(pages, address, amount_choice="other", amount="60.00", use_credit=[])
    account.change(PaymentMethod, method, status="removed")

    page = pages.get(old.path)
    pressed = Page(old.path, pages.post(*confirmation(old), status=422))

    for shown in (page, pressed):
        assert "This payment method is no longer saved. Choose another one." in shown.text
        fields = shown.form(action="/checkout").fields
        assert fields["invoice"] == [first, second]
        assert (fields["amount_choice"], fields["amount"]) == (["other"], ["60.00"])
        assert "payment_method" not in fields and "use_credit" not in fields
    assert gateway.ledger == {}


def test_split_with_a_removed_method_stays_one(pages: PageClient, account: Account, method: str) -> None:
    allow(account, allow_split=True)
    old = go_on(pages, account.invoice(5000, amount_mode="editable"), amount_choice="split", first_amount="20")
    account.change(PaymentMethod, method, status="removed")

    fields = pages.get(old.path).form(action="/checkout").fields

    assert (fields["amount_choice"], fields["amount"], fields["first_amount"]) == (["split"], [""], ["20.00"])


def test_second_payment_of_a_split_with_a_removed_method_stays_the_second(
    pages: PageClient, account: Account, method: str, gateway: ScriptedGateway
) -> None:
    allow(account, allow_split=True)
    invoice, other = account.invoice(5000), account.method(fingerprint="b")
    pay(pages, go_on(pages, invoice, payment_method=other, amount_choice="split", first_amount="20"))
    first = gateway.captured[0]
    old = start(pages, f"/acme/checkout?split={first}", payment_method=method)
    account.change(PaymentMethod, method, status="removed")

    page = pages.get(old.path)

    assert page.headline == "Pay the rest another way"
    assert page.form(action="/checkout").fields["split_of"] == [first]


@pytest.mark.parametrize(("chosen", "value"), [({"amount_choice": "deposit"}, "deposit"), ({}, "full")])
def test_named_amount_of_a_checkout_with_a_removed_method_is_ticked_again(
    pages: PageClient, account: Account, method: str, chosen: dict[str, Any], value: str
) -> None:
    old = go_on(pages, account.invoice(5000, deposit_amount=1500), **chosen)
    account.change(PaymentMethod, method, status="removed")

    assert pages.get(old.path).form(action="/checkout").fields["amount_choice"] == [value]


def test_amount_of_several_invoices_with_a_removed_method_is_written_again_though_a_preset_has_its_figure(
    pages: PageClient, account: Account, method: str
) -> None:
    """By name an amount is offered of one invoice alone."""
    allow(account, amount_mode="editable", amounts={"USD": AmountLimits(100, 9000, (7500,))})
    first, second = account.invoice(), account.invoice()
    old = start(pages, f"/acme/checkout?invoice={first}&invoice={second}", amount_choice="other", amount="75")
    account.change(PaymentMethod, method, status="removed")

    fields = pages.get(old.path).form(action="/checkout").fields

    assert (fields["amount_choice"], fields["amount"]) == (["other"], ["75.00"])


@pytest.mark.parametrize(
    ("chosen", "ticked", "written"),
    [
        ({"amount_choice": "2500"}, "2500", "25.00"),
        ({"amount_choice": "other", "amount": "30"}, "other", "30.00"),
    ],
)
def test_money_in_advance_with_a_removed_method_is_chosen_again(
    pages: PageClient, account: Account, method: str, chosen: dict[str, Any], ticked: str, written: str
) -> None:
    allow(account, top_ups={"USD": AmountLimits(1000, 9000, (2500,))})
    old = start(pages, "/acme/checkout?top_up=USD", **chosen)
    account.change(PaymentMethod, method, status="removed")

    page = Page(old.path, pages.post(*confirmation(old), status=422))

    assert "This payment method is no longer saved" in page.text
    fields = page.form(action="/checkout").fields
    assert (fields["top_up"], fields["amount_choice"], fields["amount"]) == (["USD"], [ticked], [written])


def test_amount_that_fits_no_more_is_chosen_again(pages: PageClient, account: Account) -> None:
    whole = account.invoice(5000, amount_mode="fixed", due_in_days=1)
    part = account.invoice(3000, amount_mode="editable")
    old = start(pages, f"/acme/checkout?invoice={whole}&invoice={part}", amount_choice="other", amount="60")
    account.change(Invoice, whole, total=7000, subtotal=7000)

    page = pages.get(old.path)

    assert "This amount cannot be split over these invoices" in page.text


@pytest.mark.parametrize("meanwhile", ["paid", "pending", "superseded", "ran out", "gateway"])
def test_cancel_is_on_every_state_of_the_review_and_leads_back_to_the_invoice(
    pages: PageClient, account: Account, gateway: ScriptedGateway, meanwhile: str
) -> None:
    invoice = account.invoice()
    old = go_on(pages, invoice)
    match meanwhile:
        case "paid":
            pay(pages, go_on(pages, invoice))
        case "pending":
            gateway.becomes.append(State.PENDING)
            pay(pages, go_on(pages, invoice))
        case "superseded":
            go_on(pages, invoice)
        case "ran out":
            account.services.clock.advance(hours=3)  # type: ignore[attr-defined]  # a test's clock moves
        case "gateway":
            gateway.name = "stripe"

    page = pages.get(old.path)

    if meanwhile == "gateway":
        form = page.form("Cancel")
        assert pages.post(form.action, form.fields).headers["Location"] == f"/acme/invoices/{invoice}"
    else:
        assert page.link("Cancel") == f"/acme/invoices/{invoice}"


def test_cancel_pressed_on_an_old_tab_leads_back_too(pages: PageClient, account: Account) -> None:
    invoice = account.invoice()
    form = go_on(pages, invoice).form("Cancel")
    go_on(pages, invoice)

    assert pages.post(form.action, form.fields).headers["Location"] == f"/acme/invoices/{invoice}"


def allow(account: Account, **options: Any) -> None:
    with account.database.unit_of_work() as session:
        set_payment_options(
            session, account.scope.merchant_id, PaymentOptions(**options), actor=OPERATOR, at=account.now
        )


def go_on(pages: PageClient, invoice: str, *, currency: str = "", **fields: Any) -> Page:
    """Take the first step for one invoice; gives the review."""
    return start(pages, f"/acme/checkout?invoice={invoice}" + (f"&currency={currency}" if currency else ""), **fields)


def start(pages: PageClient, address: str, *, status: int = 303, **fields: Any) -> Page:
    form = pages.get(address).form(action="/checkout")
    answer = pages.post(form.action, {**form.fields, **fields}, status=status)
    return pages.get(answer.headers["Location"]) if status == 303 else Page(form.action, answer)


def confirmation(review: Page) -> tuple[str, dict[str, list[str]]]:
    form = review.form(action="/confirmation")
    return form.action, form.fields


def pay(pages: PageClient, review: Page) -> None:
    pages.post(*confirmation(review))
