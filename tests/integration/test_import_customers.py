"""`import customers`, on both databases."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa

from portal.clock import MovableClock
from portal.customers.models import Customer
from portal.database import Database
from portal.importing.rules.runs import Summary
from portal.public_ids import new_id
from tests.support.importing import Importer, importer_of

HEAD = (
    "reference,type,name,company_name,email,phone,locale,billing_address.city,billing_address.country,fields.date_of_birth,"
    "metadata.plan,blocked,created_at"
)
ROW = "17850,business, Amélie  Ngo ,Ngo SARL,Amelie@Shop.example,670 00 00 00,fr-CM,Douala,Cameroon,1990-01-31,gold,false,2024-05-06"


@pytest.fixture
def importer(database: Database, clock: MovableClock, tmp_path: Path) -> Importer:
    return importer_of(database, clock, tmp_path)


def test_all_fields_of_the_shape_come_in(importer):
    assert importer.text(HEAD, ROW, kind="customers") == Summary(rows=1, created=1)

    (row,) = importer.rows(sa.select(Customer.__table__))
    assert (row.reference, row.type, row.name, row.company_name) == ("17850", "business", "Amélie Ngo", "Ngo SARL")
    assert (row.email, row.email_key, row.phone, row.locale) == (
        "Amelie@shop.example",
        "amelie@shop.example",
        "+237670000000",
        "fr-CM",
    )
    assert (row.billing_address, row.fields) == ({"city": "Douala", "country": "CM"}, {"date_of_birth": "1990-01-31"})
    assert (row.metadata, row.blocked) == ({"plan": "gold"}, False)
    assert row.created_at == datetime(2024, 5, 5, 23, tzinfo=UTC)


def test_second_run_changes_nothing(importer):
    importer.text(HEAD, ROW, kind="customers")
    before = importer.everything()
    importer.clock.advance(days=1)

    assert importer.text(HEAD, ROW, kind="customers") == Summary(rows=1, unchanged=1)
    assert importer.everything() == before


def test_dry_run_writes_nothing(importer):
    before = importer.everything()

    assert importer.text(HEAD, ROW, kind="customers", is_dry_run=True) == Summary(rows=1, created=1)
    assert importer.everything() == before


def test_reference_says_who_is_who(importer):
    importer.text("reference,name,email", "1,Ann,a@shop.example", "2,Bob,b@shop.example", kind="customers")

    assert importer.text("reference,name", "2,Robert", kind="customers") == Summary(rows=1, updated=1)
    assert importer.rows(sa.select(Customer.name, Customer.email).order_by(Customer.reference)) == [
        ("Ann", "a@shop.example"), ("Robert", "b@shop.example"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("head", "first", "second"),
    [
        ("reference,email", "1,a@shop.example", "2,A@Shop.example"),
        ("reference,phone", "1,+237670000000", "2,+237 670 00 00 00"),
    ],
)
@pytest.mark.parametrize("files", [1, 2])
def test_address_or_phone_of_another_reference_is_refused_and_says_whose_it_is(importer, head, first, second, files):
    if files == 2:
        importer.text(head, first, kind="customers")

    rows = (second,) if files == 2 else (first, second)
    ((line, reason),) = importer.refusals(head, *rows, kind="customers")

    ((customer_id,),) = importer.rows(sa.select(Customer.id))
    assert (line, f"customer 1 ({customer_id})" in reason) == (len(rows) + 1, True)


def test_customer_does_not_get_the_address_of_another(importer):
    importer.text("reference,email", "1,a@shop.example", "2,b@shop.example", kind="customers")

    assert importer.text("reference,email", "2,a@shop.example", kind="customers") == Summary(rows=1, rejected=1)
    assert importer.text("reference,email", "2,c@shop.example", kind="customers") == Summary(rows=1, updated=1)


def test_address_that_two_have_already_decides_nothing(importer):
    importer.text("reference,email", "1,a@shop.example", "2,b@shop.example", "3,c@shop.example", kind="customers")
    importer.change(
        sa.update(Customer).where(Customer.reference == "3").values(email="b@shop.example", email_key="b@shop.example")
    )

    assert importer.text("email,name", "A@Shop.example,Ann", kind="customers") == Summary(rows=1, updated=1)
    ((line, reason),) = importer.refusals("email,name", "b@shop.example,Bob", kind="customers")
    assert (line, "more than one customer" in reason) == (2, True)
    assert importer.text("reference,name,email", "3,Cid,b@shop.example", kind="customers") == Summary(rows=1, updated=1)


def test_phone_decides_where_there_is_nothing_else(importer):
    importer.text("phone,name", "+237670000000,Ann", kind="customers")

    assert importer.text("phone,name", "+237 670 00 00 00,Anne", kind="customers") == Summary(rows=1, updated=1)


def test_customer_without_a_reference_takes_the_one_of_the_file(importer):
    importer.text("email,name", "a@shop.example,Ann", kind="customers")

    assert importer.text("reference,email", "17850,A@shop.example", kind="customers") == Summary(rows=1, updated=1)
    assert importer.rows(sa.select(Customer.reference, Customer.name)) == [("17850", "Ann")]


def test_empty_cell_says_nothing_and_other_entries_stay(importer):
    importer.text("reference,name,metadata.plan", "1,Ann,gold", kind="customers")

    importer.text("reference,name,metadata.since", "1,,2020", kind="customers")

    assert importer.rows(sa.select(Customer.name, Customer.custom_metadata)) == [
        ("Ann", {"plan": "gold", "since": "2020"})
    ]


ONE_PERSON = ("1,a@shop.example,+237670000000,Ann", ",A@shop.example,,Anna", ",,+237 670 00 00 00,Anne")


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
def test_person_in_several_rows_is_one_customer_as_in_several_files(importer, order):
    rows = [ONE_PERSON[place] for place in order]

    first = importer.text("reference,email,phone,name", *rows, kind="customers")
    before = importer.everything()
    again = importer.text("reference,email,phone,name", *rows, kind="customers")

    assert (first, again) == (Summary(rows=3, created=1, updated=2), Summary(rows=3, unchanged=3))
    assert importer.rows(sa.select(Customer.reference, Customer.name)) == [("1", rows[-1].rpartition(",")[2])]
    assert importer.everything() == before


def test_row_that_says_the_same_again_changes_nothing(importer):
    assert importer.text("reference,name", "1,Ann", "1,Ann", kind="customers") == Summary(
        rows=2, created=1, unchanged=1
    )


def test_another_address_for_a_reference_within_a_file_is_refused(importer):
    refused = importer.refusals(
        "reference,email", "0,lea@martin.example", "0,gast@haus.example", ",gast@haus.example", kind="customers"
    )

    ((line, reason),) = refused
    assert (line, "lea@martin.example" in reason, "gast@haus.example" in reason) == (3, True, True)
    assert importer.rows(sa.select(Customer.reference, Customer.email).order_by(Customer.email)) == [
        (None, "gast@haus.example"), ("0", "lea@martin.example"),
    ]  # fmt: skip


def test_our_own_id_is_found_and_a_strange_one_refused(importer):
    importer.text("reference,name", "1,Ann", kind="customers")
    ((customer_id,),) = importer.rows(sa.select(Customer.id))
    strange = new_id("cus", importer.clock.now())

    refused = importer.refusals("id,name", f"{customer_id},Anne", f"{strange},Bob", "cus_1,Cid", kind="customers")

    assert [line for line, _ in refused] == [3, 4]
    assert refused[0][1] == "there is no customer with this id"
    assert refused[1][1].endswith("--map reference=id")
    assert importer.rows(sa.select(Customer.name)) == [("Anne",)]


@pytest.mark.parametrize(
    ("head", "row", "reason"),
    [
        ("reference,email", "1,nobody", "email is not an email address"),
        ("reference,phone", "1,670000000", "phone is not a telephone number"),
        ("reference,billing_address.country", "1,Atlantis", "country code"),
        ("reference,blocked", "1,maybe", "neither true nor false"),
        ("reference,metadata", "1,[]", "not a JSON object"),
        ("reference,name", "1,4242 4242 4242 4242", "card number"),
        ("reference,email,name", ",,Ann", "are empty"),
        ("reference,name", "TOTAL,", "totals of a report"),
        ("reference,phone,billing_address.country", "1,6700000O0,CM", "phone is not a telephone number"),
    ],
)
def test_wrong_row_is_refused_with_its_reason(importer, head, row, reason):
    ((line, reported),) = importer.refusals(head, row, kind="customers")

    assert (line, reason in reported) == (2, True)
    assert importer.rows(sa.select(Customer.id)) == []


def test_deleted_customer_stays_deleted(importer):
    importer.text("reference,name", "1,Ann", kind="customers")
    importer.change(sa.update(Customer).where(Customer.reference == "1").values(deleted_at=importer.clock.now()))

    assert importer.refusals("reference,name", "1,Anne", kind="customers") == [(2, "the customer was deleted")]
