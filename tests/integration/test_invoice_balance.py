"""What is left of an invoice: held, released and paid, each by one statement that refuses what is not there."""

from __future__ import annotations

import pytest

from portal.invoices.models import Invoice
from portal.invoices.operations import balance
from tests.support.actors import GATEWAY


def test_no_more_is_held_than_nobody_pays_holds_or_credits(payer):
    invoice = payer.invoice(5000, amount_paid=1000, amount_credited=500)
    assert _do(payer, balance.reserve, invoice, 2000)

    assert not _do(payer, balance.reserve, invoice, 1501)
    assert _do(payer, balance.reserve, invoice, 1500)


@pytest.mark.parametrize("change", [balance.release, balance.settle_reserved])
def test_what_was_not_held_is_neither_given_back_nor_paid(payer, change):
    invoice = payer.invoice(5000)
    _do(payer, balance.reserve, invoice, 2000)

    with pytest.raises(AssertionError, match="was reserved"):
        _do(payer, change, invoice, 2001)

    assert payer.balance(invoice) == ("open", 0, 2000)


def test_late_money_pays_what_nobody_else_holds(payer):
    invoice = payer.invoice(5000, amount_credited=500)
    _do(payer, balance.reserve, invoice, 1500)

    taken = _do(payer, balance.settle_unreserved, invoice, 5000)

    assert taken == 3000
    assert payer.balance(invoice) == ("partially_paid", 3000, 1500)


def test_late_money_in_another_currency_pays_the_whole_or_nothing(payer):
    invoice = payer.invoice(5000)
    _do(payer, balance.reserve, invoice, 1)

    assert _do(payer, balance.settle_unreserved, invoice, 5000, whole=True) == 0
    assert _do(payer, balance.settle_unreserved, invoice, 4999, whole=True) == 4999


def test_late_money_for_an_invoice_that_takes_none_is_left_over(payer):
    paid, held = payer.invoice(5000, amount_paid=5000), payer.invoice(5000)
    _do(payer, balance.reserve, held, 5000)

    assert _do(payer, balance.settle_unreserved, paid, 5000) == 0
    assert _do(payer, balance.settle_unreserved, held, 5000) == 0
    assert payer.balance(held) == ("open", 0, 5000)


def test_last_unit_makes_it_paid_and_each_change_is_a_version(payer):
    invoice = payer.invoice(5000)
    _do(payer, balance.reserve, invoice, 5000)

    _do(payer, balance.settle_reserved, invoice, 4999)
    before = payer.rows(Invoice, id=invoice)[0]
    _do(payer, balance.settle_reserved, invoice, 1)
    after = payer.rows(Invoice, id=invoice)[0]

    assert (before.status, before.paid_at, before.version) == ("partially_paid", None, 2)
    assert (after.status, after.paid_at, after.version) == ("paid", payer.clock.now(), 3)


def test_smallest_rest_can_be_paid_late(payer):
    invoice = payer.invoice(5000, amount_paid=4999)

    assert _do(payer, balance.settle_unreserved, invoice, 1) == 1
    assert payer.balance(invoice)[0] == "paid"


def _do(payer, change, invoice_id, amount, **chosen):
    who = {"actor": GATEWAY} if change in (balance.settle_reserved, balance.settle_unreserved) else {}
    with payer.services.database.unit_of_work() as session:
        return change(session, payer.scope.merchant_id, invoice_id, amount, at=payer.clock.now(), **who, **chosen)
