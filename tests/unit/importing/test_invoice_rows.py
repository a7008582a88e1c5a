"""Rows of invoices: what a row says by itself, and what the rows of one number make together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.importing.rules.amounts import NumberStyle
from portal.importing.rules.groups import Built, Group, SpooledRow
from portal.importing.rules.invoice_rows import Document, InvoiceRows, build_document
from portal.importing.rules.results import Context
from portal.importing.rules.values import checked_calendar
from portal.merchants.queries import MerchantProfile

NOW = datetime(2026, 3, 19, tzinfo=UTC)
MERCHANT = MerchantProfile(
    id="mer_1", slug="acme", mode="test", status="active", name="Acme", legal_name="Acme", address_lines=[], currency="GBP",
    locale="en", timezone="UTC", theme="base", support_email=None, due_days=30, gateway="sandbox", stored_settings={},
)  # fmt: skip
CONTEXT = Context(MERCHANT, checked_calendar(None, "UTC"), NumberStyle(), NOW)
READER = InvoiceRows(CONTEXT)
ROW = {"number": "A-1", "customer": "17850", "issued_on": "2026-01-31", "quantity": "2", "unit_amount": "3.50"}
TOTAL_ALONE = {"quantity": "", "unit_amount": ""}


def values_of(changes: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in {**ROW, **changes}.items() if value}


def spooled(line: int, changes: Mapping[str, str]) -> SpooledRow:
    reading = READER.read(values_of(changes))
    return SpooledRow(line, {**reading.payload, "reasons": reading.reasons})


def built(*rows: Mapping[str, str], context: Context = CONTEXT, **group: Any) -> Built:
    """What rows of one number come to, each given by how it differs from ROW."""
    spooled_rows = tuple(spooled(line, changes) for line, changes in enumerate(rows, 2))
    return build_document(context, Group("r:17850", "A-1", None, spooled_rows, **group))


def document_of(*rows: Mapping[str, str]) -> Document:
    found = built(*rows)
    assert found.object is not None, found.refused
    return found.object  # type: ignore[no-any-return]  # a Built has objects of each kind


def reason_of(*rows: Mapping[str, str]) -> str:
    found = built(*rows)
    assert found.object is None
    assert len(found.refused) == len(rows)
    return found.refused[2]


def test_amount_is_quantity_times_unit_rounded_half_up():
    assert document_of({"quantity": "83", "unit_amount": "4.8533"}).total == 40282
    assert document_of({"quantity": "1", "unit_amount": "0.005"}).total == 1


def test_unit_amount_is_kept_in_minor_units_with_its_decimals():
    (line,) = document_of({"quantity": "83", "unit_amount": "4.8533"}).lines

    assert (line.quantity, line.unit_amount) == ("83", "485.33")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"issued_on": "31.1.2026"}, "issued_on is not a date"),
        ({"unit_amount": "abc"}, "unit_amount is not a number"),
        (TOTAL_ALONE, "unit_amount or total is empty"),
        ({"currency": "XXQ"}, "currency is not"),
        ({"total": "8.00"}, "total is not quantity × unit_amount: it says 8.00, and the lines come to 7.00"),
        ({"quantity": "9" * 15, "unit_amount": "9" * 15}, "quantity × unit_amount has more than 15 digits"),
        ({"status": "mystery"}, "status mystery is not a known word"),
        ({"paid_at": "2026-02-01"}, "status is not paid"),
        ({"status": "paid", "paid_at": "2027-02-01"}, "in the future"),
        ({"customer_email": "nobody"}, "customer_email is not an email address"),
        ({"customer_phone": "12"}, "customer_phone is not"),
        ({"customer_name": "=?utf-8?q?x?= y"}, "customer_name has a part"),
        ({"description": "card 4242 4242 4242 4242"}, "description looks like it holds a card number"),
        ({"tax_rate": "abc"}, "tax_rate is not"),
        ({"amount_paid": "99.00"}, "more than the total"),
    ],
)
def test_row_is_refused_with_its_reason_and_takes_its_invoice_along(changes, reason):
    assert reason in reason_of(changes)
    found = built(changes, {})
    assert (found.object, set(found.refused)) == (None, {2, 3})


def test_invoice_without_any_date_is_refused():
    assert reason_of({"issued_on": ""}, {"issued_on": ""}) == "issued_on is empty"


@pytest.mark.parametrize(
    ("changes", "reasons"),
    [
        ({"customer": ""}, "customer is empty"),
        ({"number": ""}, "number is empty"),
        ({"customer": "", "unit_amount": "0"}, "customer is empty; unit_amount is zero"),
        ({"customer": "", "issued_on": "x"}, "customer is empty; issued_on is not a date as YYYY-MM-DD writes it"),
    ],
)
def test_row_that_belongs_to_no_invoice_tells_all_that_is_wrong_with_it(changes, reasons):
    reading = READER.read(values_of(changes))

    assert "; ".join(reading.reasons).startswith(reasons)
    assert not (reading.keys.has_owner and reading.keys.object)


@pytest.mark.parametrize(
    "row", [{"number": "Total", "total": "9.00"}, {"number": "Grand total"}, {"customer": "Total for Amy"}]
)
def test_totals_of_a_report_are_no_invoice(row):
    reading = READER.read(row)

    assert any("totals of a report" in reason for reason in reading.reasons)
    assert reading.keys.object is None


def test_heading_of_a_report_is_no_invoice():
    assert any("report with headings" in reason for reason in READER.read({"customer": "Amy's Bird Sanctuary"}).reasons)


def test_customer_named_total_is_a_customer():
    reading = READER.read(values_of({"customer": "Total"}))

    assert (reading.reasons, reading.keys.reference) == ([], "Total")


@pytest.mark.parametrize("changes", [{"unit_amount": "0"}, {"quantity": "0"}])
def test_row_that_is_free_of_charge_is_refused_alone(changes):
    found = built({}, changes)

    assert (found.object.total, set(found.refused)) == (700, {3})
    assert built(changes).object is None


def test_free_row_beside_a_total_is_a_line_of_nothing():
    document = document_of({"total": "7.00"}, {"unit_amount": "0", "quantity": "1"})

    assert (document.total, [line.amount for line in document.lines]) == (700, [700, 0])


def test_total_alone_is_the_amount():
    (line,) = document_of({**TOTAL_ALONE, "total": "1240.00"}).lines

    assert (line.amount, line.quantity, line.unit_amount) == (124000, "1", "124000")


def test_total_of_fifteen_digits_may_be_that_of_the_smallest_quantity():
    (line,) = document_of({"unit_amount": "", "quantity": "0.00000001", "total": "9999999999999.99"}).lines

    assert (line.amount, line.unit_amount) == (999_999_999_999_999, "99999999999999900000000")


def test_merchants_own_rounding_of_a_total_is_taken():
    assert document_of({"quantity": "1", "unit_amount": "0.125", "total": "0.12"}).total == 12


def test_rows_of_one_invoice_are_its_lines_though_minutes_differ():
    document = document_of({"issued_on": "2026-01-31T10:41:00"}, {"issued_on": "2026-01-31T10:40:00", "quantity": "1"})

    assert [line.amount for line in document.lines] == [700, 350]
    assert (document.total, document.issued_on) == (1050, date(2026, 1, 31))
    assert document.at == datetime(2026, 1, 31, 10, 40, tzinfo=UTC)


def test_row_may_leave_to_another_what_is_of_the_invoice():
    document = document_of(
        {"status": "paid", "currency": "EUR", "total": "10.50", "due_on": "2026-02-28"},
        {"issued_on": "", "quantity": "1"},
    )

    assert (document.currency, document.total, document.settlement.status) == ("EUR", 1050, "paid")
    assert document.due_on == date(2026, 2, 28)


@pytest.mark.parametrize(
    ("rows", "total", "status"),
    [
        ([{}, {"quantity": "-1"}], 350, "open"),
        ([{"quantity": "-2"}], -700, "open"),
        ([{"unit_amount": "-3.50"}], -700, "open"),
        ([{}, {"quantity": "-2"}], 0, "paid"),
        ([{**TOTAL_ALONE, "total": "0"}], 0, "paid"),
        ([{**TOTAL_ALONE, "total": "0", "status": "void"}], 0, "void"),
    ],
)
def test_sum_decides_between_invoice_and_credit_note_and_nothing_to_pay_is_paid(rows, total, status):
    document = document_of(*rows)

    assert (document.total, document.settlement.status) == (total, status)


def test_refused_row_takes_its_invoice_along():
    refused = SpooledRow(3, {}, "customer 0 is a@x in line 2 and b@x here")
    found = build_document(CONTEXT, Group("r:17850", "A-1", None, (spooled(2, {}), refused)))

    assert found == Built(None, {2: "line 3 is of the same invoice and cannot be imported"})
    assert built({}, spoilt_by=9).refused == {2: "line 9 is of the same invoice and cannot be imported"}


@pytest.mark.parametrize(
    "changes",
    [
        {"currency": "EUR"},
        {"due_on": "2026-03-01"},
        {"status": "paid"},
        {"amount_paid": "1"},
        {"paid_at": "2026-02-02"},
    ],
)
def test_rows_that_contradict_each_other_are_refused(changes):
    other = {"currency": "USD", "due_on": "2026-03-02", "status": "void", "amount_paid": "2", "paid_at": "2026-02-03"}

    assert "differ in" in reason_of({name: other[name] for name in changes}, changes)


def test_digest_is_of_the_content_alone_and_the_full_one_of_how_it_stands_too():
    paid, open_ = document_of({"status": "paid"}), document_of({})

    assert paid.digest == open_.digest == open_.full_digest != paid.full_digest
    assert open_.digest != document_of({"quantity": "3"}).digest


def test_digest_is_that_of_earlier_releases():
    """Files that were imported before an upgrade are unchanged after it."""
    assert document_of({"customer_name": "Ann", "description": "Plan"}).digest == "fe5b468f484bc37c057e83c42dbce6e0"


def test_paid_row_is_paid_when_it_was_issued_unless_it_says_when():
    assert document_of({"status": "paid"}).paid_at == datetime(2026, 1, 31, tzinfo=UTC)
    assert document_of({"status": "paid", "paid_at": "2026-02-02"}).paid_at == datetime(2026, 2, 2, tzinfo=UTC)


def test_lines_of_shipping_and_discount_are_in_the_merchants_language():
    french = replace(CONTEXT, merchant=replace(MERCHANT, locale="fr"))
    row = {"shipping": "2.00", "discount": "1.00"}

    assert [line.description for line in built(row, context=french).object.lines] == ["", "Livraison", "Remise"]
    assert [(line.description, line.amount) for line in document_of(row).lines] == [
        ("", 700), ("Shipping", 200), ("Discount", -100),
    ]  # fmt: skip


@given(st.lists(st.tuples(st.integers(-9999, 9999), st.decimals("0", "9999", places=4)), min_size=1, max_size=6))
def test_total_is_the_sum_of_the_lines(rows):
    found = built(*({"quantity": str(quantity), "unit_amount": f"{unit:f}"} for quantity, unit in rows))

    if found.object is not None:
        assert found.object.total == sum(line.amount for line in found.object.lines)
        assert len(found.object.lines) + len(found.refused) == len(rows)
