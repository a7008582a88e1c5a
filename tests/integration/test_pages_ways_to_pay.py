"""Each way to pay through the pages: what is offered, what the review says, what is charged; and each wrong amount at its field."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from portal.gateways.contract import Capabilities, State
from portal.invoices.models import Invoice
from portal.merchants.rules.payment_options import AmountLimits, PaymentOptions
from portal.money import Money
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


def test_part_is_reviewed_with_what_stays_open_before_it_is_paid(
    pages: PageClient, account: Account, gateway: ScriptedGateway
) -> None:
    allow(account, amount_mode="editable")
    old = account.invoice(5000, number="A-1", description="Seats", due_in_days=1)
    new = account.invoice(3000, number="A-2", due_in_days=2)

    review = go_on(pages, f"/acme/checkout?invoice={old}&invoice={new}", amount_choice="other", amount="60.00")

    assert "$20.00 of it stays open" in review.text
    assert pay(pages, review, gateway) == Money(6000, "USD")
    assert balances(account) == {"A-1": 5000, "A-2": 1000}


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ("ten", "Enter the amount in figures."),
        ("", "Enter the amount in figures."),
        ("9" * 30, "Enter the amount in figures."),
        ("9.99", "This is less than the minimum."),
        ("30.01", "This is more than the maximum."),
    ],
)
def test_amount_that_cannot_be_paid_is_reported_at_its_field_and_kept(
    pages: PageClient, account: Account, typed: str, sentence: str
) -> None:
    invoice = account.invoice(5000, amount_mode="editable", minimum_amount=1000, maximum_amount=3000)

    page = go_on(pages, f"/acme/checkout?invoice={invoice}", status=422, amount_choice="other", amount=typed)

    assert sentence in page.text
    assert "From $10.00 to $30.00." in page.text
    form = page.form(action="/checkout")
    assert form.fields["amount_choice"] == ["other"]
    assert form.fields["amount"] == [typed]


def test_deposit_is_a_named_choice(pages: PageClient, account: Account, gateway: ScriptedGateway) -> None:
    invoice = account.invoice(5000, number="A-1", deposit_amount=1500)

    page = pages.get(f"/acme/checkout?invoice={invoice}")
    assert "Deposit$15.00" in page.text
    review = go_on(pages, f"/acme/checkout?invoice={invoice}", amount_choice="deposit")

    assert pay(pages, review, gateway) == Money(1500, "USD")
    assert balances(account) == {"A-1": 1500}


def test_deposit_that_is_not_offered_any_more_is_refused_at_its_field_and_the_rest_is_kept(
    pages: PageClient, account: Account
) -> None:
    invoice = account.invoice(5000, amount_mode="editable")

    page = go_on(
        pages,
        f"/acme/checkout?invoice={invoice}",
        status=422,
        amount_choice="deposit",
        payment_method="new",
        save_method="yes",
    )

    assert "This is no longer offered here. Nothing was taken." in page.text
    fields = page.form(action="/checkout").fields
    assert (fields["payment_method"], fields["save_method"]) == (["new"], ["yes"])


def test_deposit_that_ended_while_it_was_reviewed_leads_back_to_the_first_step(
    pages: PageClient, account: Account, gateway: ScriptedGateway
) -> None:
    invoice = account.invoice(5000, deposit_amount=1500, amount_mode="editable")
    review = go_on(pages, f"/acme/checkout?invoice={invoice}", amount_choice="deposit")
    account.change(Invoice, invoice, amount_credited=500)

    page = pages.get(review.path)

    assert page.headline == "Choose what to pay"
    assert "This is no longer offered here." in page.text
    form = review.form(action="/confirmation")
    assert "This is no longer offered here." in pages.post(form.action, form.fields, status=422).text
    assert gateway.ledger == {}


def test_preset_that_is_proposed_no_more_is_written_where_an_amount_may_be_typed(
    pages: PageClient, account: Account, method: str
) -> None:
    invoice = account.invoice(5000, amount_mode="editable", preset_amounts=(2000,))
    review = go_on(pages, f"/acme/checkout?invoice={invoice}", amount_choice="2000")
    account.change(Invoice, invoice, preset_amounts=(3000,))
    account.change(PaymentMethod, method, status="removed")

    fields = pages.get(review.path).form(action="/checkout").fields

    assert (fields["amount_choice"], fields["amount"]) == (["other"], ["20.00"])


def test_credit_goes_first_where_its_box_is_ticked(
    pages: PageClient, account: Account, gateway: ScriptedGateway
) -> None:
    account.credit(2000)
    invoice = account.invoice(5000, number="A-1")

    review = go_on(pages, f"/acme/checkout?invoice={invoice}", use_credit="yes")

    assert "Less your credit−$20.00" in review.text
    assert pay(pages, review, gateway) == Money(3000, "USD")


def test_credit_is_left_alone_where_its_box_is_not_ticked(
    pages: PageClient, account: Account, gateway: ScriptedGateway
) -> None:
    account.credit(2000)

    review = go_on(pages, f"/acme/checkout?invoice={account.invoice(5000)}", use_credit=[])

    assert "Less your credit" not in review.text
    assert pay(pages, review, gateway) == Money(5000, "USD")


def test_choice_that_credit_pays_says_that_nothing_is_charged_and_names_the_credit_in_its_button(
    pages: PageClient, account: Account
) -> None:
    account.credit(9000)
    invoice = account.invoice(5000)

    choice = pages.get(f"/acme/checkout?invoice={invoice}")
    french = pages.get(f"/acme/checkout?invoice={invoice}&locale=fr")

    assert "Less your credit−$50.00 FeeNone You pay$0.00" in choice.text
    assert [text for text, _ in choice.buttons("/checkout")] == ["Review $50.00 from your credit"]
    assert [text for text, _ in french.buttons("/checkout")] == ["Vérifier 50,00 $US avec votre crédit"]


def test_choice_that_credit_pays_in_part_names_what_is_charged_in_its_button(
    pages: PageClient, account: Account
) -> None:
    account.credit(2000)

    choice = pages.get(f"/acme/checkout?invoice={account.invoice(5000)}")

    assert [text for text, _ in choice.buttons("/checkout")] == ["Review $30.00"]


def test_credit_alone_pays_without_a_method_and_without_a_gateway(
    pages: PageClient, account: Account, gateway: ScriptedGateway
) -> None:
    account.credit(9000)
    invoice = account.invoice(5000, number="A-1")

    review = go_on(pages, f"/acme/checkout?invoice={invoice}", use_credit="yes", payment_method=[])
    form = review.form(action="/confirmation")
    shown = pages.get(pages.post(form.action, form.fields).headers["Location"])

    assert "Your credit covers it all" in review.text and "Carried out by" not in review.text
    assert "Paid" in shown.text
    assert gateway.calls == []
    assert balances(account) == {"A-1": 5000}


def test_rest_of_a_split_is_paid_by_a_second_payment(
    pages: PageClient, account: Account, gateway: ScriptedGateway
) -> None:
    allow(account, allow_split=True)
    invoice = account.invoice(5000, number="A-1")

    review = go_on(pages, f"/acme/checkout?invoice={invoice}", amount_choice="split", first_amount="20")
    assert "Afterwards, with another payment method$30.00" in review.text
    assert pay(pages, review, gateway) == Money(2000, "USD")
    first = gateway.captured[-1]
    rest = go_on(pages, f"/acme/checkout?split={first}")

    assert pay(pages, rest, gateway) == Money(3000, "USD")
    assert balances(account) == {"A-1": 5000}


def test_priced_invoice_offers_each_currency(pages: PageClient, account: Account, gateway: ScriptedGateway) -> None:
    invoice = account.invoice(5000, number="A-1", prices={"EUR": 4600})

    page = pages.get(f"/acme/checkout?invoice={invoice}")
    review = go_on(pages, "/acme/checkout" + page.link("€46.00").rpartition("/checkout")[2])

    assert pay(pages, review, gateway) == Money(4600, "EUR")
    assert balances(account) == {"A-1": 5000}


def test_currencies_that_do_not_meet_are_offered_one_by_one(pages: PageClient, account: Account) -> None:
    dollars = account.invoice(5000, description="Team plan, March")
    euros = account.invoice(700, currency="EUR", description="Workshop in Lisbon")

    page = pages.get(f"/acme/checkout?invoice={dollars}&invoice={euros}")

    assert "Team plan, March" in page.text and "Workshop in Lisbon" in page.text

    assert "A payment can only be in one currency." in page.text
    assert page.way("Pay $50.00").endswith(f"/checkout?invoice={dollars}")
    assert page.way("Pay €7.00").endswith(f"/checkout?invoice={euros}")


def test_money_in_advance_is_offered_where_the_merchant_takes_it(
    pages: PageClient, account: Account, gateway: ScriptedGateway
) -> None:
    allow(account, top_ups={"USD": AmountLimits(1000, 9000, (2500,)), "EUR": AmountLimits(1000, 9000)})

    start = pages.get("/acme/")
    review = go_on(pages, start.link("Add credit"), amount_choice="2500")

    assert pay(pages, review, gateway) == Money(2500, "USD")
    assert "Your credit $25.00" in pages.get("/acme/").text
    again = go_on(pages, "/acme/checkout?top_up=USD", status=422, amount_choice="other", amount="5")
    assert "This is less than the minimum." in again.text


def test_money_in_advance_is_not_found_where_the_merchant_takes_none(pages: PageClient) -> None:
    assert "Add credit" not in pages.get("/acme/").text
    pages.get("/acme/checkout?top_up=USD", status=404)


def test_prompt_is_offered_where_the_gateway_can_and_the_currency_is_its_own(
    pages: PageClient, account: Account, gateway: ScriptedGateway
) -> None:
    assert "approved on your phone" not in pages.get(f"/acme/checkout?invoice={account.invoice(5000)}").text
    invoice = account.invoice(5000, currency="XAF")
    address = f"/acme/checkout?invoice={invoice}"

    bad = go_on(pages, address, status=422, payment_method="telephone", channel="cm.mtn", phone="12")
    assert "This is not a phone number of this operator." in bad.text
    review = go_on(pages, address, payment_method="telephone", channel="cm.mtn", phone="6 77 00 00 12")
    form = review.form(action="/confirmation")
    payment = pages.post(form.action, form.fields).headers["Location"].rpartition("/")[2]

    assert "+237677000012" in review.text
    assert gateway.ledger[payment].state is State.PENDING
    assert gateway.ledger[payment].money == Money(5000, "XAF")


def test_gateway_that_cannot_keep_methods_offers_none(
    pages: PageClient, account: Account, gateway: ScriptedGateway
) -> None:
    gateway.capabilities = Capabilities(hosted_page=True)

    page = pages.get(f"/acme/checkout?invoice={account.invoice(5000)}")

    assert page.form("Review $50.00").fields["payment_method"] == ["new"]
    assert "Visa" not in page.text and "Keep this payment method" not in page.text


def test_new_method_names_what_the_gateways_page_takes(
    pages: PageClient, account: Account, gateway: ScriptedGateway
) -> None:
    address = f"/acme/checkout?invoice={account.invoice(5000)}"
    gateway.capabilities = replace(gateway.capabilities, page_types=("card",))

    assert "On the Sandbox Pay page: Card Save" in pages.get(address).text
    gateway.capabilities = replace(gateway.capabilities, page_types=("mobile_money", "card"))
    assert "On the Sandbox Pay page: Mobile money · Card Save" in pages.get(address).text


def forms(page: Page) -> list[str]:
    """Where the forms of the page's main part lead."""
    return [each.get("action", "") for each in page.all("main")[0].iter() if each.tag.endswith("form")]


def test_nothing_is_offered_in_a_currency_that_the_gateway_does_not_take(
    pages: PageClient, account: Account, gateway: ScriptedGateway
) -> None:
    gateway.capabilities = replace(gateway.capabilities, currencies=frozenset({"XAF", "XOF"}))

    page = pages.get(f"/acme/checkout?invoice={account.invoice(5000)}")

    assert "No payment method accepts USD here at the moment." in page.text
    assert not forms(page)
    assert "Review" not in page.text
    francs = pages.get(f"/acme/checkout?invoice={account.invoice(5000, currency='XAF')}")
    assert "payment_method" in francs.form(action="/checkout").names


@pytest.mark.parametrize("way", ["new", "saved"])
def test_currency_that_the_gateway_does_not_take_is_refused_at_the_field(
    pages: PageClient, account: Account, gateway: ScriptedGateway, method: str, way: str
) -> None:
    gateway.capabilities = replace(gateway.capabilities, currencies=frozenset({"XAF"}))
    francs, dollars = account.invoice(5000, currency="XAF"), account.invoice(5000)
    chosen = "new" if way == "new" else method

    for invoice, status in ((dollars, 422), (francs, 303)):
        answer = pages.post("/acme/checkout", {"invoice": invoice, "payment_method": chosen}, status=status)
        assert ("No payment method accepts USD" in answer.get_data(as_text=True)) == (status == 422)


def test_credit_pays_in_a_currency_that_the_gateway_does_not_take(
    pages: PageClient, account: Account, gateway: ScriptedGateway
) -> None:
    account.credit(9000)
    gateway.capabilities = replace(gateway.capabilities, currencies=frozenset({"XAF"}))

    review = go_on(pages, f"/acme/checkout?invoice={account.invoice(5000)}", use_credit="yes")

    assert "Your credit covers it all" in review.text and "Carried out by" not in review.text
    rest = pages.get(f"/acme/checkout?invoice={account.invoice(9500)}")
    assert "No payment method accepts USD here at the moment. Your credit of $90.00 does not cover it." in rest.text
    assert not forms(rest)


def test_telephone_of_a_country_that_pays_in_another_currency_is_refused_at_the_field(
    pages: PageClient, account: Account, gateway: ScriptedGateway
) -> None:
    fields = {"invoice": account.invoice(5000, currency="EUR"), "payment_method": "telephone", "channel": "cm.mtn"}

    answer = pages.post("/acme/checkout", {**fields, "phone": "+237677000012"}, status=422)

    page = Page("/acme/checkout", answer)
    assert "This payment method does not accept EUR. Choose another one." in page.text
    assert gateway.ledger == {}


def test_rest_of_a_split_over_two_invoices_leaves_out_the_one_that_the_first_payment_holds_whole(
    pages: PageClient, account: Account, gateway: ScriptedGateway, method: str
) -> None:
    allow(account, allow_split=True)
    first, second = account.invoice(2000, number="A-1"), account.invoice(3000, number="A-2", due_in_days=9)
    gateway.becomes.append(State.PENDING)
    pay(
        pages,
        go_on(pages, f"/acme/checkout?invoice={first}&invoice={second}", amount_choice="split", first_amount="30"),
        gateway,
    )
    pending = next(iter(gateway.ledger))

    assert "Pay $20.00 another way" in pages.get(f"/acme/payments/{pending}").text
    rest = pages.get(f"/acme/checkout?split={pending}")

    assert "cannot pay it twice" not in rest.text
    assert rest.form(action="/checkout").fields["invoice"] == [second]
    review = go_on(pages, f"/acme/checkout?split={pending}", payment_method=method)
    assert pay(pages, review, gateway) == Money(2000, "USD")


@pytest.mark.parametrize("amount", ["20", "19.99"])
def test_first_part_that_does_not_reach_every_invoice_is_refused_at_the_field(
    pages: PageClient, account: Account, amount: str
) -> None:
    """The second payment pays the rest of what the first began: an invoice that it left out would be dropped in silence."""
    allow(account, allow_split=True)
    first, second = account.invoice(2000), account.invoice(3000, due_in_days=9)
    address = f"/acme/checkout?invoice={first}&invoice={second}"

    page = go_on(pages, address, status=422, amount_choice="split", first_amount=amount)

    assert "must cover a part of each of these invoices: at least $20.01." in page.text
    assert "From $20.01 to $49.99." in page.text
    assert "Afterwards, with another payment method$29.99" in (
        go_on(pages, address, amount_choice="split", first_amount="20.01").text
    )


def test_price_in_another_currency_is_not_split(
    pages: PageClient, account: Account, gateway: ScriptedGateway, method: str
) -> None:
    """Such an invoice is paid whole: a part of its price would have settled all of it."""
    allow(account, allow_split=True)
    invoice = account.invoice(5000, prices={"EUR": 4600})
    assert "split" not in pages.get(f"/acme/checkout?invoice={invoice}&currency=EUR").html

    fields = {"invoice": invoice, "currency": "EUR", "payment_method": method, "amount_choice": "split", "amount": "20"}
    answer = pages.post("/acme/checkout", fields, status=422)

    assert "This can only be paid in full." in Page("/acme/checkout", answer).text


def test_somebody_elses_split_is_not_found(pages: PageClient, services: Services, account: Account) -> None:
    other = make_account(services, merchant_id=account.scope.merchant_id)
    payment = other.payment(pays={other.invoice(5000): 5000})

    pages.get(f"/acme/checkout?split={payment}", status=404)


def allow(account: Account, **options: Any) -> None:
    with account.database.unit_of_work() as session:
        set_payment_options(
            session, account.scope.merchant_id, PaymentOptions(**options), actor=OPERATOR, at=account.now
        )


def go_on(pages: PageClient, address: str, *, status: int = 200, **fields: Any) -> Page:
    """Take the first step with these fields changed, as a browser would send them; gives the page that answers."""
    form = pages.get(address).form(action="/checkout")
    sent = {**form.fields, **fields}
    if status != 200:
        return Page(form.action, pages.post(form.action, sent, status=status))
    return pages.get(pages.post(form.action, sent).headers["Location"])


def pay(pages: PageClient, review: Page, gateway: ScriptedGateway) -> Money | None:
    """Press Pay; tells what the gateway took."""
    form = review.form(action="/confirmation")
    payment = pages.post(form.action, form.fields).headers["Location"].rpartition("/")[2]
    return gateway.ledger[payment].money


def balances(account: Account) -> dict[str, int]:
    """What is paid of each invoice, by its number."""
    with account.database.unit_of_work() as session:
        rows = session.execute(
            sa.select(Invoice.number, Invoice.amount_paid).where(Invoice.merchant_id == account.scope.merchant_id)
        ).all()
    return {row.number: row.amount_paid for row in rows}
