"""A customer's credit: granted, held, used and released, each by one statement that refuses what is not there."""

from __future__ import annotations

import pytest
from sqlalchemy.exc import IntegrityError

from portal.credit import operations as credit
from portal.credit.models import CustomerBalance
from portal.money import Money
from tests.support.actors import CUSTOMER
from tests.support.customers import add_customer


def test_grants_add_up_and_what_is_taken_back_lowers_them(payer):
    _do(payer, credit.grant, 3000)
    _do(payer, credit.grant, 500)

    _do(payer, credit.grant, -1200)

    assert _held(payer) == (2300, 0)


def test_granting_nothing_writes_nothing(payer):
    _do(payer, credit.grant, 0)

    assert payer.rows(CustomerBalance) == []


def test_customer_who_is_written_with_it_has_the_credit(payer):
    at = payer.clock.now()

    with payer.services.database.unit_of_work() as session:
        newcomer = add_customer(session, payer.scope.merchant_id, at=at, name="Ada")
        credit.grant(session, newcomer, Money(700, "USD"), at=at)

    assert [row.amount for row in payer.rows(CustomerBalance, customer_id=newcomer.customer_id)] == [700]


def test_smallest_grant_counts(payer):
    _do(payer, credit.grant, 1)

    assert _held(payer) == (1, 0)


def test_taking_back_what_was_never_granted_is_a_fault_of_ours(payer):
    with pytest.raises(AssertionError, match="was granted"):
        _do(payer, credit.grant, -1)


def test_taking_back_what_is_held_is_refused_by_the_table(payer):
    _do(payer, credit.grant, 1000)
    _do(payer, credit.reserve, 800)

    with pytest.raises(IntegrityError):
        _do(payer, credit.grant, -300)

    assert _held(payer) == (1000, 800)


def test_what_is_taken_away_was_free(payer):
    _do(payer, credit.grant, 1000)
    _do(payer, credit.reserve, 600)

    _do(payer, credit.take, 1)
    with pytest.raises(AssertionError, match="credit that is taken was free"):
        _do(payer, credit.take, 400)
    _do(payer, credit.take, 399)

    assert _held(payer) == (600, 600)


def test_nothing_is_taken_of_a_customer_without_credit(payer):
    _do(payer, credit.take, 0)

    assert payer.rows(CustomerBalance) == []


def test_no_more_is_held_than_is_free(payer):
    _do(payer, credit.grant, 1000)
    assert _do(payer, credit.reserve, 700)

    assert not _do(payer, credit.reserve, 301)
    assert _do(payer, credit.reserve, 300)
    assert _held(payer) == (1000, 1000)


@pytest.mark.parametrize("change", [credit.use_reserved, credit.release])
def test_what_was_not_held_is_neither_used_nor_given_back(payer, change):
    _do(payer, credit.grant, 1000)
    _do(payer, credit.reserve, 400)

    with pytest.raises(AssertionError, match="was reserved"):
        _do(payer, change, 401)

    assert _held(payer) == (1000, 400)


def _do(payer, change, amount):
    who = {"actor": CUSTOMER, "payment_id": "pay_1"} if change in (credit.take, credit.use_reserved) else {}
    with payer.services.database.unit_of_work() as session:
        return change(session, payer.scope, Money(amount, "USD"), at=payer.clock.now(), **who)


def _held(payer):
    [row] = payer.rows(CustomerBalance)
    return row.amount, row.amount_reserved
