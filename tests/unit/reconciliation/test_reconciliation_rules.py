"""What the gateway's list and the ledger say of the same charges: every kind of break, and none where they agree."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.clock import MovableClock
from portal.gateways.contract import ListedCharge, State
from portal.money import Money
from portal.public_ids import new_id
from portal.reconciliation.rules import Booked, DifferenceKind, compare

NOW = MovableClock().now()
PAYMENT = new_id("pay", NOW)


def charge(
    amount: int = 5000, currency: str = "USD", *, reference: str | None = PAYMENT, state: State = State.SUCCEEDED
) -> ListedCharge:
    return ListedCharge("ch_1", reference, state, Money(amount, currency), NOW)


def booked(amount: int = 5000, currency: str = "USD") -> Booked:
    return Booked(PAYMENT, Money(amount, currency))


def test_charge_on_which_both_sides_agree_is_no_difference():
    comparison = compare([charge()], [booked()], [PAYMENT])

    assert (comparison.differences, comparison.charge_count) == ((), 1)
    assert comparison.totals == {"USD": (5000, 5000)}


@pytest.mark.parametrize(
    ("listed", "ours", "kind"),
    [
        ([charge()], Booked(PAYMENT, None), DifferenceKind.MISSING_HERE),
        ([charge(4999)], booked(), DifferenceKind.OTHER_AMOUNT),
        ([charge(currency="EUR")], booked(), DifferenceKind.OTHER_CURRENCY),
        ([charge(), charge(currency="EUR")], booked(), DifferenceKind.OTHER_CURRENCY),
        ([], booked(), DifferenceKind.MISSING_THERE),
        ([charge(state=State.PENDING)], booked(), DifferenceKind.MISSING_THERE),
        ([charge(state=State.FAILED)], booked(), DifferenceKind.MISSING_THERE),
    ],
)
def test_each_difference_has_its_kind(listed, ours, kind):
    comparison = compare(listed, [ours], [PAYMENT] if ours.money else [])

    assert [(found.reference, found.kind) for found in comparison.differences] == [(PAYMENT, kind)]


def test_reference_that_was_charged_twice_has_the_sum_of_both():
    comparison = compare([charge(), charge()], [booked()], [PAYMENT])

    assert [(found.kind, found.listed) for found in comparison.differences] == [
        (DifferenceKind.OTHER_AMOUNT, Money(10000, "USD"))
    ]


def test_charge_with_our_reference_that_is_not_booked_is_missing_here():
    comparison = compare([charge()], [], [])

    assert [found.kind for found in comparison.differences] == [DifferenceKind.MISSING_HERE]


@pytest.mark.parametrize("reference", [None, "", "order 7", "pay_short", "re_0351NVaOhsYXswh5OTufqs"])
def test_charge_that_we_did_not_create_is_counted_and_no_difference(reference):
    comparison = compare([charge(reference=reference)], [], [])

    assert (comparison.differences, comparison.unknown_charge_count, comparison.totals) == ((), 1, {})


def test_charge_that_is_pending_on_both_sides_is_no_difference():
    assert compare([charge(state=State.PENDING)], [Booked(PAYMENT, None)], []).differences == ()


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), max_size=20))
def test_totals_agree_without_a_difference_and_disagree_with_one_of_amounts(sides):
    """Amounts of the same payments on both sides, nothing for 0."""
    ids = [new_id("pay", NOW) for _ in sides]
    pairs = list(zip(ids, sides, strict=True))
    listed = [charge(there, reference=payment) for payment, (there, _) in pairs if there]
    ours = [Booked(payment, Money(here, "USD") if here else None) for payment, (_, here) in pairs]

    comparison = compare(listed, ours, [payment for payment, (_, here) in pairs if here])

    assert {found.reference for found in comparison.differences} == {
        payment for payment, (there, here) in pairs if there != here
    }
    there, here = comparison.totals.get("USD", (0, 0))
    assert there - here == sum(there - here for there, here in sides)


@pytest.mark.parametrize(
    ("listed", "ours", "expected", "is_compared"),
    [
        (State.SUCCEEDED, booked(), [], True),
        (State.SUCCEEDED, Booked(PAYMENT, None), [], True),
        (State.FAILED, booked(), [PAYMENT], True),
        (State.FAILED, Booked(PAYMENT, None), [], True),
        (State.FAILED, booked(), [], False),
    ],
)
def test_only_references_of_both_sides_are_compared(listed, ours, expected, is_compared):
    comparison = compare([charge(state=listed)], [ours], expected)

    assert (PAYMENT in comparison.compared) is is_compared
