"""The gateway's list of charges against the ledger, as a pure function; and when they are compared."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from portal.gateways.contract import ListedCharge, State
from portal.money import Money
from portal.public_ids import is_id

COMPARE_EVERY = timedelta(days=1)
RETRY_AFTER = timedelta(hours=1)
"""When a comparison is retried whose list could not be read, or whose worker died."""
LOOK_BACK = timedelta(days=3)
"""How far a comparison looks back: further than `COMPARE_EVERY`, so that a missed day is made up for."""
CLOCK_MARGIN = timedelta(hours=1)
"""A gateway's clock differs from ours, and its list may lag: a charge booked within this time is expected next time."""
STALE_AFTER = timedelta(days=2)
"""`portal doctor` warns of an account that was not compared for longer."""


class DifferenceKind(StrEnum):
    """MISSING_HERE: the gateway lists a charge that is not booked. MISSING_THERE: a booked charge is not on its list.
    OTHER_AMOUNT: also when it charged one reference twice."""

    MISSING_HERE = "missing_here"
    MISSING_THERE = "missing_there"
    OTHER_AMOUNT = "other_amount"
    OTHER_CURRENCY = "other_currency"


@dataclass(frozen=True, slots=True)
class Booked:
    """What the ledger has as charged by the gateway for a payment, before refunds; None: nothing was booked."""

    payment_id: str
    money: Money | None
    gateway_reference: str | None = None


@dataclass(frozen=True, slots=True)
class Difference:
    """One payment on which the gateway's list and the ledger differ."""

    reference: str
    kind: DifferenceKind
    gateway_reference: str | None
    listed: Money | None
    booked: Money | None


@dataclass(frozen=True, slots=True)
class Comparison:
    """The result of a comparison. `totals` is by currency (listed, booked), in minor units, of all charges of the portal.

    `compared` are the references for which both sides are conclusive. A charge that did not succeed by the list, and is booked
    but not expected on it, is not among them: the list reaches further back than the expected payments, and an entry at its
    edge resolves no difference.
    """

    differences: tuple[Difference, ...]
    charge_count: int
    unknown_charge_count: int
    totals: Mapping[str, tuple[int, int]]
    compared: frozenset[str]


def compare(listed: Iterable[ListedCharge], booked: Iterable[Booked], expected: Iterable[str]) -> Comparison:
    """Find every difference. `booked` are the payments that either side has, `expected` those that must be on the list.

    Only a listed charge that succeeded counts as charged. One without a payment id of ours was not created by the portal; it
    is only counted.
    """
    charged: dict[str, list[ListedCharge]] = defaultdict(list)
    not_charged: set[str] = set()
    unknown_charge_count = 0
    for charge in listed:
        if charge.reference is None or not is_id("pay", charge.reference):
            unknown_charge_count += 1
        elif charge.state is State.SUCCEEDED:
            charged[charge.reference].append(charge)
        else:
            not_charged.add(charge.reference)
    by_id = {each.payment_id: each for each in booked}
    differences: list[Difference] = []
    totals: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for reference in sorted({*charged, *expected}):
        charges, booked_payment = charged.get(reference, []), by_id.get(reference, Booked(reference, None))
        for charge in charges:
            totals[charge.money.currency][0] += charge.money.amount
        if booked_payment.money is not None:
            totals[booked_payment.money.currency][1] += booked_payment.money.amount
        found = _find_difference(reference, charges, booked_payment)
        if found is not None:
            differences.append(found)
    count = len({*charged, *expected}) - len(differences)
    agreed = {reference for reference in not_charged if by_id.get(reference, Booked(reference, None)).money is None}
    return Comparison(
        tuple(differences),
        count,
        unknown_charge_count,
        {currency: (listed, booked) for currency, (listed, booked) in totals.items()},
        frozenset({*charged, *expected, *agreed}),
    )


def _find_difference(reference: str, charges: list[ListedCharge], booked_payment: Booked) -> Difference | None:
    if not charges:
        if booked_payment.money is None:
            return None
        return Difference(
            reference, DifferenceKind.MISSING_THERE, booked_payment.gateway_reference, None, booked_payment.money
        )
    listed = _listed_money(charges, (booked_payment.money or charges[0].money).currency)
    if booked_payment.money is None:
        kind = DifferenceKind.MISSING_HERE
    elif listed.currency != booked_payment.money.currency:
        kind = DifferenceKind.OTHER_CURRENCY
    elif listed != booked_payment.money:
        kind = DifferenceKind.OTHER_AMOUNT
    else:
        return None
    return Difference(reference, kind, charges[0].gateway_reference, listed, booked_payment.money)


def _listed_money(charges: list[ListedCharge], currency: str) -> Money:
    """Return the sum charged under one reference; with several currencies, a charge that is not in `currency`."""
    foreign = next((charge.money for charge in charges if charge.money.currency != currency), None)
    return foreign or Money(sum(charge.money.amount for charge in charges), currency)
