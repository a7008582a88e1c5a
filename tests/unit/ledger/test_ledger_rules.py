"""What each happening moves: the exact entries, what names it, and digests that stay what they were."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from portal.ledger import rules
from portal.ledger.rules import Entry, Posting, Settled, Unbalanced
from portal.money import Money

AT = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)
REFUND = {"customer_id": "cus_1", "payment_id": "pay_1", "refund_id": "ref_1"}


def test_opened_invoice_is_owed():
    assert rules.invoice_opened("cus_1", "inv_1", usd(5000), at=AT) == Posting(
        "invoice_opened",
        "inv_1",
        AT,
        (Entry("receivable", usd(5000), "cus_1", "inv_1"), Entry("sales", usd(-5000), "cus_1", "inv_1")),
    )


def test_invoice_of_nothing_moves_nothing():
    assert rules.invoice_opened("cus_1", "inv_1", usd(0), at=AT) is None


@pytest.mark.parametrize(("before", "after", "more"), [(5000, 7000, 2000), (5000, 3500, -1500), (5000, 0, -5000)])
def test_corrected_invoice_moves_the_difference(before: int, after: int, more: int):
    assert rules.invoice_corrected("cus_1", "inv_1", 2, usd(before), usd(after), at=AT) == Posting(
        "invoice_corrected",
        "inv_1:2",
        AT,
        (Entry("receivable", usd(more), "cus_1", "inv_1"), Entry("sales", usd(-more), "cus_1", "inv_1")),
    )


def test_invoice_corrected_to_another_currency_is_taken_back_and_billed_anew():
    assert rules.invoice_corrected("cus_1", "inv_1", 3, usd(5000), eur(4000), at=AT) == Posting(
        "invoice_corrected",
        "inv_1:3",
        AT,
        (
            Entry("receivable", usd(-5000), "cus_1", "inv_1"),
            Entry("sales", usd(5000), "cus_1", "inv_1"),
            Entry("receivable", eur(4000), "cus_1", "inv_1"),
            Entry("sales", eur(-4000), "cus_1", "inv_1"),
        ),
    )


def test_voided_invoice_is_owed_no_more():
    assert rules.invoice_voided("cus_1", "inv_1", usd(3000), at=AT) == Posting(
        "invoice_voided",
        "inv_1",
        AT,
        (Entry("receivable", usd(-3000), "cus_1", "inv_1"), Entry("sales", usd(3000), "cus_1", "inv_1")),
    )
    assert rules.invoice_voided("cus_1", "inv_1", usd(0), at=AT) is None


def test_granted_credit_is_owed_to_the_customer():
    assert rules.credit_granted("cus_1", "cn_1", usd(300), at=AT) == Posting(
        "credit_granted", "cn_1", AT, (Entry("sales", usd(300), "cus_1"), Entry("credit", usd(-300), "cus_1"))
    )
    assert rules.credit_granted("cus_1", "cn_1", usd(0), at=AT) is None


@pytest.mark.parametrize(("before", "after", "more"), [(300, 500, 200), (300, 0, -300)])
def test_corrected_credit_moves_the_difference(before: int, after: int, more: int):
    assert rules.credit_corrected("cus_1", "cn_1", version="2", before=usd(before), after=usd(after), at=AT) == Posting(
        "credit_corrected", "cn_1:2", AT, (Entry("sales", usd(more), "cus_1"), Entry("credit", usd(-more), "cus_1"))
    )


def test_correction_that_changes_no_amount_moves_nothing():
    assert rules.invoice_corrected("cus_1", "inv_1", 2, usd(5000), usd(5000), at=AT) is None
    assert rules.credit_corrected("cus_1", "cn_1", version="2", before=usd(300), after=usd(300), at=AT) is None


def test_captured_payment_settles_shares_by_money_and_credit_and_keeps_the_surplus_as_credit():
    posting = rules.payment_captured(
        "cus_1",
        "pay_1",
        gateway="stripe",
        charged=usd(4500),
        credit_used=usd(1000),
        credit_granted=usd(200),
        settled=[Settled("inv_1", usd(5000), usd(5000)), Settled("inv_2", usd(300), usd(300))],
        at=AT,
    )

    assert posting == Posting(
        "payment_captured",
        "pay_1",
        AT,
        (
            Entry("gateway", usd(4500), "cus_1", None, "pay_1", "stripe"),
            Entry("credit", usd(1000), "cus_1", None, "pay_1"),
            Entry("credit", usd(-200), "cus_1", None, "pay_1"),
            Entry("receivable", usd(-5000), "cus_1", "inv_1", "pay_1"),
            Entry("receivable", usd(-300), "cus_1", "inv_2", "pay_1"),
        ),
    )


def test_invoice_paid_in_another_currency_goes_through_exchange():
    posting = rules.payment_captured(
        "cus_1",
        "pay_1",
        gateway="stripe",
        charged=eur(4000),
        credit_used=eur(0),
        credit_granted=eur(0),
        settled=[Settled("inv_1", usd(5000), eur(4000))],
        at=AT,
    )

    assert posting.entries == (
        Entry("gateway", eur(4000), "cus_1", None, "pay_1", "stripe"),
        Entry("receivable", usd(-5000), "cus_1", "inv_1", "pay_1"),
        Entry("exchange", usd(5000), "cus_1", "inv_1", "pay_1"),
        Entry("exchange", eur(-4000), "cus_1", "inv_1", "pay_1"),
    )


def test_recorded_payment_settles_its_shares_and_the_rest_were_sales_elsewhere():
    settled = [Settled("inv_1", usd(3000), usd(3000)), Settled("inv_2", usd(500), usd(500))]

    assert rules.payment_recorded("cus_1", "pay_1", gateway="bank", money=usd(4000), settled=settled, at=AT) == Posting(
        "payment_recorded",
        "pay_1",
        AT,
        (
            Entry("gateway", usd(4000), "cus_1", None, "pay_1", "bank"),
            Entry("receivable", usd(-3000), "cus_1", "inv_1", "pay_1"),
            Entry("receivable", usd(-500), "cus_1", "inv_2", "pay_1"),
            Entry("sales", usd(-500), "cus_1", None, "pay_1"),
        ),
    )


def test_refund_is_on_its_way_until_the_gateway_gave_the_money_back():
    assert rules.refund_begun(**REFUND, money=usd(700), credit_taken=usd(0), at=AT) == Posting(
        "refund_begun",
        "ref_1",
        AT,
        (
            Entry("refunds", usd(700), "cus_1", None, "pay_1"),
            Entry("refunds_in_transit", usd(-700), "cus_1", None, "pay_1"),
        ),
    )
    assert rules.refund_succeeded(**REFUND, gateway="stripe", money=usd(700), at=AT) == Posting(
        "refund_succeeded",
        "ref_1",
        AT,
        (
            Entry("refunds_in_transit", usd(700), "cus_1", None, "pay_1"),
            Entry("gateway", usd(-700), "cus_1", None, "pay_1", "stripe"),
        ),
    )


@pytest.mark.parametrize(
    ("had_succeeded", "back"),
    [
        (False, Entry("refunds_in_transit", Money(700, "USD"), "cus_1", None, "pay_1")),
        (True, Entry("gateway", Money(700, "USD"), "cus_1", None, "pay_1", "stripe")),
    ],
)
def test_refund_that_failed_is_back_where_the_money_was(had_succeeded: bool, back: Entry):
    posting = rules.refund_failed(
        **REFUND, gateway="stripe", money=usd(700), credit_taken=usd(0), had_succeeded=had_succeeded, at=AT
    )

    assert posting == Posting("refund_failed", "ref_1", AT, (back, Entry("refunds", usd(-700), "cus_1", None, "pay_1")))


def test_refund_of_what_became_credit_takes_it_and_brings_it_back():
    begun = rules.refund_begun(**REFUND, money=usd(700), credit_taken=usd(500), at=AT)
    whole = rules.refund_begun(**REFUND, money=usd(700), credit_taken=usd(700), at=AT)
    failed = rules.refund_failed(
        **REFUND, gateway="stripe", money=usd(700), credit_taken=usd(500), had_succeeded=False, at=AT
    )

    assert begun.entries == (
        Entry("refunds", usd(200), "cus_1", None, "pay_1"),
        Entry("credit", usd(500), "cus_1", None, "pay_1"),
        Entry("refunds_in_transit", usd(-700), "cus_1", None, "pay_1"),
    )
    assert [entry.account for entry in whole.entries] == ["credit", "refunds_in_transit"]
    assert failed.entries == (
        Entry("refunds_in_transit", usd(700), "cus_1", None, "pay_1"),
        Entry("refunds", usd(-200), "cus_1", None, "pay_1"),
        Entry("credit", usd(-500), "cus_1", None, "pay_1"),
    )


@pytest.mark.parametrize(
    "entries",
    [
        (),
        (Entry("sales", Money(1, "USD")),),
        (Entry("sales", Money(1, "USD")), Entry("credit", Money(-1, "EUR"))),
        (Entry("sales", Money(1, "USD")), Entry("credit", Money(-1, "USD")), Entry("credit", Money(0, "USD"))),
    ],
)
def test_posting_that_does_not_sum_to_zero_cannot_be_made(entries: tuple[Entry, ...]):
    with pytest.raises(Unbalanced, match="test of x does not sum to zero"):
        Posting("test", "x", AT, entries)


# What is written is proved by these digests for good: another way to make them needs a number of its own (`rules._FORMAT`).


def test_digest_of_an_entry_stays_what_it_was():
    full = Entry("gateway", usd(4500), "cus_1", "inv_1", "pay_1", "stripe")
    bare = Entry("sales", usd(-4500))

    assert (
        rules.entry_digest("mer_1", "ltx_1", 1, full).hex()
        == "618b5369c000625652ab8d2821389f79f521fa2610e6a1874aa09e7d613f8dfd"
    )
    assert (
        rules.entry_digest("mer_1", "ltx_1", 2, bare).hex()
        == "f2ade8d0fc864579826bbfbde28023b55e66a10af4cd0f3b30924bc4fc8f4485"
    )


def test_digests_of_a_transaction_and_of_its_link_stay_what_they_were():
    transaction = rules.digest_of(
        "mer_1", "ltx_1", kind="payment_captured", source="pay_1", at=AT, entries=[b"\1" * 32, b"\2" * 32]
    )

    assert transaction.hex() == "4605353a0ab358adef204ebbd92686629db515e1e793c3598f4896150d6a354e"
    assert (
        rules.seal_digest(b"", 1, transaction).hex()
        == "4952555bbfa2d0201a0923a3a6917952eab88e5678fdc9e4470cf663e6f429d6"
    )
    assert (
        rules.seal_digest(b"\3" * 32, 2, transaction).hex()
        == "de3a57fb6df8faf428936ed361d571013d4dc2306557712be4cdbe8ad75fe849"
    )


def test_digest_of_a_transaction_is_that_of_its_instant_wherever_it_is_read():
    elsewhere = AT.astimezone(timezone(timedelta(hours=1)))

    digests = {
        rules.digest_of("mer_1", "ltx_1", kind="test", source="x", at=at, entries=[b"\1"]) for at in (AT, elsewhere)
    }

    assert len(digests) == 1


def usd(amount: int) -> Money:
    return Money(amount, "USD")


def eur(amount: int) -> Money:
    return Money(amount, "EUR")
