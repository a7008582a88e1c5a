"""Invoices are written and taken back: numbers without gaps, what is refused, and what the ledger says afterwards."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest

from portal.audit.models import AuditEntry
from portal.customers.errors import UnknownCustomer
from portal.errors import PortalError
from portal.events.models import EventRecord
from portal.invoices.errors import (
    DuplicateNumber,
    InvalidInvoice,
    InvoiceNotVoidable,
    PaymentInProgress,
    UnknownInvoice,
)
from portal.invoices.models import Invoice
from portal.invoices.operations.invoices import NewInvoice, NewLine, create_invoice, void_invoice
from portal.ledger.models import LedgerEntry
from portal.merchants.queries import get_merchant
from tests.support.actors import OPERATOR

LINE = NewLine("Annual plan", Decimal(1), Decimal(12000))
NEW = NewInvoice("", "USD", date(2026, 3, 19), date(2026, 4, 18), "", (LINE,))


def write(payer, new=NEW, customer_id=""):
    with payer.services.database.unit_of_work() as session:
        merchant = get_merchant(session, payer.scope.merchant_id)
        return create_invoice(
            session, merchant, customer_id or payer.scope.customer_id, new, actor=OPERATOR, at=payer.clock.now()
        )


def void(payer, invoice_id, merchant_id=""):
    with payer.services.database.unit_of_work() as session:
        void_invoice(session, merchant_id or payer.scope.merchant_id, invoice_id, actor=OPERATOR, at=payer.clock.now())


def receivable(payer, invoice_id):
    return sum(row.amount for row in payer.rows(LedgerEntry, invoice_id=invoice_id) if row.account == "receivable")


# --- writing ---


def test_invoice_is_opened_with_the_merchants_next_number(payer):
    first, second = write(payer), write(payer)

    one = payer.rows(Invoice, id=first)[0]
    assert (one.number, one.status, one.total, one.description) == ("ACME-1-0001", "open", 12000, "Annual plan")
    assert payer.rows(Invoice, id=second)[0].number == "ACME-1-0002"
    assert [row.actor_type for row in payer.rows(AuditEntry, object_id=first)] == ["system"]
    assert receivable(payer, first) == 12000
    assert payer.wrong_row() is None


def test_number_that_an_import_took_is_passed_over(payer):
    payer.invoice(number="ACME-1-0001")

    assert payer.rows(Invoice, id=write(payer))[0].number == "ACME-1-0002"


def test_invoice_that_is_not_written_leaves_no_gap(payer):
    with pytest.raises(InvalidInvoice):
        write(payer, replace(NEW, lines=(replace(LINE, unit_amount=Decimal(-1)),)))

    assert payer.rows(Invoice, id=write(payer))[0].number == "ACME-1-0001"


def test_numbers_have_no_gap_and_no_double_when_many_are_written_at_once(payer):
    with ThreadPoolExecutor(6) as pool:
        written = list(pool.map(lambda _: write(payer), range(12)))

    numbers = sorted(payer.rows(Invoice, id=each)[0].number for each in written)
    assert numbers == [f"ACME-1-{number:04}" for number in range(1, 13)]


def test_number_that_another_invoice_has_is_refused_and_names_it(payer, make_scope):
    known = write(payer, replace(NEW, number="A-7"))

    with pytest.raises(DuplicateNumber) as fault:
        write(payer, replace(NEW, number=" A-7 "))

    assert fault.value.invoice_id == known


def test_total_of_zero_is_paid_at_once(payer):
    free = write(payer, replace(NEW, lines=(LINE, replace(LINE, unit_amount=Decimal(-12000)))))

    row = payer.rows(Invoice, id=free)[0]
    assert (row.status, row.total, row.paid_at) == ("paid", 0, payer.clock.now())
    assert [event.type for event in payer.rows(EventRecord, object_id=free)] == ["invoice.opened", "invoice.paid"]
    assert payer.wrong_row() is None


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"currency": "QQQ"}, "currency"),
        ({"due_on": NEW.issued_on - timedelta(days=1)}, "due_on"),
        ({"lines": ()}, "lines"),
        ({"lines": (replace(LINE, description=" "),)}, "lines.description"),
        ({"lines": (replace(LINE, description="4242 4242 4242 4242"),)}, "lines.description"),
        ({"lines": (replace(LINE, tax_rate=Decimal(101)),)}, "lines.tax_rate"),
        ({"lines": (replace(LINE, quantity=Decimal(10) ** 15),)}, "lines.unit_amount"),
        ({"lines": tuple(replace(LINE, unit_amount=Decimal(10**15 - 1)) for _ in range(2))}, "lines"),
        ({"lines": (replace(LINE, unit_amount=Decimal(-1)),)}, "lines"),
        ({"number": "A\x07"}, "number"),
    ],
)
def test_invoice_that_cannot_be_names_its_field(payer, change, field):
    with pytest.raises(InvalidInvoice) as fault:
        write(payer, replace(NEW, **change))

    assert fault.value.field == field
    assert payer.rows(Invoice) == []


def test_invoice_for_another_merchants_customer_is_refused(payer, make_scope):
    with pytest.raises(UnknownCustomer):
        write(payer, customer_id=make_scope().customer_id)


# --- voiding ---


@pytest.mark.parametrize("status", ["open", "partially_paid", "uncollectible", "draft"])
def test_voided_invoice_is_owed_no_more(payer, status):
    paid = 2000 if status == "partially_paid" else 0
    invoice = payer.invoice(5000, amount_paid=paid, status=status)

    void(payer, invoice)

    row = payer.rows(Invoice, id=invoice)[0]
    assert (row.status, row.amount_paid, row.version) == ("void", paid, 2)
    (event,) = payer.rows(EventRecord, object_id=invoice)[-1:]
    assert (event.type, event.actor_id, event.data["previous"]) == ("invoice.voided", OPERATOR.id, {"status": status})
    assert payer.wrong_row() is None


@pytest.mark.parametrize("status", ["paid", "void"])
def test_invoice_that_is_over_cannot_be_voided(payer, status):
    invoice = payer.invoice(5000, amount_paid=5000 if status == "paid" else 0, status=status)

    with pytest.raises(InvoiceNotVoidable, match=status):
        void(payer, invoice)


def test_invoice_that_is_being_paid_cannot_be_voided(payer):
    invoice = payer.invoice(5000, amount_reserved=5000)

    with pytest.raises(PaymentInProgress):
        void(payer, invoice)

    assert payer.balance(invoice) == ("open", 0, 5000)


def test_unknown_or_another_merchants_invoice_is_not_voided(payer, make_scope):
    invoice = payer.invoice(5000)

    for wrong, merchant_id in (("inv_" + "0" * 22, ""), (invoice, make_scope().merchant_id)):
        with pytest.raises(UnknownInvoice):
            void(payer, wrong, merchant_id)

    assert payer.balance(invoice)[0] == "open"


def test_checkout_of_an_invoice_that_was_voided_meanwhile_charges_nothing(payer):
    invoice = payer.invoice(5000)
    payment = payer.checkout(invoice)
    void(payer, invoice)

    with pytest.raises(PortalError):
        payer.confirm(payment)

    assert payer.gateway.ledger == {}
    assert payer.balance(invoice) == ("void", 0, 0)
    assert payer.wrong_row() is None


def test_payment_and_voiding_at_once_never_both_succeed(payer):
    """Whichever is first: an invoice that is void took no money, and one that took money is not void."""
    for _ in range(6):
        invoice = payer.invoice(5000)
        payment = payer.checkout(invoice)

        with ThreadPoolExecutor(2) as pool:
            attempts = [pool.submit(payer.confirm, payment), pool.submit(void, payer, invoice)]
        failures = [attempt.exception() for attempt in attempts]

        status, paid, reserved = payer.balance(invoice)
        assert reserved == 0
        assert (status, paid) in (("paid", 5000), ("void", 0)), failures
        assert sum(failure is None for failure in failures) == 1
    assert payer.wrong_row() is None
