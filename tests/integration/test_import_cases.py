"""Files as other systems export them (`tests/data/import`, from the cases of issue 11): what each of their rows becomes.

After each, the ledger holds, and the same file again changes nothing.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from portal.clock import MovableClock
from portal.customers.models import Customer
from portal.database import Database
from portal.importing.errors import MappingFault
from portal.importing.rules.runs import Summary
from portal.invoices.models import CreditNote, Invoice, InvoiceLine
from portal.ledger.operations.checking import verify_ledger
from portal.payments.models import Payment
from tests.support.importing import Importer, importer_of

CASES = Path(__file__).parents[1] / "data" / "import"
XERO = [
    ("number", "*InvoiceNumber"), ("customer", "*ContactName"), ("customer_email", "EmailAddress"), ("issued_on", "*InvoiceDate"),
    ("due_on", "*DueDate"),
]  # fmt: skip
XERO_LINES = [
    *XERO,
    ("quantity", "*Quantity"),
    ("unit_amount", "*UnitAmount"),
    ("tax_amount", "TaxAmount"),
    ("total", "Total"),
]
WOO = [
    ("number", "order_number"),
    ("issued_on", "order_date"),
    ("total", "order_total"),
    ("currency", "order_currency"),
]
STRIPE_INVOICES = [
    ("number", "Number"), ("customer", "Customer"), ("customer_name", "Customer Name"), ("customer_email", "Customer Email"),
    ("total", "Total"), ("tax_amount", "Tax"), ("amount_paid", "Amount Paid"), ("status", "Status"), ("currency", "Currency"),
    ("issued_on", "Date (UTC)"), ("due_on", "Due Date (UTC)"),
]  # fmt: skip
STRIPE_PAYMENTS = [
    ("reference", "id"), ("amount", "Amount"), ("amount_refunded", "Amount Refunded"), ("currency", "Currency"), ("status", "Status"),
    ("customer_email", "Customer Email"), ("created_at", "Created date (UTC)"),
]  # fmt: skip


@pytest.fixture
def importer(database: Database, clock: MovableClock, tmp_path: Path) -> Importer:
    """An importer into a merchant in London, in March 2027: after all dates of the cases."""
    clock.advance(days=365)
    return importer_of(database, clock, tmp_path)


def run(importer: Importer, name: str, kind: str = "invoices", **how: Any) -> tuple[Summary, dict[int, str]]:
    """Import a case twice; return the summary of the first run, and what it refused by line."""
    report = io.StringIO(newline="")
    summary = importer.file(CASES / name, kind=kind, report=report, **how)
    before = importer.everything()
    importer.clock.advance(days=1)
    again = importer.file(CASES / name, kind=kind, **how)
    assert (again.created, again.updated, again.rejected) == (0, 0, summary.rejected)
    assert importer.everything() == before
    with importer.database.read() as reader:
        assert verify_ledger(reader, importer.merchant.id).wrong is None
    lines = report.getvalue().splitlines()[1:]
    delimiter = how.get("delimiter", ",")
    return summary, {int(line.partition(delimiter)[0]): line for line in lines if line[:1].isdigit()}


def invoices(importer: Importer, *columns: Any) -> Sequence[tuple[Any, ...]]:
    found = importer.rows(
        sa.select(Invoice.number, *columns).join(Customer, Customer.id == Invoice.customer_id).order_by(Invoice.number)
    )
    return [tuple(row) for row in found]


def customers(importer: Importer, *columns: Any) -> Sequence[tuple[Any, ...]]:
    return [tuple(row) for row in importer.rows(sa.select(*columns).order_by(Customer.reference, Customer.email))]


def test_amounts(importer):
    summary, refused = run(importer, "amounts.csv")

    assert summary == Summary(rows=23, created=13, rejected=10)
    totals = {number: (total, currency, status) for number, total, currency, status in invoices(importer, Invoice.total, Invoice.currency, Invoice.status)}  # fmt: skip
    assert totals == {
        "A-1": (123450, "USD", "open"), "A-2": (123450, "USD", "open"), "A-6": (15000, "XAF", "open"), "A-8": (1234, "KWD", "open"),
        "A-12": (1200, "USD", "open"), "A-14": (0, "USD", "paid"), "A-15": (1250, "EGP", "open"), "A-16": (1200, "USD", "open"),
        "A-22": (1200, "USD", "open"),
    }  # fmt: skip
    notes = importer.rows(sa.select(CreditNote.number, CreditNote.amount))
    assert sorted(map(tuple, notes)) == [("A-23", 500), ("A-3", 2000), ("A-4", 2000), ("A-5", 2000)]
    reasons = {
        8: "more decimals than XAF", 10: "more decimals than KWD", 11: "15 digits", 12: "not a number", 14: "more decimals",
        18: "several currencies", 19: "--decimal ,", 20: "--decimal ,", 21: "15 digits", 22: "ISO 4217",
    }  # fmt: skip
    assert {line: word in refused[line] for line, word in reasons.items()} == dict.fromkeys(refused, True)


def test_german_spreadsheet(importer):
    maps = [
        ("number", "Nummer"), ("customer", "Kunde"), ("customer_name", "Name"), ("customer_email", "E-Mail"), ("issued_on", "Datum"),
        ("due_on", "Fällig"), ("total", "Betrag"), ("currency", "Währung"),
    ]  # fmt: skip

    summary, refused = run(importer, "de-excel.csv", maps=maps, delimiter=";", decimal=",", date_format="%d.%m.%Y")

    assert summary == Summary(rows=6, created=5, rejected=1)
    assert invoices(importer, Invoice.total, Customer.name) == [
        ("R-1", 123450, "Jörg Müller"), ("R-2", 9990, "Jörg Müller"), ("R-3", 123400, "Straße AG"), ("R-4", 1200, "Straße AG"),
        ("R-5", 1200, "Straße AG"),
    ]  # fmt: skip
    assert "a point that is no decimal sign here" in refused[7]


def test_report_of_quickbooks_is_no_list_of_invoices_and_says_so(importer):
    maps = [("number", "Num"), ("customer", "Customer"), ("issued_on", "Date"), ("total", "Amount")]
    how: dict[str, Any] = {"maps": maps, "date_format": "%m/%d/%Y"}

    with pytest.raises(MappingFault, match=r"--skip-rows 4$"):
        run(importer, "quickbooks-report.csv", **how)
    summary, refused = run(importer, "quickbooks-report.csv", skip_rows=4, **how)

    assert summary == Summary(rows=4, rejected=4)
    words = {6: "no list of invoices", 7: "customer is empty", 8: "customer is empty", 9: "totals of a report"}
    assert {line: word in refused[line] for line, word in words.items()} == dict.fromkeys(refused, True)


def test_telephone_numbers_with_letters(importer):
    summary, refused = run(importer, "phones-with-letters.csv", "customers")

    assert summary == Summary(rows=5, rejected=5)
    assert all("phone is not a telephone number" in line for line in refused.values())


def test_names_of_countries(importer):
    summary, refused = run(importer, "country-names.csv", "customers")

    assert (summary, sorted(refused)) == (Summary(rows=8, created=6, rejected=2), [8, 9])
    assert customers(importer, Customer.reference, Customer.billing_address) == [
        ("ct1", {"country": "CI"}), ("ct2", {"country": "RU"}), ("ct3", {"country": "VN"}), ("ct4", {"country": "US"}),
        ("ct5", {"country": "TT"}), ("ct6", {"country": "HK"}),
    ]  # fmt: skip


def test_one_payment(importer):
    importer.text("reference,name", "P1,Ann", kind="customers")

    summary, _ = run(importer, "payments-min-crash.csv", "payments")

    assert summary == Summary(rows=1, created=1)
    (payment,) = importer.rows(sa.select(Payment.amount, Payment.currency, Payment.status, Payment.completed_at))
    assert payment == (490000, "USD", "complete", datetime(2025, 11, 1, 10, tzinfo=UTC))


def test_invoices_of_stripe(importer):
    summary, refused = run(importer, "stripe-invoices.csv", maps=STRIPE_INVOICES, date_format="%Y-%m-%d %H:%M")

    assert (summary, "number is empty" in refused[6]) == (Summary(rows=7, created=6, rejected=1), True)
    assert invoices(importer, Invoice.status, Invoice.total, Invoice.amount_paid, Customer.name) == [
        ("ABCD1234-0001", "paid", 4900, 4900, "Maya Lindqvist"),
        ("ABCD1234-0002", "open", 124950, 0, "Maya Lindqvist"),
        ("ABCD1234-0003", "paid", 0, 0, "Maya Lindqvist"),
        ("ABCD1234-0004", "partially_paid", 10000, 5000, "Maya Lindqvist"),
        ("ABCD1235-0001", "void", 2000, 0, "Jonas"),
        ("ABCD1235-0002", "uncollectible", 2000, 0, "Jonas"),
    ]


def test_payments_of_stripe(importer):
    importer.text("reference,email", "m,Maya@Lindqvist.example", kind="customers")
    how: dict[str, Any] = {"sets": [("channel", "card")], "date_format": "%Y-%m-%d %H:%M:%S"}

    summary, _ = run(importer, "stripe-unified-payments.csv", "payments", maps=STRIPE_PAYMENTS, **how)

    assert summary == Summary(rows=3, created=3)
    found = importer.rows(
        sa.select(
            Payment.reference, Payment.amount, Payment.amount_refunded, Payment.status, Payment.method_type
        ).order_by(Payment.reference)
    )
    assert [tuple(row) for row in found] == [
        ("ch_3Nx0001", 4900, 0, "complete", "card"), ("ch_3Nx0002", 12000, 2000, "partially_refunded", "card"),
        ("ch_3Nx0003", 7500, 0, "failed", "card"),
    ]  # fmt: skip


def test_customers_of_stripe_whose_own_column_id_is_a_reference(importer):
    summary, refused = run(importer, "stripe-customers-id-column.csv", "customers", maps=[("reference", "id")])

    assert (summary, "email is not an email address" in refused[5]) == (Summary(rows=6, created=5, rejected=1), True)
    assert customers(importer, Customer.reference, Customer.email) == [
        ("cus_QWErtyuiop1234", "Maya@lindqvist.example"), ("cus_QWErtyuiop1235", "jonas@weber.example"), ("cus_QWErtyuiop1236", None),
        ("cus_QWErtyuiop1238", "陳大文@例子.example"), ("cus_QWErtyuiop1239", "info@ünïcode.example"),
    ]  # fmt: skip


def test_invoices_of_xero(importer):
    maps = [*XERO_LINES, ("amount_paid", "InvoiceAmountPaid")]

    summary, _ = run(importer, "xero-invoices.csv", maps=maps, date_format="%d/%m/%Y")

    assert summary == Summary(rows=3, created=3)
    assert invoices(importer, Invoice.status, Invoice.total, Invoice.tax, Invoice.subtotal, Invoice.amount_paid) == [
        ("INV-0012", "open", 25000, 3261, 21739, 0), ("INV-0013", "paid", 10000, 0, 10000, 10000), ("INV-0014", "draft", 8000, 0, 8000, 0),
    ]  # fmt: skip


@pytest.mark.parametrize(("maps", "tax", "line_count"), [(XERO_LINES, 3261, 2), ([*XERO, ("total", "Total")], 0, 1)])
def test_total_of_xero_that_is_repeated_on_each_line_is_one_total(importer, maps, tax, line_count):
    summary, _ = run(importer, "xero-two-lines-total.csv", maps=maps, date_format="%d/%m/%Y")

    assert summary == Summary(rows=2, created=2)
    assert invoices(importer, Invoice.total, Invoice.tax, Invoice.currency) == [("INV-0100", 25000, tax, "NZD")]
    assert len(importer.rows(sa.select(InvoiceLine.position))) == line_count


def test_guests_of_woocommerce(importer):
    maps = [*WOO, ("customer", "customer_id")]

    summary, refused = run(importer, "woo-guests.csv", maps=maps)

    assert summary == Summary(rows=3, created=1, rejected=2)
    assert invoices(importer, Customer.email) == [("201", "lea@martin.example")]
    for line, address in ((3, "gast@haus.example"), (4, "third@haus.example")):
        assert "lea@martin.example" in refused[line]
        assert address in refused[line].partition("--none customer=0")[0]


def test_guests_of_woocommerce_that_are_declared_go_by_their_addresses(importer):
    maps = [*WOO, ("customer", "customer_id"), ("customer_name", "name")]

    summary, _ = run(importer, "woo-guests.csv", maps=maps, words=[("customer", "0", "")])

    assert summary == Summary(rows=3, created=3)
    assert invoices(importer, Customer.email, Customer.name, Customer.reference) == [
        ("201", "lea@martin.example", "Léa Martin", None), ("202", "gast@haus.example", "Gast Haus", None),
        ("203", "third@haus.example", "Third", None),
    ]  # fmt: skip


def test_details_on_another_invoice_of_the_customer(importer):
    summary, _ = run(importer, "details-on-a-later-invoice.csv")

    assert summary == Summary(rows=2, created=2)
    assert customers(importer, Customer.reference, Customer.name, Customer.email) == [
        ("nmA", "Ann Berg", "ann@berg.example")
    ]
    assert len(invoices(importer)) == 2


def test_customer_who_stands_twice(importer):
    summary, _ = run(importer, "same-customer-twice.csv", "customers")

    assert summary == Summary(rows=2, created=1, updated=1)
    assert customers(importer, Customer.reference, Customer.name) == [("da1", "A2")]


def test_quotes_that_are_never_closed(importer):
    summary, refused = run(importer, "unclosed-quote.csv")

    assert (summary, sorted(refused)) == (Summary(rows=4, created=2, rejected=2), [2, 4])
    assert invoices(importer, Invoice.total) == [("UP2", 2000), ("UP4", 4000)]


def test_file_that_is_cut_off(importer):
    summary, refused = run(importer, "truncated.csv")

    assert (summary, "the file ends inside" in refused[3]) == (Summary(rows=2, created=1, rejected=1), True)
    assert invoices(importer, Invoice.total, Invoice.description) == [("TR1", 1000, "first, long")]


def test_two_equal_headers(importer):
    with pytest.raises(MappingFault, match="more than one column total"):
        run(importer, "dup-headers.csv")

    assert run(importer, "dup-headers.csv", ignored=["total"], sets=[("total", "5")])[0] == Summary(rows=1, created=1)


def test_headers_in_capitals(importer):
    summary, _ = run(importer, "header-caps.csv")

    assert summary == Summary(rows=1, created=1)
    assert invoices(importer, Invoice.total, Invoice.currency) == [("K-1", 1000, "USD")]
