"""The history as CSV: what the page lists, on all of its pages, one row a payment, for people and their spreadsheets."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask

from portal.merchants.models import Merchant
from portal.services import Services
from tests.integration.test_pages_payments import many, shown
from tests.support.accounts import Account, make_account
from tests.support.crowds import fill_crowd
from tests.support.page_client import PageClient
from tests.support.statements import counted_statements

HEADER = ["Date", "Description", "Invoices", "Payment method", "Status", "Amount", "Refunded", "Currency", "Reference"]


@pytest.fixture
def account(services: Services) -> Account:
    return make_account(services)


@pytest.fixture
def pages(app: Flask, account: Account) -> PageClient:
    return account.sign_in(app)


def rows(pages: PageClient, query: str = "", path: str = "/acme/payments.csv") -> list[list[str]]:
    answer = pages.client.get(f"{path}?{query}")
    assert answer.status_code == 200
    return list(csv.reader(io.StringIO(answer.get_data().decode("utf-8-sig"), newline="")))


def test_file_is_what_a_spreadsheet_reads_rightly(pages: PageClient, account: Account) -> None:
    account.payment(description="Électricité")

    answer = pages.client.get("/acme/payments.csv")

    assert answer.content_type == "text/csv; charset=utf-8"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="payments-acme-2026-03-19.csv"'
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    body = answer.get_data()
    assert body.startswith(b"\xef\xbb\xbfDate,Description,Invoices,") and body.endswith(b"\r\n")
    assert "Électricité".encode() in body


def test_row_says_what_the_page_says_of_a_payment(pages: PageClient, account: Account) -> None:
    account.change(Merchant, account.scope.merchant_id, timezone="America/Los_Angeles")
    first, second = account.invoice(number="ACME-0001"), account.invoice(number="ACME-0002")
    payment = account.payment(
        "partially_refunded", 124_050, amount_refunded=6001, description="Workshop, deposit", note="ACME-0001", more_count=1,
        pays={first: 100_000, second: 24_050}, created_at=datetime(2026, 3, 1, 4, tzinfo=UTC),
    )  # fmt: skip
    account.refund(payment, 6001)

    assert rows(pages) == [
        HEADER,
        [
            "2026-02-28", "Workshop, deposit", "ACME-0001, ACME-0002", "Visa •••• 4242", "Partly refunded", "1240.50", "60.01", "USD",
            payment,
        ],
    ]  # fmt: skip


def test_amounts_have_the_decimals_of_their_currency(pages: PageClient, account: Account) -> None:
    for currency, amount in (("XAF", 5000), ("KWD", 1234), ("USD", 5)):
        account.payment(amount=amount, currency=currency)

    assert sorted(row[5] for row in rows(pages)[1:]) == ["0.05", "1.234", "5000"]


def test_money_on_its_way_back_is_not_refunded_yet(pages: PageClient, account: Account) -> None:
    account.refund(account.payment("refunded", amount_refunded=5000), 5000, "pending")

    (row,) = rows(pages)[1:]

    assert (row[4], row[6]) == ("Refund on its way", "0.00")


def test_invoices_of_a_payment_are_those_that_it_paid(pages: PageClient, account: Account) -> None:
    paid, left = account.invoice(number="ACME-0001"), account.invoice(number="ACME-0002")
    with account.together():
        account.payment(pays={paid: 5000})
        account.payment("failed", pays={left: 5000}, state="released", created_at=account.now - timedelta(days=1))
        account.payment(note="", kind="top_up", description="", created_at=account.now - timedelta(days=2))

    assert [(row[1], row[2]) for row in rows(pages)[1:]] == [
        ("Team plan", "ACME-0001"), ("Team plan", "ACME-0002"), ("Added credit", ""),
    ]  # fmt: skip


def test_method_without_a_name_is_said_in_words_or_left_empty(pages: PageClient, account: Account) -> None:
    bare: dict[str, Any] = {"method_brand": None, "method_last4": None}
    with account.together():
        account.payment(method_type="credit", **bare)
        account.payment(method_type=None, created_at=account.now - timedelta(days=1), **bare)
        account.payment("abandoned", method_type=None, created_at=account.now - timedelta(days=2), **bare)

    assert [row[3] for row in rows(pages)[1:]] == ["Your credit", "Paid elsewhere", ""]


def test_words_are_in_the_language_of_the_reader_and_numbers_are_not(pages: PageClient, account: Account) -> None:
    account.payment("failed", 4901)

    head, row = rows(pages, "locale=fr")

    assert head[0] == "Date" and "Montant" in head and "Moyen de paiement" in head
    assert (row[4], row[5], row[0]) == ("Échoué", "49.01", "2026-03-19")


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t=", "＝", " ="])
def test_no_cell_is_a_formula(pages: PageClient, account: Account, start: str) -> None:
    account.payment(description=f"{start}HYPERLINK(1)", note="x")

    (row,) = rows(pages)[1:]

    assert row[1].startswith("'") and row[1].endswith("HYPERLINK(1)")


def test_quotes_commas_and_lines_are_read_back_as_they_were(pages: PageClient, account: Account) -> None:
    written = 'He said "pay, now"\nand left; sep=,'
    account.payment(description=written)

    (row,) = rows(pages)[1:]

    assert row[1] == written and len(row) == len(HEADER)


def test_file_has_every_page_of_what_the_page_lists(pages: PageClient, account: Account) -> None:
    made = many(account, 60)
    many(account, 5, method_type="bank_account", status="failed", description="Workshop")

    assert [row[8] for row in rows(pages, "q=team&method=card")[1:]] == made
    for query in ("status=failed", "q=workshop", "method=bank_account&currency=USD", "from=2026-03-18", "q=nothing"):
        assert [row[8] for row in rows(pages, query)[1:]] == shown(pages.get(f"/acme/payments?{query}")), query
    page = pages.get("/acme/payments?q=workshop&status=failed")
    assert len(rows(pages, page.link("Download CSV of these").partition("?")[2])) == 6
    assert pages.get("/acme/payments").link("Download CSV") == "/acme/payments.csv"


def test_nothing_of_anybody_else_is_in_the_file(
    app: Flask, pages: PageClient, account: Account, services: Services
) -> None:
    for other in (make_account(services, merchant_id=account.scope.merchant_id), make_account(services, "savane")):
        other.payment(description="Secret", note="SEC-1", pays={other.invoice(number="SEC-1"): 5000})
    own = account.payment()

    for query in ("", "q=secret", "q=sec-1", "status=all", "method=card"):
        assert all(row[8] == own for row in rows(pages, query)[1:]), query
    signed_out = app.test_client().get("/acme/payments.csv")
    assert signed_out.status_code == 303 and "/sign-in" in signed_out.headers["Location"]


def test_long_file_is_sent_while_it_is_read(app: Flask, services: Services) -> None:
    crowd = fill_crowd(services.database, payments=6_000, invoices=5)
    account = Account(services, crowd.scope, "crowd")
    client = account.sign_in(app).client

    with counted_statements(services.database) as sent:
        answer = client.get("/crowd/payments.csv", buffered=False)
        chunks = answer.iter_encoded()
        begun = next(chunks)
        before_the_rest = len(sent)
        rest = b"".join(chunks)

    assert before_the_rest < len(sent)
    assert len(begun) < 100_000
    assert len((begun + rest).splitlines()) == 1 + crowd.payment_count
    assert len({line.rpartition(b",")[2] for line in (begun + rest).splitlines()}) == 1 + crowd.payment_count
