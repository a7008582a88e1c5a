"""The account statement: each line from the ledger, and the whole of it equal to the ledger, in any period."""

from __future__ import annotations

import zipfile
from collections import Counter
from datetime import date, timedelta
from decimal import Decimal
from io import BytesIO
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa
from flask import Flask
from pypdf import PdfReader

from portal.gateways.contract import State
from portal.invoices.operations.invoices import NewInvoice, NewLine, open_invoice
from portal.ledger.models import LedgerEntry
from portal.services import Services
from portal.statement.queries import list_currencies, read_statement
from portal.statement.rules import Statement
from portal.web.csv_files import stream_csv
from tests.support.accounts import Account, make_account
from tests.support.actors import OPERATOR
from tests.support.merchant_settings import change_settings
from tests.support.page_client import PageClient
from tests.support.paying import PayingCustomer, allow, grant_credit, refund_as_staff

UTC = ZoneInfo("UTC")


def statement(
    payer: PayingCustomer, first: date, last: date, *, currency: str = "USD", zone: ZoneInfo = UTC
) -> Statement:
    with payer.services.database.read() as reader:
        return read_statement(reader, payer.scope, currency, first_on=first, last_on=last, zone=zone)


def ledger_balance(payer: PayingCustomer, currency: str) -> int:
    """What the customer owes less its credit, as the ledger says now."""
    with payer.services.database.read() as reader:
        amount = reader.execute(
            sa.select(sa.func.sum(LedgerEntry.amount)).where(
                LedgerEntry.merchant_id == payer.scope.merchant_id,
                LedgerEntry.customer_id == payer.scope.customer_id,
                LedgerEntry.account.in_(("receivable", "credit")),
                LedgerEntry.currency == currency,
            )
        ).scalar()
    return int(amount or 0)


def lines(found: Statement) -> list[tuple[str, int, int, int]]:
    return [(each.kind, each.charged, each.credited, each.balance) for each in found.movements]


def live(payer: PayingCustomer) -> tuple[date, date]:
    """A quarter of everything that can happen to an account; the first and the last day of it."""
    first = payer.clock.now().date()
    allow(payer, amount_mode="editable")
    plan, seats, storage = payer.invoice(5000), payer.invoice(700), payer.invoice(900)
    payer.clock.advance(days=3)
    paid = payer.pay(plan, seats)
    payer.clock.advance(days=1)
    refund_as_staff(payer, paid, 1200)
    payer.clock.advance(days=30)
    grant_credit(payer, 2000)
    payer.pay(storage, use_credit=True)
    payer.clock.advance(days=20)
    payer.gateway.becomes.append(State.PENDING)
    payer.pay(payer.invoice(800))
    payer.clock.advance(minutes=1)
    payer.gateway.becomes.append(State.FAILED)
    payer.pay(payer.invoice(650))
    return first, payer.clock.now().date()


def test_every_movement_is_a_line_and_the_balance_runs_down(payer: PayingCustomer) -> None:
    first, last = live(payer)

    found = statement(payer, first, last)

    assert found.opening == 0
    assert {kind for kind, *_ in lines(found)[:3]} == {"invoice"}
    assert found.movements[2].balance == 6600
    assert lines(found)[3:] == [
        ("payment", 0, 5700, 900),
        ("refund", 1200, 1200, 900),
        ("credit_note", 0, 2000, -1100),
        ("payment_from_credit", 0, 0, -1100),
        ("invoice", 800, 0, -300),
        ("invoice", 650, 0, 350),
    ]
    assert found.closing == 350 == ledger_balance(payer, "USD")


def test_statement_of_any_period_chains_on_the_one_before_and_equals_the_ledger(payer: PayingCustomer) -> None:
    first, last = live(payer)
    whole = statement(payer, first, last)
    days = (last - first).days

    balance, sums, count = 0, Counter[str](), 0
    for start in range(0, days + 1, 7):
        part = statement(payer, first + timedelta(days=start), min(first + timedelta(days=start + 6), last))
        assert part.opening == balance
        assert part.opening + part.charged - part.credited == part.closing
        ageing = part.ageing
        owed = ageing.not_due + ageing.up_to_30 + ageing.up_to_60 + ageing.up_to_90 + ageing.older
        assert owed - ageing.credit == part.closing
        balance = part.closing
        sums.update(charged=part.charged, credited=part.credited)
        count += len(part.movements)

    assert (balance, count) == (ledger_balance(payer, "USD"), len(whole.movements))
    assert (sums["charged"], sums["credited"]) == (whole.charged, whole.credited)


def test_ageing_counts_from_the_due_day_to_the_last_day_of_the_statement(payer: PayingCustomer) -> None:
    today = payer.clock.now().date()
    for days, amount in ((5, 1), (0, 10), (-1, 100), (-30, 1000), (-31, 10_000), (-61, 100_000), (-91, 1_000_000)):
        payer.invoice(amount, due_on=today + timedelta(days=days))

    ageing = statement(payer, today, today).ageing

    assert (ageing.not_due, ageing.up_to_30, ageing.up_to_60, ageing.up_to_90, ageing.older) == (
        11,
        1100,
        10_000,
        100_000,
        1_000_000,
    )


def test_day_is_the_merchants(payer: PayingCustomer) -> None:
    payer.clock.move_to(payer.clock.now().replace(hour=23, minute=30))
    today = payer.clock.now().date()
    paid_on = payer.invoice(5000, issued_on=today)
    payer.pay(paid_on)

    douala = statement(payer, today, today + timedelta(days=1), zone=ZoneInfo("Africa/Douala"))

    assert [(each.kind, each.on - today) for each in douala.movements] == [
        ("invoice", timedelta(0)), ("payment", timedelta(days=1)),
    ]  # fmt: skip
    assert statement(payer, today, today, zone=ZoneInfo("Africa/Douala")).closing == 5000


def test_invoice_of_last_year_stands_in_last_year(payer: PayingCustomer) -> None:
    today = payer.clock.now().date()
    payer.invoice(5000, issued_on=date(today.year - 1, 5, 4), due_on=date(today.year - 1, 6, 4))

    last_year = statement(payer, date(today.year - 1, 1, 1), date(today.year - 1, 12, 31))

    assert [each.on for each in last_year.movements] == [date(today.year - 1, 5, 4)]
    assert statement(payer, date(today.year, 1, 1), today).opening == last_year.closing == 5000


def test_currencies_are_never_added(payer: PayingCustomer) -> None:
    payer.invoice(5000)
    payer.invoice(700, currency="EUR")
    today = payer.clock.now().date()

    with payer.services.database.read() as reader:
        assert list_currencies(reader, payer.scope) == ["EUR", "USD"]
    assert statement(payer, today, today, currency="EUR").closing == 700


# --- the page and the file ---


@pytest.fixture
def account(services: Services) -> Account:
    return make_account(services)


@pytest.fixture
def pages(app: Flask, account: Account) -> PageClient:
    return account.sign_in(app)


def test_page_shows_the_period_with_opening_and_closing_balance(account, pages, clock):
    account.invoice(23958, number="ACME-1", description="Team plan")
    clock.advance(days=40)
    pages = account.sign_in(pages.client.application)
    account.invoice(9409, number="ACME-2", description="=Usage")
    today = account.today

    page = pages.get(f"/acme/statement?from={today - timedelta(days=20)}&to={today + timedelta(days=9)}")

    assert "You owe on" in page.text
    assert "$333.67" in page.text
    assert "Opening balance" in page.text
    assert "ACME-2" in page.text
    assert "ACME-1" not in page.text
    assert page.form("Show").fields["to"] == [str(today)]
    file = pages.client.get(page.link("Download CSV"))
    assert file.get_data(as_text=True).split("\r\n") == [
        "\ufeffDate,What,Number,Description,Charged,Paid or credited,Balance,Currency",
        f"{today - timedelta(days=20)},Opening balance,,,,,239.58,USD",
        f"{today},Invoice,ACME-2,'=Usage,94.09,0.00,333.67,USD",
        f"{today},Closing balance,,,,,333.67,USD",
        "",
    ]
    assert file.headers["Content-Type"] == "text/csv; charset=utf-8"


@pytest.mark.parametrize(
    "query", ["from=x&to=y&currency=zz", "from=9999-12-31", "to=0001-01-01", "from=2026-12-01&to=2026-01-01"]
)
def test_dates_that_cannot_be_are_some_that_can(account, pages, query):
    account.invoice(5000)

    assert pages.get(f"/acme/statement?{query}").status == 200


def test_customer_without_an_account_has_an_empty_statement_and_no_file(account, pages, services):
    other = make_account(services, merchant_id=account.scope.merchant_id)
    other.invoice(5000)

    assert "Nothing on your account yet" in pages.get("/acme/statement").text
    pages.get("/acme/statement.csv", status=404)


def test_merchant_can_hide_it(account, pages, clock):
    account.invoice(5000)
    assert "/acme/statement" in pages.get("/acme/payments").html
    with account.database.unit_of_work() as session:
        change_settings(
            session, account.scope.merchant_id, {"pages": {"statement": "hidden"}}, actor=OPERATOR, at=account.now
        )
    clock.advance(seconds=10)

    for path in ("statement", "statement.csv", "statement.zip"):
        pages.get(f"/acme/{path}", status=404)
    assert "/acme/statement" not in pages.get("/acme/payments").html


def test_pdf_says_what_the_page_says_and_is_the_same_bytes_each_time(account, pages, clock):
    account.invoice(23958, number="ACME-1", description="Team plan")
    clock.advance(days=40)
    pages = account.sign_in(pages.client.application)
    account.invoice(9409, number="ACME-2", description='Usage #read("/etc/passwd")')
    address = pages.get("/acme/statement").link("Download PDF")

    first, second = (pages.client.get(address) for _ in range(2))

    assert first.data == second.data
    assert first.headers["Content-Type"] == "application/pdf"
    assert "attachment" in first.headers["Content-Disposition"]
    text = " ".join("".join(page.extract_text() for page in PdfReader(BytesIO(first.data)).pages).split())
    for part in (
        "Statement",
        "Opening balance",
        "ACME-2",
        "#read",
        "94.09",
        "Closing balance",
        "$333.67",
        "31 to 60 days late",
    ):
        assert part in text or part.replace(" ", "") in text.replace(" ", ""), part
    assert b"pdfuaid" in first.data


def test_pdf_of_a_customer_without_an_account_is_not_there(account, pages, services):
    other = make_account(services, merchant_id=account.scope.merchant_id)
    other.invoice(5000)

    pages.get("/acme/statement.pdf", status=404)


def test_tax_and_order_number_of_the_customer_are_printed_on_new_invoices(account, pages, services):
    pages.submit(pages.get("/acme/details"), "Save details", tax_id="12345", purchase_order="PO-2026-118")
    at = services.clock.now()
    new = NewInvoice(
        number="",
        currency="USD",
        issued_on=at.date(),
        due_on=at.date(),
        description="Plan",
        lines=(NewLine("Plan", Decimal(1), Decimal(5000)),),
    )
    invoice = services.database.run(lambda session: open_invoice(session, account.scope, new, actor=OPERATOR, at=at))

    file = pages.client.get(f"/acme/invoices/{invoice}.pdf")

    text = "".join(page.extract_text() for page in PdfReader(BytesIO(file.data)).pages)
    assert "PO-2026-118" in text
    assert "12345" in text


def test_amount_below_zero_is_a_number_in_the_file() -> None:
    file = stream_csv("statement", ["Balance"], [["-20.00"], ["-20+1"], ["-2.0.0"]])

    assert file.get_data(as_text=True).split("\r\n")[1:] == ["-20.00", "'-20+1", "'-2.0.0", ""]


def test_everything_of_a_period_is_one_download(payer: PayingCustomer, app: Flask) -> None:
    first, last = live(payer)
    neighbour = make_account(payer.services, merchant_id=payer.scope.merchant_id)
    neighbour.invoice(5000, number="NEIGHBOUR-1")
    account = Account(payer.services, payer.scope, payer.slug)
    account.credit_note(payer.invoice(900), 300)
    pages = account.sign_in(app)
    days = f"from={first}&to={last}"

    answer = pages.client.get(f"/{payer.slug}/statement.zip?{days}")

    found = zipfile.ZipFile(BytesIO(answer.data))
    kinds = Counter(name.split("-")[0] for name in found.namelist())
    assert kinds == {"Statement": 2, "Invoice": 6, "Receipt": 2, "Credit": 1}
    assert not any("NEIGHBOUR" in name for name in found.namelist())
    for name in found.namelist():
        assert found.read(name).startswith("\ufeff".encode() if name.endswith(".csv") else b"%PDF-"), name
    assert (
        pages.get(f"/{payer.slug}/statement?{days}").link("All documents (ZIP)")
        == f"/{payer.slug}/statement.zip?{days}"
    )


def test_period_of_too_many_papers_is_refused_in_words(payer: PayingCustomer, app: Flask, monkeypatch) -> None:
    first, last = live(payer)
    monkeypatch.setattr("portal.statement.views.MAX_IN_PERIOD", 6)

    refused = (
        Account(payer.services, payer.scope, payer.slug)
        .sign_in(app)
        .get(f"/{payer.slug}/statement.zip?from={first}&to={last}", status=422)
    )

    assert "Choose fewer days" in refused.text
