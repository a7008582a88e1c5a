"""`import payments`, on both databases."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa

from portal.clock import MovableClock
from portal.database import Database
from portal.importing.rules.runs import Summary
from portal.invoices.models import Invoice
from portal.outbox.models import OutboxMessage
from portal.payments.models import Payment, PaymentAllocation
from portal.refunds.models import Refund
from tests.support.importing import Importer, importer_of

HEAD = "customer,amount,status,channel,payment_method.brand,payment_method.last4,invoices,amount_refunded,failure_code,reference,created_at"
PAID = "c1,12.40,complete,card,visa,4242,A-1,,,R-1,2026-02-03T10:00:00Z"


@pytest.fixture
def importer(database: Database, clock: MovableClock, tmp_path: Path) -> Importer:
    made = importer_of(database, clock, tmp_path)
    made.text(
        "number,customer,issued_on,description,total", "A-1,c1,2026-01-31,Hosting,12.40", "A-2,c1,2026-01-31,,5.00"
    )
    return made


def balances(importer: Importer) -> list[tuple[str, int]]:
    return [
        tuple(row) for row in importer.rows(sa.select(Invoice.status, Invoice.amount_paid).order_by(Invoice.number))
    ]


def test_payment_comes_in_and_settles_its_invoice(importer):
    assert importer.text(HEAD, PAID, kind="payments") == Summary(rows=1, created=1)

    (payment,) = importer.rows(sa.select(Payment.__table__))
    assert (payment.status, payment.amount, payment.currency, payment.gateway) == ("complete", 1240, "GBP", "import")
    assert (payment.method_type, payment.method_brand, payment.method_last4) == ("card", "visa", "4242")
    assert (payment.description, payment.note, payment.reference) == ("Hosting", "A-1", "R-1")
    assert payment.created_at == payment.completed_at == datetime(2026, 2, 3, 10, tzinfo=UTC)
    assert balances(importer) == [("paid", 1240), ("open", 0)]
    assert importer.rows(sa.select(PaymentAllocation.state, PaymentAllocation.amount)) == [("settled", 1240)]
    assert importer.rows(sa.select(OutboxMessage.id)) == []


def test_second_run_changes_nothing(importer):
    importer.text(HEAD, PAID, kind="payments")
    before = importer.everything()

    assert importer.text(HEAD, PAID, kind="payments") == Summary(rows=1, unchanged=1)
    assert importer.everything() == before


def test_dry_run_writes_nothing(importer):
    before = importer.everything()

    assert importer.text(HEAD, PAID, kind="payments", is_dry_run=True) == Summary(rows=1, created=1)
    assert importer.everything() == before


def test_payment_of_several_invoices_fills_them_in_turn(importer):
    importer.text(HEAD, PAID.replace("12.40", "15.00").replace("A-1", "A-1;A-2"), kind="payments")

    assert balances(importer) == [("paid", 1240), ("partially_paid", 260)]


def test_shares_as_the_api_writes_them(importer):
    row = PAID.replace("12.40", "15.00").replace(
        "A-1", '"[{""invoice"":""A-1"",""amount"":10},{""invoice"":""A-2"",""amount"":5.00}]"'
    )

    importer.text(HEAD, row, kind="payments")

    assert balances(importer) == [("partially_paid", 1000), ("paid", 500)]


def test_failed_payment_settles_nothing(importer):
    importer.text(HEAD, "c1,12.40,failed,card,visa,0002,A-1,,card_declined,R-1,2026-02-03", kind="payments")

    assert importer.rows(sa.select(Payment.status, Payment.failure_code)) == [("failed", "card_declined")]
    assert balances(importer)[0] == ("open", 0)


def test_refunds_are_shown_below_their_payment(importer):
    importer.text(HEAD, "c1,12.40,partially_refunded,card,,,,2.40,,R-1,2026-02-03", kind="payments")

    assert importer.text(HEAD, "c1,12.40,refunded,card,,,,,,R-1,2026-02-03", kind="payments") == Summary(
        rows=1, updated=1
    )

    assert importer.rows(sa.select(Payment.status, Payment.amount_refunded)) == [("refunded", 1240)]
    assert sorted(amount for (amount,) in importer.rows(sa.select(Refund.amount))) == [240, 1000]


REFUND = PAID.replace("12.40", "-2.40").replace("A-1", "")


def test_refund_with_a_row_of_its_own_belongs_to_the_payment_of_its_reference(importer):
    rows = PAID, REFUND, REFUND.replace("-2.40", "(1.00)").replace("complete", "refunded")

    assert importer.text(HEAD, *rows, kind="payments") == Summary(rows=3, created=3)
    assert importer.text(HEAD, *rows, kind="payments") == Summary(rows=3, unchanged=3)

    assert importer.rows(sa.select(Payment.status, Payment.amount_refunded)) == [("partially_refunded", 340)]
    assert balances(importer)[0] == ("paid", 1240)


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        ((PAID, REFUND.replace("-2.40", "-12.41")), "more than its amount"),
        ((PAID, f"{REFUND},EUR"), "differ in currency"),
        ((PAID.replace("complete", "failed"), REFUND), "was not complete"),
        ((PAID.replace(",,,R-1", ",2.00,,R-1"), REFUND), "not what the refunds of this payment come to"),
        ((REFUND.replace("complete", "failed"),), "it was not made"),
    ],
)
def test_refund_that_does_not_fit_its_payment_is_refused_with_it(importer, rows, reason):
    before = importer.everything()
    rows = tuple(row if row.count(",") > 10 else f"{row}," for row in rows)

    refused = importer.refusals(f"{HEAD},currency", *rows, kind="payments")

    assert [reason in reported for _, reported in refused] == [True] * len(rows)
    assert importer.everything() == before


def test_failed_payment_may_turn_out_complete_and_never_back(importer):
    failed = PAID.replace("complete", "failed")
    importer.text(HEAD, failed, kind="payments")

    assert importer.text(HEAD, PAID, kind="payments") == Summary(rows=1, updated=1)
    assert balances(importer)[0] == ("paid", 1240)

    ((_, reason),) = importer.refusals(HEAD, failed, kind="payments")
    assert "would move back" in reason


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("c1", "c9", "no such customer"),
        ("A-1", "Z-9", "no such invoice"),
        ("12.40", "99.99", "more than what is left"),
        ("12.40", "12.405", "more decimals"),
        ("12.40", "0", "amount is not positive"),
        ("12.40", "-12.40", "the payment that it refunds is not in the file"),
        ("complete", "pending", "has not ended"),
        ("complete", "mystery", "--values"),
        ("card", "seashells", "channel seashells is not a known word"),
        ("R-1", "", "reference and gateway_reference are empty"),
        ("2026-02-03T10:00:00Z", "2027-02-03", "in the future"),
        ("2026-02-03T10:00:00Z", "", "created_at is empty"),
    ],
)
def test_wrong_row_is_refused_with_its_reason(importer, old, new, reason):
    before = importer.everything()

    ((line, reported),) = importer.refusals(HEAD, PAID.replace(old, new, 1), kind="payments")

    assert (line, reason in reported) == (2, True)
    assert importer.everything() == before


@pytest.mark.parametrize(
    ("gateway", "reason"), [("t\x07ill", "gateway has a control character"), ("4242 4242 4242 4242", "a card number")]
)
def test_gateway_that_cannot_be_kept_is_refused_and_the_rest_comes_in(importer, gateway, reason):
    rows = f"{PAID},{gateway}", PAID.replace("A-1", "A-2").replace("R-1", "R-2").replace("12.40", "5.00") + ",till"

    ((line, reported),) = importer.refusals(f"{HEAD},gateway", *rows, kind="payments")

    assert (line, reason in reported) == (2, True)
    assert balances(importer) == [("open", 0), ("paid", 500)]


def test_invoice_whose_payment_is_under_way_is_left_alone(importer):
    importer.change(sa.update(Invoice).where(Invoice.number == "A-1").values(amount_reserved=1240))

    assert importer.text(HEAD, PAID, kind="payments") == Summary(rows=1, rejected=1)


def test_two_payments_of_one_file_never_pay_an_invoice_twice(importer):
    summary = importer.text(HEAD, PAID, PAID.replace("R-1", "R-2"), kind="payments")

    assert summary == Summary(rows=2, created=1, rejected=1)
    assert balances(importer)[0] == ("paid", 1240)


def test_same_reference_with_another_amount_is_refused(importer):
    importer.text(HEAD, PAID, kind="payments")

    ((_, reason),) = importer.refusals(HEAD, PAID.replace("12.40", "10.00"), kind="payments")

    assert "another customer or amount" in reason


@pytest.mark.parametrize("later", ["canceled", "expired", "complete"])
def test_file_may_correct_how_a_payment_ended(importer, later):
    """Beside good rows: whatever a payment was called before, its own system's newest word is taken."""
    failed = PAID.replace("complete", "failed")
    importer.text(HEAD, failed, kind="payments")

    summary = importer.text(HEAD, PAID.replace("complete", later), kind="payments")

    assert (summary.updated, summary.rejected) == (1, 0)
    assert importer.rows(sa.select(Payment.status)) == [(later,)]
