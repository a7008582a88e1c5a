"""`import invoices` on real rows and on made-up ones, on both databases."""

from __future__ import annotations

import csv
import io
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from portal.clock import MovableClock
from portal.credit.models import CustomerBalance
from portal.customers.models import Customer
from portal.database import Database
from portal.importing.errors import MappingFault
from portal.importing.operations import files as operations
from portal.importing.rules.runs import Summary
from portal.invoices.models import CreditNote, Invoice, InvoiceLine
from portal.ledger.operations.checking import verify_ledger
from portal.outbox.models import OutboxMessage
from portal.payments.models import Payment, PaymentAllocation
from tests.support.importing import Importer, Silence, importer_of

SLICE = Path(__file__).parents[1] / "data" / "online-retail-slice.csv"
MAPS = [
    ("number", "InvoiceNo"), ("customer", "CustomerID"), ("issued_on", "InvoiceDate"), ("quantity", "Quantity"),
    ("unit_amount", "UnitPrice"), ("customer_country", "Country"),
]  # fmt: skip
SETS = [("currency", "GBP"), ("customer_email", "{CustomerID}@shop.example")]
RETAIL: dict[str, Any] = {"maps": MAPS, "sets": SETS, "date_format": "%m/%d/%Y %H:%M", "timezone": "Europe/London"}


@pytest.fixture
def importer(database: Database, clock: MovableClock, tmp_path: Path) -> Importer:
    return importer_of(database, clock, tmp_path)


class Killed(BaseException):
    """Stands for the end of the process."""


def retail_rows() -> Iterator[list[str]]:
    with SLICE.open(newline="", encoding="utf-8") as file:
        yield from list(csv.reader(file))[1:]


def retail_totals() -> dict[tuple[str, str], int]:
    """What the file comes to by number and customer, worked out without the portal."""
    totals: dict[tuple[str, str], int] = defaultdict(int)
    for number, _, customer, _, quantity, price in retail_rows():
        if customer != "(blank)" and Decimal(price) > 0:
            totals[number, customer] += int(
                (Decimal(quantity) * Decimal(price) * 100).quantize(Decimal(1), ROUND_HALF_UP)
            )
    return totals


# --- the real rows ---


def test_each_row_is_counted_once_and_each_refusal_is_reported(importer):
    report = io.StringIO()

    summary = importer.file(SLICE, report=report, **RETAIL)

    refused = [row for row in retail_rows() if row[2] == "(blank)" or Decimal(row[5]) <= 0]
    assert summary == Summary(rows=291, created=291 - len(refused), rejected=len(refused))
    reported = list(csv.reader(io.StringIO(report.getvalue())))
    assert reported[0] == [
        "line",
        "reason",
        "InvoiceNo",
        "InvoiceDate",
        "CustomerID",
        "Country",
        "Quantity",
        "UnitPrice",
    ]
    assert [[cell.removeprefix("'") for cell in row[2:]] for row in reported[1:]] == refused
    assert {row[1] for row in reported[1:]} == {
        "customer is empty", "customer is empty; unit_amount is zero", "unit_amount is zero",
    }  # fmt: skip


def test_invoices_and_credit_notes_come_to_what_the_file_says(importer):
    importer.file(SLICE, **RETAIL)

    invoices = importer.rows(
        sa.select(Invoice.number, Customer.reference, Invoice.total).join(Customer, Customer.id == Invoice.customer_id)
    )
    notes = importer.rows(
        sa.select(CreditNote.number, Customer.reference, -CreditNote.amount).join(
            Customer, Customer.id == CreditNote.customer_id
        )
    )
    assert {(number, customer): total for number, customer, total in [*invoices, *notes]} == retail_totals()
    assert all(number.startswith("C") for number, _, _ in notes)


def test_two_rows_of_one_number_are_two_lines_of_one_invoice(importer):
    importer.file(SLICE, **RETAIL)

    (invoice,) = importer.rows(sa.select(Invoice.__table__).where(Invoice.number == "536591"))
    lines = importer.rows(
        sa.select(InvoiceLine.position, InvoiceLine.quantity, InvoiceLine.unit_amount_decimal, InvoiceLine.amount)
        .where(InvoiceLine.invoice_id == invoice.id)
        .order_by(InvoiceLine.position)
    )
    assert lines == [(1, "81", "278.26", 22539), (2, "12", "389", 4668)]
    assert (invoice.total, invoice.status) == (22539 + 4668, "open")
    assert (invoice.issued_on, invoice.due_on) == (date(2010, 12, 1), date(2010, 12, 31))
    assert invoice.created_at == datetime(2010, 12, 1, 16, 57, tzinfo=UTC)


def test_second_run_changes_nothing(importer):
    first = importer.file(SLICE, **RETAIL)
    before = importer.everything()
    importer.clock.advance(days=1)

    second = importer.file(SLICE, **RETAIL)

    assert (second.created, second.updated, second.unchanged, second.rejected) == (0, 0, first.created, first.rejected)
    assert importer.everything() == before


def test_dry_run_says_the_same_and_writes_nothing(importer):
    before = importer.everything()

    tried = importer.file(SLICE, is_dry_run=True, **RETAIL)

    assert importer.everything() == before
    assert tried == importer.file(SLICE, **RETAIL)


def test_no_mail_leaves(importer):
    importer.file(SLICE, **RETAIL)

    assert importer.rows(sa.select(OutboxMessage.id)) == []


def test_customers_are_created_by_their_reference_when_their_first_invoice_was(importer):
    importer.file(SLICE, **RETAIL)

    (customer,) = importer.rows(sa.select(Customer.__table__).where(Customer.reference == "17850"))
    assert (customer.email, customer.billing_address) == ("17850@shop.example", {"country": "GB"})
    assert customer.created_at == datetime(2010, 12, 1, 8, 26, tzinfo=UTC)
    references = [reference for (reference,) in importer.rows(sa.select(Customer.reference))]
    assert len(references) == len(set(references)) == len({customer for _, customer in retail_totals()})


def test_country_that_is_none_is_kept_in_the_merchants_words(importer):
    importer.file(SLICE, **RETAIL)

    kept = importer.rows(sa.select(Customer.custom_metadata).where(Customer.merchant_id == importer.merchant.id))
    assert {"European Community", "Channel Islands"} <= {found.get("country") for (found,) in kept}


def test_lists_by_id_are_lists_by_time(importer):
    importer.file(SLICE, **RETAIL)

    for model in (Invoice, CreditNote, Customer):
        by_id = [at for (at,) in importer.rows(sa.select(model.created_at).order_by(model.id))]
        assert by_id == sorted(by_id)


# --- again, with changes ---

HEAD = "number,customer,issued_on,description,total,status"
OPEN = "A-1,c1,2026-01-31,Hosting,12.40,open"


def test_changed_row_updates_an_unpaid_invoice(importer):
    importer.text(HEAD, OPEN)

    summary = importer.text(HEAD, OPEN.replace("12.40", "15.00"))

    (invoice,) = importer.rows(sa.select(Invoice.__table__))
    assert summary == Summary(rows=1, updated=1)
    assert (invoice.total, invoice.subtotal, invoice.status, invoice.version) == (1500, 1500, "open", 2)
    assert importer.rows(sa.select(InvoiceLine.amount)) == [(1500,)]


@pytest.mark.parametrize(
    ("columns", "reason"),
    [
        ({"status": "paid", "amount_paid": 1240}, "it is paid"),
        ({"status": "partially_paid", "amount_paid": 240}, "it is partly paid"),
        ({"amount_reserved": 1240}, "a payment of it is under way"),
        ({"amount_credited": 240}, "a part of it is paid or credited"),
        ({"status": "void"}, "it is void"),
        ({"status": "uncollectible"}, "it is written off"),
    ],
)
def test_changed_row_leaves_an_invoice_on_which_something_happened(importer, columns, reason):
    importer.text(HEAD, OPEN)
    importer.change(sa.update(Invoice).where(Invoice.number == "A-1").values(**columns))
    before = importer.everything()

    ((line, reported),) = importer.refusals(HEAD, OPEN.replace("12.40", "15.00"))

    assert (line, reason in reported) == (2, True)
    assert importer.everything() == before


@pytest.mark.parametrize(
    "columns", [{"status": "paid", "amount_paid": 1240}, {"amount_reserved": 1240}, {"status": "void"}]
)
def test_unchanged_row_says_nothing_of_what_happened_since(importer, columns):
    importer.text(HEAD, OPEN)
    importer.change(sa.update(Invoice).where(Invoice.number == "A-1").values(**columns))
    before = importer.everything()

    assert importer.text(HEAD, OPEN) == Summary(rows=1, unchanged=1)
    assert importer.everything() == before


def test_paid_row_books_a_payment_once(importer):
    paid = f"{HEAD},paid_at", "A-1,c1,2026-01-31,Hosting,12.40,paid,2026-02-02"

    assert importer.text(*paid) == Summary(rows=1, created=1)
    assert importer.text(*paid) == Summary(rows=1, unchanged=1)

    (payment,) = importer.rows(sa.select(Payment.__table__))
    assert (payment.status, payment.gateway, payment.amount) == ("complete", "import", 1240)
    assert (payment.description, payment.note) == ("Hosting", "A-1")
    assert payment.completed_at == payment.created_at == datetime(2026, 2, 2, tzinfo=UTC)
    (invoice,) = importer.rows(sa.select(Invoice.__table__))
    assert (invoice.status, invoice.amount_paid, invoice.paid_at) == ("paid", 1240, datetime(2026, 2, 2, tzinfo=UTC))
    assert importer.rows(sa.select(PaymentAllocation.state, PaymentAllocation.amount)) == [("settled", 1240)]
    assert importer.rows(sa.select(OutboxMessage.id)) == []


def test_open_invoice_becomes_paid_by_the_file_and_never_open_again(importer):
    importer.text(HEAD, OPEN)

    assert importer.text(HEAD, OPEN.replace("open", "paid")) == Summary(rows=1, updated=1)
    assert importer.text(HEAD, OPEN) == Summary(rows=1, unchanged=1)

    assert importer.rows(sa.select(Invoice.status)) == [("paid",)]


def test_paid_row_does_not_meddle_with_a_payment_under_way(importer):
    importer.text(HEAD, OPEN)
    importer.change(sa.update(Invoice).where(Invoice.number == "A-1").values(amount_reserved=1240))

    assert importer.text(HEAD, OPEN.replace("open", "paid")) == Summary(rows=1, rejected=1)
    assert importer.rows(sa.select(Payment.id)) == []


def test_credit_note_changes_while_nothing_of_it_is_used(importer):
    importer.text(HEAD, OPEN.replace("12.40", "-12.40"))

    assert importer.text(HEAD, OPEN.replace("12.40", "-15.00")) == Summary(rows=1, updated=1)
    importer.change(sa.update(CreditNote).where(CreditNote.number == "A-1").values(amount_applied=100))
    assert importer.text(HEAD, OPEN.replace("12.40", "-15.00")) == Summary(rows=1, unchanged=1)
    assert importer.text(HEAD, OPEN.replace("12.40", "-12.40")) == Summary(rows=1, rejected=1)


@pytest.mark.parametrize(
    ("spent", "total", "counts"),
    [
        ({"amount": 0}, "-10.00", {"rejected": 1}),
        ({"amount_reserved": 1240}, "-10.00", {"rejected": 1}),
        ({"amount": 239}, "-10.00", {"rejected": 1}),
        ({"amount": 240}, "-10.00", {"updated": 1}),
        ({"amount": 0}, "-15.00", {"updated": 1}),
    ],
)
def test_credit_note_is_lessened_by_what_its_customer_has_left_and_else_refused(importer, spent, total, counts):
    importer.text(HEAD, OPEN.replace("12.40", "-12.40"))
    importer.change(sa.update(CustomerBalance).values(**spent).execution_options(tenant_wide=True))

    others = "A-2,c2,2026-01-31,Hosting,1.00,open"
    assert importer.text(HEAD, OPEN.replace("12.40", total), others) == Summary(rows=2, **{"created": 1, **counts})

    (note,) = importer.rows(sa.select(CreditNote.amount))
    assert note == ((1240,) if "rejected" in counts else (round(float(total) * -100),))


def test_credit_that_the_same_file_grants_counts_as_left(importer):
    importer.text(HEAD, OPEN.replace("12.40", "-12.40"))
    importer.change(sa.update(CustomerBalance).values(amount=0).execution_options(tenant_wide=True))

    summary = importer.text(
        HEAD,
        "A-0,c1,2026-01-31,Hosting,-2.40,open",
        OPEN.replace("12.40", "-10.00"),
        "A-2,c1,2026-01-31,Domain,-1.00,open",
    )

    assert summary == Summary(rows=3, created=2, updated=1)
    assert importer.rows(sa.select(CustomerBalance.amount)) == [(100,)]


def test_credit_note_that_is_corrected_there_and_back_is_booked_each_time(importer):
    for total in ("-12.40", "-15.00", "-12.40", "-15.00"):
        importer.text(HEAD, OPEN.replace("12.40", total))
        importer.clock.advance(minutes=1)

        assert importer.rows(sa.select(CustomerBalance.amount)) == [(round(float(total) * -100),)]


def test_number_is_either_an_invoice_or_a_credit_note(importer):
    importer.text(HEAD, OPEN)

    assert importer.refusals(HEAD, OPEN.replace("12.40", "-1.00")) == [(2, "an invoice has this number already")]


def test_same_number_of_two_customers_is_two_invoices(importer):
    assert importer.text(HEAD, OPEN, OPEN.replace("c1", "c2")) == Summary(rows=2, created=2)
    assert len(importer.rows(sa.select(Invoice.id))) == 2


def test_rows_of_one_invoice_may_stand_far_apart(importer):
    others = [f"B-{number},c{number},2026-01-31,Hosting,1.00,open" for number in range(300)]

    importer.text(HEAD, OPEN, *others, OPEN.replace("12.40", "2.60"))

    ((total,),) = importer.rows(sa.select(Invoice.total).where(Invoice.number == "A-1"))
    assert total == 1500


# --- how an invoice stands ---

STANDING = "number,customer,issued_on,total,status,amount_paid,amount_refunded"
STATES = {
    "draft": "A-1,c1,2026-01-31,12.40,draft,,", "open": "A-1,c1,2026-01-31,12.40,open,,", "part": "A-1,c1,2026-01-31,12.40,open,2.40,",
    "paid": "A-1,c1,2026-01-31,12.40,paid,12.40,", "void": "A-1,c1,2026-01-31,12.40,void,,",
    "uncollectible": "A-1,c1,2026-01-31,12.40,uncollectible,,", "refunded": "A-1,c1,2026-01-31,12.40,refunded,,",
    "part-refunded": "A-1,c1,2026-01-31,12.40,partially_refunded,,2.40",
}  # fmt: skip


def standing(importer: Importer) -> tuple[Any, ...]:
    """Status and paid amount of the one invoice; and that the ledger says so too."""
    with importer.database.read() as reader:
        assert verify_ledger(reader, importer.merchant.id).wrong is None
    (row,) = importer.rows(sa.select(Invoice.status, Invoice.amount_paid))
    return tuple(row)


@pytest.mark.parametrize(
    ("state", "stands", "payments"),
    [
        ("draft", ("draft", 0), []),
        ("open", ("open", 0), []),
        ("part", ("partially_paid", 240), [("complete", 240, 0)]),
        ("paid", ("paid", 1240), [("complete", 1240, 0)]),
        ("void", ("void", 0), []),
        ("uncollectible", ("uncollectible", 0), []),
        ("refunded", ("paid", 1240), [("refunded", 1240, 1240)]),
        ("part-refunded", ("paid", 1240), [("partially_refunded", 1240, 240)]),
    ],
)
def test_invoice_stands_as_its_file_says(importer, state, stands, payments):
    assert importer.text(STANDING, STATES[state]) == Summary(rows=1, created=1)
    assert importer.text(STANDING, STATES[state]) == Summary(rows=1, unchanged=1)

    assert standing(importer) == stands
    found = importer.rows(sa.select(Payment.status, Payment.amount, Payment.amount_refunded))
    assert [tuple(row) for row in found] == payments


@pytest.mark.parametrize(
    ("first", "then", "stands"),
    [
        ("draft", "open", ("open", 0)),
        ("draft", "paid", ("paid", 1240)),
        ("draft", "void", ("void", 0)),
        ("open", "part", ("partially_paid", 240)),
        ("open", "paid", ("paid", 1240)),
        ("open", "void", ("void", 0)),
        ("open", "uncollectible", ("uncollectible", 0)),
        ("part", "paid", ("paid", 1240)),
        ("part", "uncollectible", ("uncollectible", 240)),
        ("uncollectible", "paid", ("paid", 1240)),
        ("open", "refunded", ("paid", 1240)),
    ],
)
def test_later_file_moves_an_invoice_on_and_the_earlier_one_never_back(importer, first, then, stands):
    importer.text(STANDING, STATES[first])

    assert importer.text(STANDING, STATES[then]) == Summary(rows=1, updated=1)
    assert standing(importer) == stands
    before = importer.everything()
    assert importer.text(STANDING, STATES[then]) == Summary(rows=1, unchanged=1)
    assert importer.text(STANDING, STATES[first]) == Summary(rows=1, unchanged=1)
    assert importer.everything() == before


def test_draft_that_changes_is_rewritten_and_owes_what_it_says_when_it_is_opened(importer):
    importer.text(STANDING, STATES["draft"])
    assert importer.text(STANDING, STATES["draft"].replace("12.40", "15.00")) == Summary(rows=1, updated=1)
    assert standing(importer) == ("draft", 0)

    assert importer.text(STANDING, STATES["open"].replace("12.40", "20.00")) == Summary(rows=1, updated=1)

    assert standing(importer) == ("open", 0)
    assert importer.rows(sa.select(Invoice.total)) == [(2000,)]


def test_invoice_that_comes_to_nothing_after_all_is_paid(importer):
    importer.text(HEAD, OPEN)

    assert importer.text(HEAD, OPEN.replace("12.40", "0")) == Summary(rows=1, updated=1)
    assert standing(importer) == ("paid", 0)


def test_part_that_was_paid_here_is_not_taken_for_the_files(importer):
    importer.text(STANDING, STATES["open"])
    importer.text(
        "customer,amount,invoices,reference,gateway,created_at", "c1,3.00,A-1,R-1,till,2026-02-01", kind="payments"
    )

    (refused,) = importer.refusals(STANDING, STATES["paid"])

    assert "partly paid here" in refused[1]
    assert standing(importer) == ("partially_paid", 300)


def test_taxes_shipping_and_discount_are_in_the_invoice(importer):
    importer.text(
        "number,customer,issued_on,description,quantity,unit_amount,tax_rate,tax_amount,shipping,discount,total",
        "A-1,c1,2026-01-31,Cup,2,10.00,20,4.70,5.00,1.50,28.20",
    )

    assert importer.rows(sa.select(Invoice.subtotal, Invoice.tax, Invoice.total)) == [(2350, 470, 2820)]
    lines = importer.rows(sa.select(InvoiceLine.description, InvoiceLine.amount, InvoiceLine.tax_rate))
    assert sorted(map(tuple, lines), key=str) == [
        ("Cup", 2000, "20"),
        ("Discount", -150, None),
        ("Shipping", 500, None),
    ]
    assert standing(importer) == ("open", 0)


# --- customers of a file ---


def test_deleted_customer_gets_no_invoice(importer):
    importer.text("reference,name", "c1,Amélie", kind="customers")
    importer.change(sa.update(Customer).where(Customer.reference == "c1").values(deleted_at=importer.clock.now()))

    assert importer.refusals(HEAD, OPEN) == [(2, "the customer was deleted")]


def test_without_references_customers_go_by_mail_address(importer):
    head = "number,customer_email,issued_on,total"

    importer.text(
        head, "A-1,Jane@Shop.example,2026-01-31,1.00", "A-2,jane@SHOP.example,2026-01-31,1.00", "A-3,,2026-01-31,1.00"
    )

    assert importer.rows(sa.select(Customer.email, Customer.reference)) == [("Jane@shop.example", None)]
    assert len(importer.rows(sa.select(Invoice.id))) == 2


def test_other_merchants_rows_are_not_touched(importer, tmp_path):
    importer.text(HEAD, OPEN)
    second = importer_of(importer.database, importer.clock, tmp_path, "other")

    assert second.text(HEAD, OPEN) == Summary(rows=1, created=1)
    assert len(importer.rows(sa.select(Customer.id).where(Customer.reference == "c1"))) == 2


# --- faults and interruptions ---


@pytest.mark.parametrize(
    "how",
    [{"maps": [("number", "Nummer")]}, {"sets": [("nonsense", "1")]}, {"sets": [("currency", "QQQ")]}, {"timezone": "Mars"}, {"date_format": "%Q"}],
)  # fmt: skip
def test_wrong_command_writes_nothing(importer, how):
    before = importer.everything()

    with pytest.raises(MappingFault):
        importer.text(HEAD, OPEN, **how)

    assert importer.everything() == before


def test_killed_import_is_finished_by_the_next(importer, monkeypatch):
    monkeypatch.setattr(operations, "BATCH_OBJECTS", 50)
    rows = [f"B-{number},c{number % 7},2026-01-31,Hosting,1.00,open" for number in range(160)]

    class DiesAfterTwoBatches(Silence):
        written = 0

        def advance(self, amount: int) -> None:
            self.written += amount == 50
            if self.written == 2:
                raise Killed

    with pytest.raises(Killed):
        importer.text(HEAD, *rows, progress=DiesAfterTwoBatches())
    assert importer.text(HEAD, *rows) == Summary(rows=160, created=60, unchanged=100)
    assert len(importer.rows(sa.select(Invoice.id))) == 160
    assert len(importer.rows(sa.select(Customer.id))) == 7


def test_rows_that_are_no_csv_are_refused_and_the_rest_comes_in(importer):
    refused = importer.refusals(HEAD, "A-3,c1", OPEN, "A-2,c1,2026-01-31," + "x" * 140_000 + ",1.00,open")

    assert [line for line, _ in refused] == [2, 4]
    assert importer.rows(sa.select(Invoice.number)) == [("A-1",)]
