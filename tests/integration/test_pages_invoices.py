"""The list of invoices and one invoice: what is owed, in which order, with which sums, and for whom."""

from __future__ import annotations

from datetime import timedelta

import pytest
from flask import Flask

from portal.invoices import page_builders
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


def shown(page: Page) -> list[str]:
    """The ids of the invoices on a page, in order."""
    links = (link.get("href", "").partition("/invoices/")[2] for link in page.all("a"))
    return [link for link in links if link.startswith("inv_") and not link.endswith(".pdf")]


# --- the list ---


def test_invoices_to_pay_come_in_the_order_of_their_due_dates(pages: PageClient, account: Account) -> None:
    late, soon, overdue = (
        account.invoice(due_in_days=30),
        account.invoice(due_in_days=3),
        account.invoice(due_in_days=-14),
    )
    account.invoice(status="paid", amount_paid=5000)
    account.invoice(status="draft")

    page = pages.get("/acme/invoices")

    assert shown(page) == [overdue, soon, late]
    assert "Overdue by 14 days" in page.text


def test_list_steps_through_equal_due_dates_without_losing_one(pages: PageClient, account: Account) -> None:
    with account.together():
        made = [account.invoice(due_in_days=place // 20) for place in range(60)]

    first = pages.get("/acme/invoices?status=outstanding")
    second = pages.get(first.link("Due later"))
    third = pages.get(second.link("Due later"))

    steps = shown(first) + shown(second) + shown(third)
    assert sorted(steps) == sorted(made)
    assert len(steps) == 60
    assert shown(pages.get(third.link("Due earlier"))) == shown(second)
    assert shown(pages.get(second.link("Due earlier"))) == shown(first)


def test_each_filter_shows_its_invoices(pages: PageClient, account: Account) -> None:
    overdue = account.invoice(due_in_days=-1)
    due_today = account.invoice(due_in_days=0, status="partially_paid", amount_paid=1000)
    paid = account.invoice(status="paid", amount_paid=5000, created_at=account.now - timedelta(days=40))
    void = account.invoice(status="void", created_at=account.now - timedelta(days=80))
    account.invoice(status="draft")

    assert shown(pages.get("/acme/invoices?status=outstanding")) == [overdue, due_today]
    assert shown(pages.get("/acme/invoices?status=overdue")) == [overdue]
    assert shown(pages.get("/acme/invoices?status=paid")) == [paid]
    assert shown(pages.get("/acme/invoices?status=all")) == [*sorted([overdue, due_today], reverse=True), paid, void]


@pytest.mark.parametrize("status", ["paid", "all", "overdue"])
def test_every_filter_steps_in_both_directions(pages: PageClient, account: Account, status: str) -> None:
    given = {"status": "open"} if status == "overdue" else {"status": "paid", "amount_paid": 5000}
    with account.together():
        made = [
            account.invoice(created_at=account.now - timedelta(days=day), due_in_days=-1 - day, **given)
            for day in range(30)
        ]
    ordered = sorted(made, reverse=status != "overdue")

    first = pages.get(f"/acme/invoices?status={status}")
    second = pages.get(first.link("Due later" if status == "overdue" else "Older"))

    assert shown(first) + shown(second) == ordered
    assert shown(pages.get(second.link("Due earlier" if status == "overdue" else "Newer"))) == ordered[:25]


@pytest.mark.parametrize(
    "query", ["status=x", "after=x", "after=2026-99-01.inv_x", "before=.", "status=paid&after=2026-01-01.inv_y"]
)
def test_address_with_a_slip_shows_the_list(pages: PageClient, account: Account, query: str) -> None:
    account.invoice(status="paid", amount_paid=5000)
    account.invoice()

    assert len(shown(pages.get(f"/acme/invoices?{query}"))) == 1


def test_what_is_owed_is_summed_in_each_currency_over_all_pages(pages: PageClient, account: Account) -> None:
    with account.together():
        for _ in range(30):
            account.invoice(1000, due_in_days=5)
    account.invoice(2500, due_in_days=-3, status="partially_paid", amount_paid=500)
    account.invoice(45_000, currency="EUR", due_in_days=9)
    account.invoice(9999, due_in_days=2, amount_reserved=9999)

    page = pages.get("/acme/invoices")

    assert "You owe $320.00 in 31 invoices, €450.00 in 1 invoice" in page.text
    assert "To pay 32" in page.texts("a")
    assert [(text, fields["overdue"]) for text, fields in page.buttons("/checkout")] == [
        ("Pay $20.00 overdue", ["USD"])
    ]
    assert page.link("Choose what to pay") == "/acme/checkout?outstanding=USD"


def test_sum_that_one_checkout_cannot_pay_has_no_button(
    pages: PageClient, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page_builders, "MAX_INVOICES_PER_PAYMENT", 4)
    for place in range(5):
        account.invoice(1000, due_in_days=place - 2)

    page = pages.get("/acme/invoices")

    assert "You owe $50.00" in page.text
    assert [text for text, _ in page.buttons("/checkout")] == ["Pay $20.00 overdue"]
    assert "outstanding=USD" not in page.html
    assert "outstanding=USD" not in pages.get("/acme/").html


def test_what_is_under_way_has_groups_of_its_own_which_no_sum_counts(pages: PageClient, account: Account) -> None:
    owed = account.invoice(900, due_in_days=3)
    made = {}
    for status in ("requires_action", "pending", "processing"):
        made[status] = account.invoice(5000, due_in_days=-2, amount_reserved=5000)
        account.payment(status, pays={made[status]: 5000}, state="active")

    page = pages.get("/acme/invoices")

    assert "You owe $9.00 in 1 invoice" in page.text
    assert {"To pay 1", "Overdue 0"} <= set(page.texts("a"))
    assert shown(page) == [owed, made["requires_action"], *sorted([made["pending"], made["processing"]])]
    for words in (
        "To confirm · not counted above",
        "On their way · not counted above",
        "To confirmPDF$50.00",
        "Being checkedPDF$50.00",
    ):
        assert words in page.text, words
    assert "Overdue by" not in page.text


def test_lists_where_all_is_under_way_speak_of_nothing_that_is_owed(pages: PageClient, account: Account) -> None:
    account.payment("pending", pays={account.invoice(amount_reserved=5000, due_in_days=-2): 5000}, state="active")

    page = pages.get("/acme/invoices")

    assert "On their way" in page.text and "counted" not in page.text
    assert "You owe" not in page.text
    assert page.buttons("/checkout") == []


def test_paid_invoice_whose_money_went_back_says_so_in_the_list(pages: PageClient, account: Account) -> None:
    for status, refunded in (("refunded", 5000), ("partially_refunded", 1500)):
        payment = account.payment(
            status, pays={account.invoice(status="paid", amount_paid=5000): 5000}, amount_refunded=refunded
        )
        account.refund(payment, refunded)
    returning = account.payment(
        "refunded", pays={account.invoice(status="paid", amount_paid=5000): 5000}, amount_refunded=5000
    )
    account.refund(returning, 5000, "pending")
    account.payment("complete", pays={account.invoice(status="paid", amount_paid=5000): 5000})

    text = pages.get("/acme/invoices?status=paid").text

    for words in ("RefundedPDF$50.00", "Partly refundedPDF$50.00", "Refund on its wayPDF$50.00", "PaidPDF$50.00"):
        assert words in text, words


def test_account_without_invoices_says_so(pages: PageClient, account: Account) -> None:
    account.invoice(status="draft")

    assert "No invoices yet" in pages.get("/acme/invoices").texts("h2")


def test_settled_account_reads_differently(pages: PageClient, account: Account) -> None:
    account.invoice(status="paid", amount_paid=5000)

    assert "Nothing to pay" in pages.get("/acme/invoices").texts("h2")
    assert "Nothing overdue" in pages.get("/acme/invoices?status=overdue").texts("h2")


def test_merchant_without_gateway_offers_no_payment(pages: PageClient, account: Account, services: Services) -> None:
    services.gateways.gateway = None  # type: ignore[attr-defined]
    invoice = account.invoice(due_in_days=-2)

    assert "checkout" not in pages.get("/acme/invoices").html
    assert "checkout" not in pages.get(f"/acme/invoices/{invoice}").html
    assert "checkout" not in pages.get("/acme/").html


# --- one invoice ---


def test_invoice_tells_parties_lines_and_sums(pages: PageClient, account: Account) -> None:
    invoice = account.invoice(
        23_958, number="ACME-0412", description="Team plan, March", subtotal=22_000, tax=1958, due_in_days=-14,
        bill_to={"company_name": "Lindqvist Studio", "name": "Maya Lindqvist", "line1": "1220 Pine Street", "country": "US"},
    )  # fmt: skip
    account.line(
        invoice, 1, 20_000, description="Team plan, 10 seats", quantity="10", unit_amount_decimal="2000", tax_rate="8.9"
    )
    account.line(invoice, 2, 2000, description="Extra storage", unit_amount_decimal="2000", tax_rate="8.9")

    page = pages.get(f"/acme/invoices/{invoice}")

    assert page.headline == "Invoice ACME-0412"
    for words in (
        "Team plan, March", "Acme Software Inc.", "410 Union Street", "Lindqvist Studio", "Maya Lindqvist", "United States",
        "Team plan, 10 seats", "10 × $20.00", "$220.00", "Tax 8.9%", "$19.58", "$239.58", "Overdue since Mar 5, 2026",
    ):  # fmt: skip
        assert words in page.text, words
    assert [(text, fields["invoice"]) for text, fields in page.buttons("/checkout")] == [("Pay $239.58", [invoice])]
    assert page.link("Pay another way") == f"/acme/checkout?invoice={invoice}"


def test_taxes_of_several_rates_sum_to_the_tax(pages: PageClient, account: Account) -> None:
    invoice = account.invoice(11_000, subtotal=10_000, tax=1000)
    account.line(invoice, 1, 5000, tax_rate="5")
    account.line(invoice, 2, 5000, tax_rate="15")

    page = pages.get(f"/acme/invoices/{invoice}")

    assert "Tax 5%$2.50" in page.text
    assert "Tax 15%$7.50" in page.text


def test_tax_without_a_rate_is_one_sum(pages: PageClient, account: Account) -> None:
    invoice = account.invoice(25_000, subtotal=21_739, tax=3261)
    account.line(invoice, 1, 21_739)

    text = pages.get(f"/acme/invoices/{invoice}").text

    assert [each for each in ("Subtotal$217.39", "Tax$32.61", "Total$250.00") if each not in text] == []


def test_credit_notes_lower_what_is_left(pages: PageClient, account: Account) -> None:
    invoice = account.invoice(5000, amount_credited=1200)
    account.credit_note(invoice, 1200, "C-17")

    page = pages.get(f"/acme/invoices/{invoice}")

    assert "Credit note C-17" in page.text
    assert "−$12.00" in page.text
    assert [text for text, _ in page.buttons("/checkout")] == ["Pay $38.00"]


def test_invoice_lists_its_payments(pages: PageClient, account: Account) -> None:
    invoice = account.invoice(status="paid", amount_paid=5000, paid_at=account.now)
    failed = account.payment(
        "failed", pays={invoice: 5000}, state="released", created_at=account.now - timedelta(days=1)
    )
    paid = account.payment("complete", pays={invoice: 5000})
    account.payment("incomplete", pays={invoice: 5000}, state="proposed")
    account.payment("canceled", pays={invoice: 5000}, state="released", listed=False)

    page = pages.get(f"/acme/invoices/{invoice}")

    links = [link.get("href", "") for link in page.all("a") if "/payments/pay_" in link.get("href", "")]
    assert links == [f"/acme/payments/{paid}", f"/acme/payments/{failed}"]
    assert "checkout" not in page.html
    assert "Settled on Mar 19, 2026" in page.text


def test_invoice_being_paid_names_the_payment_and_offers_no_second_one(pages: PageClient, account: Account) -> None:
    invoice = account.invoice(amount_reserved=5000)
    payment = account.payment("processing", pays={invoice: 5000}, state="active")

    page = pages.get(f"/acme/invoices/{invoice}")

    assert "You cannot pay it twice" in page.text
    assert page.link("See the payment") == f"/acme/payments/{payment}"
    assert "checkout" not in page.html


def test_invoice_names_the_method_it_would_be_paid_with(pages: PageClient, account: Account) -> None:
    account.method(is_default=True, nickname="Studio card")

    assert "With Studio card, Visa •••• 4242" in pages.get(f"/acme/invoices/{account.invoice()}").text


def test_looking_at_an_invoice_changes_nothing(pages: PageClient, account: Account) -> None:
    invoice = account.invoice()

    with counted_statements(account.database) as sent:
        pages.get(f"/acme/invoices/{invoice}")

    assert all(statement.lstrip().lower().startswith("select") for statement in sent)
    assert len(sent) <= 4  # The merchant is looked up once in five seconds.


def test_page_takes_three_statements_at_most(pages: PageClient, account: Account) -> None:
    account.method(is_default=True)
    invoice = account.invoice(amount_credited=100, status="partially_paid", amount_paid=100)
    account.line(invoice, 1, 5000)
    account.credit_note(invoice, 100)
    account.payment(pays={invoice: 100})
    pages.get("/acme/invoices")

    for path in (
        f"/acme/invoices/{invoice}",
        "/acme/invoices",
        "/acme/invoices?status=paid",
        "/acme/invoices?status=all",
    ):
        with counted_statements(account.database) as sent:
            pages.get(path)
        assert len(sent) == 3, path


def test_strange_ids_are_one_and_the_same_not_found(app: Flask, services: Services, account: Account) -> None:
    other = make_account(services, merchant_id=account.scope.merchant_id)
    stranger = make_account(services, "savane")
    own = account.invoice()
    pages = account.sign_in(app)
    paths = [
        other.invoice(), stranger.invoice(), account.invoice(status="draft"), "inv_" + "0" * 22, "inv_x", own + "0",
        "pay" + own[3:], "1.css",
    ]  # fmt: skip

    texts = {
        pages.get(f"/acme/invoices/{path}", status=404).html.partition("<main")[2].partition("quoting this number")[0]
        for path in paths
    }

    assert len(texts) == 1
    assert shown(pages.get("/acme/invoices")) == [own]


def test_invoice_is_shown_in_french(pages: PageClient, account: Account) -> None:
    invoice = account.invoice(124_000, number="ACME-1", bill_to={"name": "Maya", "address": {"country": "DE"}})

    page = pages.get(f"/acme/invoices/{invoice}?locale=fr")

    assert page.headline == "Facture ACME-1"
    assert "Allemagne" in page.text
