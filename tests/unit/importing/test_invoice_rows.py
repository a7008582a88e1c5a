"""Rows of invoices: what a row comes to, and what the rows of one number add up to."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.importing.errors import RowRefused
from portal.importing.rules.groups import Group, SpooledRow
from portal.importing.rules.invoice_rows import InvoiceRows, build_document
from portal.importing.rules.values import checked_calendar

NOW = datetime(2026, 3, 19, tzinfo=UTC)
READER = InvoiceRows(checked_calendar(None, "UTC"), "GBP", by_reference=True, now=NOW)
ROW = {"number": "A-1", "customer": "17850", "issued_on": "2026-01-31", "quantity": "2", "unit_amount": "3.50"}


def read(**changes: str):
    return READER.read({name: value for name, value in {**ROW, **changes}.items() if value})[1]


def reasons_of(**changes: str) -> RowRefused:
    with pytest.raises(RowRefused) as fault:
        read(**changes)
    return fault.value


def document_of(*rows: dict[str, object], owner_at: int | None = None):
    return build_document(
        Group("r:17850", "A-1", owner_at, tuple(SpooledRow(line, row, None, False) for line, row in enumerate(rows, 2)))
    )


def test_amount_is_quantity_times_unit_rounded_half_up():
    assert read(quantity="83", unit_amount="4.8533")["amount"] == 40282
    assert read(quantity="1", unit_amount="0.005")["amount"] == 1


def test_unit_amount_is_kept_in_minor_units_with_its_decimals():
    payload = read(quantity="83", unit_amount="4.8533")

    assert (payload["quantity"], payload["unit"]) == ("83", "485.33")


@pytest.mark.parametrize(
    ("changes", "reason", "spoils"),
    [
        ({"customer": ""}, "customer is empty", True),
        ({"number": ""}, "number is empty", True),
        ({"issued_on": ""}, "issued_on is empty", True),
        ({"issued_on": "31.1.2026"}, "issued_on is not a date", True),
        ({"unit_amount": "0"}, "unit_amount is zero", False),
        ({"quantity": "0"}, "quantity is zero", False),
        ({"unit_amount": "-3.5"}, "unit_amount is negative", True),
        ({"unit_amount": "abc"}, "unit_amount is not a plain decimal", True),
        ({"unit_amount": ""}, "unit_amount is empty", True),
        ({"currency": "XXQ"}, "currency is not", True),
        ({"total": "8.00"}, "total is not quantity", True),
        ({"quantity": "9" * 15, "unit_amount": "9" * 15}, "quantity × unit_amount has more than 15 digits", True),
        ({"status": "void"}, "status is neither", True),
        ({"paid_at": "2026-02-01"}, "status is not paid", True),
        ({"status": "paid", "paid_at": "2027-02-01"}, "in the future", True),
        ({"customer_email": "nobody"}, "customer_email is not a mail address", True),
        ({"customer_phone": "12"}, "customer_phone is not", True),
        ({"customer_name": "=?utf-8?q?x?= y"}, "customer_name has a part", True),
        ({"description": "card 4242 4242 4242 4242"}, "description looks like it holds a card number", True),
    ],
)
def test_row_is_refused_with_its_reason(changes, reason, spoils):
    fault = reasons_of(**changes)

    assert reason in str(fault)
    assert fault.spoils is spoils


def test_all_reasons_of_a_row_are_told():
    assert str(reasons_of(customer="", unit_amount="0")) == "customer is empty; unit_amount is zero"


def test_total_alone_is_the_amount():
    payload = read(quantity="", unit_amount="", total="1240.00")

    assert (payload["amount"], payload["quantity"], payload["unit"]) == (124000, "1", "124000")


def test_total_of_fifteen_digits_may_be_that_of_the_smallest_quantity():
    payload = read(quantity="0.00000001", unit_amount="", total="9999999999999.99")

    assert (payload["amount"], payload["unit"]) == (999_999_999_999_999, "99999999999999900000000")


def test_merchants_own_rounding_of_a_total_is_taken():
    assert read(quantity="1", unit_amount="0.125", total="0.12")["amount"] == 12


def test_rows_of_one_invoice_are_its_lines_though_minutes_differ():
    first, second = read(issued_on="2026-01-31T10:41:00"), read(issued_on="2026-01-31T10:40:00", quantity="1")

    document = document_of(first, second)

    assert [line.amount for line in document.lines] == [700, 350]
    assert (document.total, document.issued_on) == (1050, date(2026, 1, 31))
    assert document.at == datetime(2026, 1, 31, 10, 40, tzinfo=UTC)


def test_sum_decides_between_invoice_and_credit_note():
    assert document_of(read(), read(quantity="-1")).total == 350
    assert document_of(read(quantity="-2")).total == -700
    with pytest.raises(RowRefused, match="come to nothing"):
        document_of(read(), read(quantity="-2"))


def test_row_that_spoils_takes_its_invoice_along():
    rows = (SpooledRow(2, read(), None, False), SpooledRow(3, {}, "unit_amount is negative", True))

    with pytest.raises(RowRefused, match="line 3 is of the same invoice"):
        build_document(Group("r:17850", "A-1", None, rows))


def test_row_that_comes_to_nothing_leaves_its_invoice():
    rows = (SpooledRow(2, read(), None, False), SpooledRow(3, {}, "unit_amount is zero", False))

    assert build_document(Group("r:17850", "A-1", None, rows)).file_lines == (2,)


@pytest.mark.parametrize("changes", [{"currency": "EUR"}, {"due_on": "2026-03-01"}, {"status": "paid"}])
def test_rows_that_contradict_each_other_are_refused(changes):
    with pytest.raises(RowRefused, match="differ in"):
        document_of(read(), read(**changes))


def test_digest_is_of_the_content_alone():
    assert document_of(read()).digest == document_of(read(status="paid")).digest
    assert document_of(read()).digest != document_of(read(quantity="3")).digest


def test_paid_row_is_paid_when_it_was_issued_unless_it_says_when():
    assert document_of(read(status="paid")).paid_at == datetime(2026, 1, 31, tzinfo=UTC)
    assert document_of(read(status="paid", paid_at="2026-02-02")).paid_at == datetime(2026, 2, 2, tzinfo=UTC)


@given(st.lists(st.tuples(st.integers(-9999, 9999), st.decimals("0", "9999", places=4)), min_size=1, max_size=6))
def test_total_is_the_sum_of_the_lines(rows):
    payloads = []
    for quantity, unit in rows:
        try:
            payloads.append(read(quantity=str(quantity), unit_amount=f"{unit:f}"))
        except RowRefused:
            continue
    if not payloads or sum(int(str(payload["amount"])) for payload in payloads) == 0:
        return

    document = document_of(*payloads)

    assert document.total == sum(line.amount for line in document.lines)
