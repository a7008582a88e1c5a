"""How postings of the ledger become lines of a statement, and how late what is owed is; pure.

The balance of a statement is what the customer owes less the credit that stands to its account: the ledger's accounts `receivable`
and `credit` together. Each posting moves it by what its line says was charged, less what it says was paid or credited.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

MovementKind = Literal[
    "invoice", "correction", "voided", "credit_note", "payment", "payment_from_credit", "payment_elsewhere", "undone", "refund",
    "refund_failed", "opening",
]  # fmt: skip
CATCH_UP_DAYS = 7
"""How long after its day a month's statement is still announced, a merchant's last customer included."""
PeriodName = Literal["month", "quarter", "year", "last_year"]

KINDS: dict[str, MovementKind] = {
    "invoice_opened": "invoice",
    "invoice_corrected": "correction",
    "invoice_voided": "voided",
    "credit_granted": "credit_note",
    "credit_corrected": "credit_note",
    "payment_captured": "payment",
    "payment_recorded": "payment_elsewhere",
    "import_undone": "undone",
    "refund_begun": "refund",
    "refund_failed": "refund_failed",
    "opening": "opening",
}
"""By the kind of the posting; `refund_succeeded` moves nothing of the customer's account (docs/ledger.md)."""


@dataclass(frozen=True, slots=True)
class Posted:
    """What one posting did to a customer's account in one currency, in minor units, as the ledger has it: debits positive.

    `balance` is the sum over `receivable` and `credit`, `sales` and `refunds` those of the counter accounts, `credit` that of credit alone.
    """

    kind: str
    on: date
    balance: int
    credit: int = 0
    sales: int = 0
    refunds: int = 0
    invoice_id: str | None = None
    payment_id: str | None = None
    number: str = ""
    title: str = ""


@dataclass(frozen=True, slots=True)
class Movement:
    """A line of a statement. `charged` raises the balance, `credited` lowers it (both are positive, or negative where something is
    taken back); `balance` is what it came to. All in minor units."""

    kind: MovementKind
    on: date
    charged: int
    credited: int
    balance: int
    invoice_id: str | None = None
    payment_id: str | None = None
    number: str = ""
    title: str = ""


@dataclass(frozen=True, slots=True)
class Ageing:
    """What is owed at the end of a day, by how long it is due, in minor units; `credit` stands against it."""

    not_due: int = 0
    up_to_30: int = 0
    up_to_60: int = 0
    up_to_90: int = 0
    older: int = 0
    credit: int = 0

    @property
    def late(self) -> tuple[tuple[str, int], ...]:
        """Return what is late, by the name of its bracket, without brackets of nothing."""
        brackets = (("30", self.up_to_30), ("60", self.up_to_60), ("90", self.up_to_90), ("older", self.older))
        return tuple((name, amount) for name, amount in brackets if amount)


@dataclass(frozen=True, slots=True)
class Statement:
    """A customer's account in one currency from one day to another, both included."""

    currency: str
    first_on: date
    last_on: date
    opening: int
    movements: tuple[Movement, ...]
    ageing: Ageing

    @property
    def charged(self) -> int:
        return sum(each.charged for each in self.movements)

    @property
    def credited(self) -> int:
        return sum(each.credited for each in self.movements)

    @property
    def owes_something(self) -> bool:
        """Return whether an invoice, or a balance brought forward, was not settled at the end of the last day."""
        return bool(self.ageing.not_due or self.ageing.late)

    @property
    def closing(self) -> int:
        return self.opening + self.charged - self.credited


def build_movements(opening: int, posted: Iterable[Posted]) -> Iterable[Movement]:
    """Yield the lines of postings in their order, each with the balance after it; those that the customer does not see move nothing."""
    balance = opening
    for each in posted:
        kind = KINDS.get(each.kind)
        if kind is None:
            continue
        charged, credited = _columns(kind, each)
        if kind == "payment" and not each.balance and each.credit > 0:
            kind = "payment_from_credit"
        elif not charged and not credited:
            continue  # In this currency: an exchange of one that is settled in another.
        balance += each.balance
        yield Movement(
            kind, each.on, charged, credited, balance, each.invoice_id, each.payment_id, each.number, each.title
        )


def rank(kind: str) -> int:
    """Return the place of a kind of posting among those of one instant: `KINDS` names them in the order in which they can follow."""
    return list(KINDS).index(kind) if kind in KINDS else len(KINDS)


def age(owed: Sequence[tuple[date, int]], credit: int, on: date) -> Ageing:
    """Return what is owed on a day by how late it is; `owed` are due dates and amounts, `credit` is positive."""
    sums = [0, 0, 0, 0, 0]
    for due_on, amount in owed:
        days = (on - due_on).days
        sums[0 if days <= 0 else 1 if days <= 30 else 2 if days <= 60 else 3 if days <= 90 else 4] += amount
    return Ageing(sums[0], sums[1], sums[2], sums[3], sums[4], credit)


def period(name: PeriodName, today: date) -> tuple[date, date]:
    """Return the first and the last day of a period that people name; one that goes on ends today."""
    if name == "month":
        return today.replace(day=1), today
    if name == "quarter":
        return today.replace(month=3 * ((today.month - 1) // 3) + 1, day=1), today
    if name == "year":
        return today.replace(month=1, day=1), today
    return date(today.year - 1, 1, 1), date(today.year - 1, 12, 31)


def month_to_announce(day: int, today: date) -> tuple[date, date] | None:
    """Return the first and the last day of the month whose statement is announced today, where that is done on a day of the next one; None
    once that day is longer past than a reminder's may be."""
    this = today.replace(day=1)
    for after in (this, day_before(this).replace(day=1)):
        if timedelta(0) <= today - after.replace(day=day) < timedelta(CATCH_UP_DAYS):
            last = day_before(after)
            return last.replace(day=1), last
    return None


def checked_period(first_on: date | None, last_on: date | None, today: date) -> tuple[date, date]:
    """Return the days of a statement that was asked for: a day to come is today, and what is missing is a quarter's.

    A first day after the last one is the last one.
    """
    last = min(last_on or today, today)
    first = first_on if first_on is not None else period("quarter", last)[0]
    return min(first, last), last


def day_before(day: date) -> date:
    """Return the day on whose end a statement from `day` begins."""
    return day - timedelta(days=1)


def _columns(kind: MovementKind, posted: Posted) -> tuple[int, int]:
    """Return what a posting charged and what it credited; their difference is what it did to the balance."""
    if kind in ("refund", "refund_failed"):
        # Money that goes back, and the sale that is taken back with it. What had become credit is taken from there.
        return posted.balance + posted.refunds, posted.refunds
    if kind in ("payment_elsewhere", "undone"):
        # What was billed elsewhere is charged and paid at once.
        return -posted.sales, -posted.sales - posted.balance
    if kind in ("invoice", "correction"):
        return posted.balance, 0
    if kind == "opening" and posted.balance > 0:
        return posted.balance, 0
    return 0, -posted.balance
