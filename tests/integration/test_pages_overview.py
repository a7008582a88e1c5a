"""The overview and the saved methods: what is owed in each currency, what wants attention, what was paid last."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from flask import Flask

from portal.services import Services
from tests.support.accounts import Account, make_account
from tests.support.page_client import Page, PageClient
from tests.support.statements import counted_statements


@pytest.fixture
def account(services: Services) -> Account:
    return make_account(services)


@pytest.fixture
def pages(app: Flask, account: Account) -> PageClient:
    return account.sign_in(app)


def hrefs(page: Page, part: str) -> list[str]:
    return [href for link in page.all("a") if part in (href := link.get("href", ""))]


def pays(page: Page) -> list[tuple[str, str, str]]:
    """What the buttons that pay say, and which field names what they pay."""
    what = ("invoice", "overdue", "outstanding")
    return [
        (text, *next((n, v[0]) for n, v in fields.items() if n in what)) for text, fields in page.buttons("/checkout")
    ]


def due_panel(page: Page) -> str:
    return page.html.partition('class="due"')[2].partition("</section>")[0]


def test_empty_account_owes_nothing(pages: PageClient) -> None:
    page = pages.get("/acme/")

    assert page.headline == "Hello, Maya"
    assert "Nothing to pay" in page.texts("h2")
    assert "Your first payment will be listed here" in page.text


def test_customer_without_a_name_is_greeted_without_one(app: Flask, services: Services, account: Account) -> None:
    nameless = make_account(services, merchant_id=account.scope.merchant_id, name=None)

    assert nameless.sign_in(app).get("/acme/").headline == "Overview"


def test_panel_sums_what_is_owed_and_leads_to_paying_what_is_overdue(pages: PageClient, account: Account) -> None:
    overdue = account.invoice(23_958, due_in_days=-14, description="Team plan, March")
    later = [account.invoice(1000, due_in_days=day, description=f"Usage {day}") for day in (12, 13, 14)]

    page = pages.get("/acme/")

    assert "$269.58" in page.text
    assert "4 invoices, 1 overdue by 14 days" in page.text
    assert pays(page) == [("Pay $239.58the overdue invoice", "overdue", "USD")]
    assert page.link("Pay all, $269.58") == "/acme/checkout?outstanding=USD"
    assert [href.rpartition("/")[2] for href in hrefs(page, "/invoices/inv_")] == [overdue, *later[:2]]
    assert "and 1 more$10.00" in page.text


def test_currencies_are_never_added_and_the_overdue_one_comes_first(pages: PageClient, account: Account) -> None:
    account.invoice(5000, due_in_days=3)
    account.invoice(45_000, currency="EUR", due_in_days=-2)
    account.invoice(7000, currency="XAF", due_in_days=20)

    page = pages.get("/acme/")

    assert pays(page) == [
        ("Pay €450.00the overdue invoice", "overdue", "EUR"),
        ("Pay $50.00", "outstanding", "USD"),
        ("Pay 7,000 FCFA", "outstanding", "XAF"),
    ]


def test_what_is_under_way_is_told_apart_and_not_counted(pages: PageClient, account: Account) -> None:
    sent, to_confirm = (account.invoice(amount, due_in_days=-3, amount_reserved=amount) for amount in (5000, 700))
    account.payment("pending", pays={sent: 5000}, state="active", method_type="bank_account")
    waiting = account.payment("requires_action", 700, pays={to_confirm: 700}, state="active", action_url="http://x/3ds")
    account.invoice(1500, due_in_days=3)

    page = pages.get("/acme/")

    assert pays(page) == [("Pay $15.00", "outstanding", "USD")]
    assert "You owe $15.00 1 invoice" in page.text
    assert page.link("$50.00 on its way") == "/acme/payments?status=pending"
    assert page.link("$7.00 to confirm") == f"/acme/payments/{waiting}"
    assert "overdue" not in page.text


def test_what_waits_for_the_customer_is_the_pages_act_where_nothing_is_owed(
    pages: PageClient, account: Account
) -> None:
    sent, to_confirm = (account.invoice(amount, amount_reserved=amount) for amount in (5000, 700))
    account.payment("processing", pays={sent: 5000}, state="active")
    waiting = account.payment("requires_action", 700, pays={to_confirm: 700}, state="active", action_url="http://x/3ds")

    page = pages.get("/acme/")

    assert page.texts("h2")[:2] == ["Waiting for your confirmation", "On its way"]
    assert page.buttons(f"/payments/{waiting}") == [("Confirm $7.00with your bank", {})]
    assert "Nothing to pay" not in page.text
    assert "#paid" not in due_panel(page)


@pytest.mark.parametrize("status", ["pending", "processing"])
def test_money_on_its_way_is_neither_owed_nor_settled(pages: PageClient, account: Account, status: str) -> None:
    account.payment(status, pays={account.invoice(5000, amount_reserved=5000): 5000}, state="active")

    page = pages.get("/acme/")

    assert page.texts("h2")[:2] == ["Nothing to pay at the moment", "On its way"]
    assert "#paid" not in due_panel(page)


def test_held_invoice_is_never_called_settled(pages: PageClient, account: Account) -> None:
    account.invoice(5000, amount_reserved=5000)

    assert "#paid" not in due_panel(pages.get("/acme/"))


def test_rest_of_an_invoice_that_is_held_in_part_is_owed_and_not_in_the_button(
    pages: PageClient, account: Account
) -> None:
    part = account.invoice(5000, amount_reserved=2000)
    account.payment("pending", 2000, pays={part: 2000}, state="active", amount_choice="first_part", way="new_method")
    account.invoice(700, due_in_days=9)

    page = pages.get("/acme/")

    assert "You owe $37.00" in page.text
    assert pays(page) == [("Pay $7.00", "outstanding", "USD")]


def test_newest_five_payments_come_with_their_refunds(pages: PageClient, account: Account) -> None:
    made = [account.payment(created_at=account.now - timedelta(days=day)) for day in range(1, 7)]
    refunded = account.payment("refunded", 1800, amount_refunded=1800)
    account.refund(refunded, 1800)
    account.refund(made[-1], 1700)

    page = pages.get("/acme/")

    assert [href.rpartition("/")[2] for href in hrefs(page, "/payments/pay_")] == [refunded, *made[:4]]
    assert "−$18.00" in page.text
    assert "−$17.00" not in page.text


def test_attention_is_asked_for_what_failed_and_is_still_owed(pages: PageClient, account: Account) -> None:
    owed = account.invoice(23_958)
    settled = account.invoice(status="paid", amount_paid=5000)
    failed = account.payment(
        "failed", 23_958, pays={owed: 23_958}, state="released", created_at=account.now - timedelta(days=2)
    )
    account.payment("failed", pays={settled: 5000}, state="released")

    page = pages.get("/acme/")

    assert "Your payment of $239.58 did not go through" in page.text
    assert page.link("See what to do") == f"/acme/payments/{failed}"
    assert "Your payment of $50.00 did not" not in page.text


def test_attention_is_asked_for_a_payment_that_waits(pages: PageClient, account: Account) -> None:
    account.invoice(1500)
    waiting = account.payment("requires_action", 4900)

    page = pages.get("/acme/")

    assert "Confirm your payment of $49.00" in page.text
    assert page.link("Confirm") == f"/acme/payments/{waiting}"


def test_payment_that_waits_on_the_gateways_page_is_not_laid_to_a_bank(pages: PageClient, account: Account) -> None:
    no_method: dict[str, Any] = {"method_type": None, "method_brand": None, "method_last4": None}
    account.invoice(1500)
    waiting = account.payment("requires_action", 4900, action_url="http://localhost:9/pay", **no_method)

    found = [pages.get(path) for path in ("/acme/", "/acme/payments")]

    assert found[0].link("Continue") == f"/acme/payments/{waiting}"
    assert "Finish your payment of $49.00" in found[0].text
    assert "To be paid on the payment provider’s page" in found[1].text
    assert not any("Your bank" in page.text for page in found)


def test_attention_is_asked_for_cards_that_run_out(pages: PageClient, account: Account) -> None:
    account.method(is_default=True, exp_month=2, exp_year=2026)
    account.method(brand="mastercard", last4="5100", exp_month=4, exp_year=2026)
    account.method(last4="1111", exp_month=1, exp_year=2025)
    account.method(last4="2222", exp_month=4, exp_year=2026, status="removed")

    page = pages.get("/acme/")

    assert "Visa •••• 4242 has expired" in page.text
    assert "Mastercard •••• 5100 expires soon" in page.text
    assert "1111" not in page.text
    assert "2222" not in page.text


def test_overview_proposes_the_method_of_the_checkout(pages: PageClient, account: Account) -> None:
    account.method(is_default=True, exp_month=2, exp_year=2026)
    account.method(last4="5100", nickname="Studio card")

    assert "Studio card" in pages.get("/acme/").text


def test_full_account_takes_three_statements(pages: PageClient, account: Account) -> None:
    with account.together():
        for place in range(30):
            invoice = account.invoice(due_in_days=place - 10, currency=("USD", "EUR", "XAF")[place % 3])
            account.payment(("failed", "complete", "requires_action")[place % 3], pays={invoice: 1}, state="released")
    account.refund(account.payment("refunded", amount_refunded=5000), 5000)
    account.method(is_default=True)
    pages.get("/acme/")

    with counted_statements(account.database) as sent:
        pages.get("/acme/")

    assert len(sent) == 3


def test_other_customers_account_stays_theirs(app: Flask, services: Services, account: Account) -> None:
    other = make_account(services, merchant_id=account.scope.merchant_id)
    other.invoice()
    other.payment("failed")
    other.method(is_default=True)

    page = account.sign_in(app).get("/acme/")

    assert "Nothing to pay" in page.texts("h2")
    assert "4242" not in page.text


def test_saved_methods_stand_with_the_default_first(pages: PageClient, account: Account) -> None:
    account.method(last4="1111", exp_month=4, exp_year=2026)
    account.method(last4="4242", is_default=True, last_used_at=account.now)
    account.method(last4="2222", exp_month=1, exp_year=2025)
    account.method(
        type="mobile_money", brand="mtn_momo", last4="0012", exp_month=None, exp_year=None, phone="+237 6•• ••• 012"
    )
    account.method(last4="9999", status="removed")

    page = pages.get("/acme/payment-methods")

    names = page.texts("h2")
    assert names[0] == "Visa •••• 4242"
    assert sorted(names) == sorted(["Visa •••• 4242", "Visa •••• 1111", "Visa •••• 2222", "MTN MoMo •• 12"])
    assert "Default" in page.text
    assert "Expires soon" in page.text
    assert "Expired" in page.text
    assert "tok_" not in page.html


def test_customer_without_methods_is_shown_how_to_save_one(pages: PageClient) -> None:
    assert "No payment method saved" in pages.get("/acme/payment-methods").texts("h2")


def test_credit_that_no_payment_holds_is_shown_by_currency(pages: PageClient, account: Account) -> None:
    account.credit(1500, "XAF", reserved=1500)
    assert "Your credit" not in pages.get("/acme/").text
    account.credit(5000, reserved=750)
    account.credit(900, "EUR")

    page = pages.get("/acme/")

    assert "Your credit $42.50 €9.00" in page.text


def test_credit_of_somebody_else_is_not_shown(pages: PageClient, account: Account, services: Services) -> None:
    make_account(services, merchant_id=account.scope.merchant_id).credit(900)

    assert "Your credit" not in pages.get("/acme/").text
