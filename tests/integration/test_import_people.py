"""Whose invoice it is: nobody's is ever shown to somebody else, and one person is one customer. On both databases."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from portal.clock import MovableClock
from portal.customers.models import Customer
from portal.customers.rules.profiles import email_key
from portal.database import Database
from portal.importing.rules.runs import Summary
from portal.invoices.models import Invoice
from portal.ledger.operations.checking import verify_ledger
from portal.payments.models import Payment
from tests.support.importing import Importer, importer_of

HEAD = "number,customer,customer_email,customer_phone,issued_on,total"
PAYMENTS = "customer,customer_email,customer_phone,amount,reference,created_at"


@pytest.fixture
def importer(database: Database, clock: MovableClock, tmp_path: Path) -> Importer:
    return importer_of(database, clock, tmp_path)


def row(number: str, customer: str = "", email: str = "", phone: str = "", total: str = "1.00") -> str:
    return f"{number},{customer},{email},{phone},2026-01-31,{total}"


def owners(importer: Importer) -> list[tuple[Any, ...]]:
    """Number, reference and email address of the customer of each invoice."""
    found = importer.rows(
        sa.select(Invoice.number, Customer.reference, Customer.email)
        .join(Customer, Customer.id == Invoice.customer_id)
        .order_by(Invoice.number)
    )
    return [tuple(each) for each in found]


# --- within a file ---


def test_row_without_a_reference_goes_to_the_customer_of_its_address(importer):
    importer.text(HEAD, row("1", "", "A@x.example"), row("2", "c1", "a@x.example"), row("3", "c2", "b@x.example"))

    assert owners(importer) == [("1", "c1", "A@x.example"), ("2", "c1", "A@x.example"), ("3", "c2", "b@x.example")]


def test_another_address_spoils_the_invoice_of_its_row_and_no_other(importer):
    refused = importer.refusals(
        HEAD, row("1", "0", "a@x.example"), row("1", "0", "b@x.example", total="2.00"), row("2", "0", "a@x.example")
    )

    assert [line for line, _ in refused] == [2, 3]
    assert owners(importer) == [("2", "0", "a@x.example")]


def test_second_reference_with_an_address_is_refused_and_says_whose_it_is(importer):
    ((line, reason),) = importer.refusals(HEAD, row("1", "c1", "a@x.example"), row("2", "c2", "a@x.example"))

    assert (line, "the email address is that of customer c1" in reason) == (3, True)
    assert owners(importer) == [("1", "c1", "a@x.example")]


def test_row_without_its_customer_spoils_the_invoice_of_its_number(importer):
    """The invoice may lack a line that the row was."""
    refused = importer.refusals(HEAD, row("1", "c1"), row("1", ""), row("2", "c1"))

    assert [line for line, _ in refused] == [2, 3]
    assert [number for number, *_ in owners(importer)] == ["2"]


def test_row_that_cannot_be_read_spoils_the_invoice_of_its_number(importer):
    refused = importer.refusals(HEAD, row("1", "c1"), '1,c1,,,2026-01-31,"2.00', row("2", "c1"), "1,c1")

    assert [line for line, _ in refused] == [2, 3, 5]
    assert [number for number, *_ in owners(importer)] == ["2"]


# --- beside what is here ---


def test_reference_of_somebody_else_here_gets_nothing_new(importer):
    importer.text("reference,email", "0,lea@martin.example", kind="customers")

    ((_, reason),) = importer.refusals(HEAD, row("1", "0", "gast@haus.example"))

    assert ("lea@martin.example" in reason, "gast@haus.example" in reason) == (True, True)
    assert owners(importer) == []


def test_existing_customer_is_left_as_it_is(importer):
    importer.text("reference,name,email", "c1,Amélie,a@x.example", "c2,Bob,", kind="customers")

    importer.text(
        f"{HEAD},customer_name", row("1", "c1", "A@x.example") + ",Else", row("2", "c2", "b@x.example") + ",Else"
    )

    assert owners(importer) == [("1", "c1", "a@x.example"), ("2", "c2", None)]
    assert importer.rows(sa.select(Customer.name).order_by(Customer.reference)) == [("Amélie",), ("Bob",)]


def test_somebody_who_is_here_by_address_alone_becomes_the_customer_of_the_reference(importer):
    importer.text("email,name", "a@x.example,Ann", kind="customers")

    assert importer.text(HEAD, row("1", "c1", "a@x.example")) == Summary(rows=1, created=1)

    assert owners(importer) == [("1", "c1", "a@x.example")]
    assert importer.rows(sa.select(Customer.name)) == [("Ann",)]


def test_address_of_another_reference_here_makes_nobody(importer):
    importer.text("reference,email", "c1,a@x.example", kind="customers")

    ((_, reason),) = importer.refusals(HEAD, row("1", "c2", "a@x.example"))

    assert "customer c1" in reason
    assert len(importer.rows(sa.select(Customer.id))) == 1


@pytest.mark.parametrize("reference", ["", "c1"])
def test_same_file_after_the_address_has_changed_here_makes_nobody_twice(importer, reference):
    importer.text(HEAD, row("1", reference, "old@x.example"))
    importer.change(sa.update(Customer).values(email="new@x.example", email_key="new@x.example").where(Customer.merchant_id == importer.merchant.id))  # fmt: skip
    before = importer.everything()

    assert importer.text(HEAD, row("1", reference, "old@x.example")) == Summary(rows=1, unchanged=1)
    assert importer.everything() == before


def test_new_invoice_under_an_earlier_address_is_the_references_and_else_refused(importer):
    importer.text(HEAD, row("1", "c1", "old@x.example"), row("2", "", "gone@x.example"))
    for old in ("old", "gone"):
        importer.change(
            sa.update(Customer)
            .values(email=f"new-{old}@x.example", email_key=f"new-{old}@x.example")
            .where(Customer.email == f"{old}@x.example")
        )

    refused = importer.refusals(HEAD, row("3", "c1", "old@x.example"), row("4", "", "gone@x.example"))

    assert [line for line, _ in refused] == [3]
    assert ("3", "c1", "new-old@x.example") in owners(importer)
    assert len(importer.rows(sa.select(Customer.id))) == 2


# --- payments ---


@pytest.mark.parametrize(
    "who", ["c1,,", ",A@x.example,", ",,+237 670 00 00 00", "c1,a@x.example,", ",new@x.example,+237670000009"]
)
def test_payment_finds_its_customer(importer, who):
    people = "c1,a@x.example,+237670000000", "c2,b@x.example,", "c3,,+237670000009"
    importer.text("reference,email,phone", *people, kind="customers")

    assert importer.text(PAYMENTS, f"{who},5.00,P-1,2026-02-01", kind="payments") == Summary(rows=1, created=1)

    found = importer.rows(sa.select(Customer.reference).join(Payment, Payment.customer_id == Customer.id))
    assert found == [("c3",) if "new@" in who else ("c1",)]


@pytest.mark.parametrize(
    ("who", "reason"),
    [
        ("c9,,", "no such customer"),
        (",c@x.example,", "no such customer"),
        ("c1,b@x.example,", "one reference is one customer"),
        ("c9,b@x.example,", "whom the file names otherwise"),
        (",,+237670000001", "no such customer"),
        (",,670000000", "with its country"),
        (",new@x.example,+237670000000", "one reference is one customer"),
    ],
)
def test_payment_of_nobody_or_somebody_else_is_refused(importer, who, reason):
    importer.text("reference,email,phone", "c1,a@x.example,+237670000000", "c2,b@x.example,", kind="customers")

    ((_, reported),) = importer.refusals(PAYMENTS, f"{who},5.00,P-1,2026-02-01", kind="payments")

    assert reason in reported
    assert importer.rows(sa.select(Payment.id)) == []


def test_same_payment_after_the_address_has_changed_here_is_unchanged(importer):
    importer.text("email", "a@x.example", kind="customers")
    importer.text(PAYMENTS, ",a@x.example,,5.00,P-1,2026-02-01", kind="payments")
    importer.change(sa.update(Customer).values(email="b@x.example", email_key="b@x.example").where(Customer.email == "a@x.example"))  # fmt: skip

    assert importer.text(PAYMENTS, ",a@x.example,,5.00,P-1,2026-02-01", kind="payments") == Summary(rows=1, unchanged=1)


# --- any file ---

_PEOPLE = st.tuples(
    st.sampled_from(["", "0", "c1", "c2", "guest"]),
    st.sampled_from(["", "a@x.example", "A@X.example", "b@x.example", "c@x.example"]),
    st.sampled_from(["", "+237670000000", "+237670000001"]),
)


def test_one_customer_named_in_two_ways_has_one_invoice_of_a_number(importer: Importer) -> None:
    importer.text(HEAD, row("N1", "c1", "a@x.example"))
    rows = [row("N5", "c1", total="2.50"), row("N5", "", "a@x.example", total="2.00")]

    refusals = importer.refusals(HEAD, *rows)
    again = importer.text(HEAD, *rows)

    assert [(line, "in another way" in reason) for line, reason in refusals] == [(3, True)]
    assert (again.created, again.updated, again.unchanged) == (0, 0, 1)


def test_customer_without_a_reference_becomes_one_references_alone(importer: Importer) -> None:
    importer.text(HEAD, row("N1", "", "b@x.example"))

    refusals = importer.refusals(HEAD, row("N2", "c1", "b@x.example"), row("N3", "c9", "b@x.example"))

    assert [(line, "c1" in reason) for line, reason in refusals] == [(3, True)]
    assert owners(importer) == [("N1", "c1", "b@x.example"), ("N2", "c1", "b@x.example")]


def test_file_of_customers_gives_one_without_a_reference_one_reference(importer: Importer) -> None:
    importer.text("email", "b@x.example", kind="customers")

    refusals = importer.refusals("reference,email", "c1,b@x.example", "c9,b@x.example", kind="customers")

    assert [(line, "c1" in reason) for line, reason in refusals] == [(3, True)]
    assert importer.rows(sa.select(Customer.reference)) == [("c1",)]


_ROWS = st.lists(
    st.tuples(st.integers(1, 4), _PEOPLE, st.sampled_from(["1.00", "2.50", "-1.00"])), min_size=1, max_size=8
)


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
)
@given(files=st.lists(_ROWS, min_size=1, max_size=2))
def test_nobodys_invoice_is_ever_somebody_elses(importer, tmp_path, files):
    """Whatever a file says: an accepted row belongs to a customer of its own reference and its own address, and no address to two."""
    own = importer_of(importer.database, importer.clock, tmp_path, f"shop-{next(_NUMBERS)}")

    known: set[tuple[str, str | None]] = set()
    for rows in files:
        lines = [row(f"N{number}", customer, email, phone, total) for number, (customer, email, phone), total in rows]
        refused = {line for line, _ in own.refusals(HEAD, *lines)}
        accepted = [each for line, each in enumerate(rows, 2) if line not in refused]
        people = own.rows(
            sa.select(Invoice.number, Customer.reference, Customer.email_key)
            .join(Customer, Customer.id == Invoice.customer_id)
            .where(Customer.merchant_id == own.merchant.id, Invoice.merchant_id == own.merchant.id)
        )
        for number, (reference, email, _), total in accepted:
            if total.startswith("-"):
                continue
            fitting = [
                each for each in people
                if each.number == f"N{number}" and reference in ("", each.reference or "")
                and (not email or each.email_key in (None, email_key(email)))
            ]  # fmt: skip
            # What was there before and is left as it is says nothing of who it belongs to.
            is_unchanged = any(n == f"N{number}" and reference in ("", r or "") for n, r in known)
            assert fitting or is_unchanged or _is_part_of_a_credit_note(accepted, number, reference, email)
        known |= {(each.number, each.reference) for each in people}
        again = own.text(HEAD, *lines)
        assert (again.created, again.updated) == (0, 0)
    keys = [key for (key,) in own.rows(sa.select(Customer.email_key).where(Customer.merchant_id == own.merchant.id)) if key]  # fmt: skip
    assert len(keys) == len(set(keys))
    with own.database.read() as reader:
        assert verify_ledger(reader, own.merchant.id).wrong is None


def _is_part_of_a_credit_note(accepted: list[Any], number: int, reference: str, email: str) -> bool:
    """Whether the rows of one number and one person come to less than nothing, so that there is no invoice of them."""
    same = [float(total) for each, (other, address, _), total in accepted if each == number and (other == reference or email_key(address) == email_key(email))]  # fmt: skip
    return sum(same) < 0


_NUMBERS = iter(range(10**9))
