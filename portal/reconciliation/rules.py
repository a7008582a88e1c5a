"""What the gateway's list and the ledger say of the same charges, as a pure function; and when they are compared."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from portal.gateways.contract import ListedCharge, State
from portal.money import Money
from portal.public_ids import is_id

EVERY = timedelta(days=1)
TRY_AGAIN_AFTER = timedelta(hours=1)
"""After a list that the gateway could not give, and after a worker that died over it."""
BACK = timedelta(days=3)
"""How far a comparison looks back: a day that nobody compared is caught up twice over."""
MARGIN = timedelta(hours=1)
"""A gateway's clock is not ours, and its list may lag: what was booked later than this is expected next time."""
OVERDUE_AFTER = timedelta(days=2)
"""An account that was not compared for longer is shown to the operator."""


class Kind(StrEnum):
    """MISSING_HERE: the gateway took money that is not booked. MISSING_THERE: what is booked is not on its list.
    OTHER_AMOUNT: also when it charged one reference twice."""

    MISSING_HERE = "missing_here"
    MISSING_THERE = "missing_there"
    OTHER_AMOUNT = "other_amount"
    OTHER_CURRENCY = "other_currency"


@dataclass(frozen=True, slots=True)
class Booked:
    """What the ledger says that the gateway took for a payment, refunds left aside; None: nothing was booked."""

    payment_id: str
    money: Money | None
    gateway_reference: str | None = None


@dataclass(frozen=True, slots=True)
class Break:
    """One payment of which the two sides say different things."""

    reference: str
    kind: Kind
    gateway_reference: str | None
    listed: Money | None
    booked: Money | None


@dataclass(frozen=True, slots=True)
class Comparison:
    """What came of comparing. `totals` is by currency (listed, booked), in minor units, of all charges that are ours.

    `compared` are the references of which each side has said what it has. A charge that the list names without money, and that
    is booked but not expected of it, is not among them: the list reaches further back than what is expected, and what is told
    at its edge settles no break.
    """

    breaks: tuple[Break, ...]
    charge_count: int
    stranger_count: int
    totals: Mapping[str, tuple[int, int]]
    compared: frozenset[str]


def compare(listed: Iterable[ListedCharge], booked: Iterable[Booked], expected: Iterable[str]) -> Comparison:
    """Find every break. `booked` are the payments of which either side knows, `expected` those that the list has to name.

    Only what the gateway calls succeeded is money. A charge without a payment's id of ours is somebody else's, and counted.
    """
    taken: dict[str, list[ListedCharge]] = defaultdict(list)
    untaken: set[str] = set()
    stranger_count = 0
    for charge in listed:
        if charge.reference is None or not is_id("pay", charge.reference):
            stranger_count += 1
        elif charge.state is State.SUCCEEDED:
            taken[charge.reference].append(charge)
        else:
            untaken.add(charge.reference)
    by_id = {each.payment_id: each for each in booked}
    breaks: list[Break] = []
    totals: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for reference in sorted({*taken, *expected}):
        charges, ours = taken.get(reference, []), by_id.get(reference, Booked(reference, None))
        for charge in charges:
            totals[charge.money.currency][0] += charge.money.amount
        if ours.money is not None:
            totals[ours.money.currency][1] += ours.money.amount
        found = _break(reference, charges, ours)
        if found is not None:
            breaks.append(found)
    count = len({*taken, *expected}) - len(breaks)
    agreed = {reference for reference in untaken if by_id.get(reference, Booked(reference, None)).money is None}
    return Comparison(
        tuple(breaks),
        count,
        stranger_count,
        {currency: (there, here) for currency, (there, here) in totals.items()},
        frozenset({*taken, *expected, *agreed}),
    )


def _break(reference: str, charges: list[ListedCharge], ours: Booked) -> Break | None:
    if not charges:
        if ours.money is None:
            return None
        return Break(reference, Kind.MISSING_THERE, ours.gateway_reference, None, ours.money)
    listed = _listed(charges, (ours.money or charges[0].money).currency)
    if ours.money is None:
        kind = Kind.MISSING_HERE
    elif listed.currency != ours.money.currency:
        kind = Kind.OTHER_CURRENCY
    elif listed != ours.money:
        kind = Kind.OTHER_AMOUNT
    else:
        return None
    return Break(reference, kind, charges[0].gateway_reference, listed, ours.money)


def _listed(charges: list[ListedCharge], currency: str) -> Money:
    """All that was taken under one reference; of several currencies the one that is not `currency` is told."""
    foreign = next((charge.money for charge in charges if charge.money.currency != currency), None)
    return foreign or Money(sum(charge.money.amount for charge in charges), currency)
