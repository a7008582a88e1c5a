"""Postings in double entry, as pure functions: which accounts each moves, and the digests that reveal a change.

Debits are positive, credits negative. What customers owe is `receivable`; what a gateway has captured and still holds is
`gateway`; a customer's credit is `credit` (negative: the merchant owes it). `sales` and `refunds` are the counter accounts.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from portal.money import Money

_FORMAT = "1"
"""The version of the digests: a change of what they cover gets another number, so that old ones can still be verified."""


class Unbalanced(AssertionError):
    """Entries that do not sum to zero in each currency: a programming error, never one of the input. Nothing is written."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a posting; `money` is never zero. The ids are its objects."""

    account: str
    money: Money
    customer_id: str | None = None
    invoice_id: str | None = None
    payment_id: str | None = None
    gateway: str | None = None


@dataclass(frozen=True, slots=True)
class Posting:
    """Something that happened once: `kind` and `source` identify it, `entries` sum to zero in each currency."""

    kind: str
    source: str
    at: datetime
    entries: tuple[Entry, ...]

    def __post_init__(self) -> None:
        sums: Counter[str] = Counter()
        for entry in self.entries:
            sums[entry.money.currency] += entry.money.amount
        if not self.entries or any(sums.values()) or any(entry.money.amount == 0 for entry in self.entries):
            raise Unbalanced(f"{self.kind} of {self.source} does not sum to zero")


@dataclass(frozen=True, slots=True)
class Settled:
    """What a payment settled of one invoice: `share` in the invoice's currency, `price` what was paid for it in the payment's
    own (the same, unless the merchant prices the invoice in several currencies)."""

    invoice_id: str
    share: Money
    price: Money


def invoice_opened(customer_id: str, invoice_id: str, total: Money, *, at: datetime) -> Posting | None:
    """The customer owes the total. None for an invoice whose total is zero."""
    return _posting("invoice_opened", invoice_id, at, _billed(customer_id, invoice_id, total))


def invoice_corrected(
    customer_id: str, invoice_id: str, version: int, before: Money, after: Money, *, at: datetime
) -> Posting | None:
    """An unpaid invoice was rewritten. None when its total did not change."""
    if before == after:
        return None
    taken_back = _billed(customer_id, invoice_id, Money(-before.amount, before.currency))
    billed = _billed(customer_id, invoice_id, after)
    return _posting("invoice_corrected", f"{invoice_id}:{version}", at, _summed([*taken_back, *billed]))


def invoice_voided(customer_id: str, invoice_id: str, due: Money, *, at: datetime) -> Posting | None:
    """What was left to pay of an invoice is not owed any more. None where nothing was left."""
    return _posting(
        "invoice_voided", invoice_id, at, _billed(customer_id, invoice_id, Money(-due.amount, due.currency))
    )


def credit_granted(customer_id: str, source: str, money: Money, *, at: datetime) -> Posting | None:
    """A credit note was granted: credit without a payment."""
    return _posting("credit_granted", source, at, _granted(customer_id, money))


def credit_corrected(
    customer_id: str, source: str, *, version: str, before: Money, after: Money, at: datetime
) -> Posting | None:
    """An unused credit note was rewritten. None when its amount did not change."""
    if before == after:
        return None
    taken_back = _granted(customer_id, Money(-before.amount, before.currency))
    return _posting(
        "credit_corrected", f"{source}:{version}", at, _summed([*taken_back, *_granted(customer_id, after)])
    )


def payment_captured(
    customer_id: str,
    payment_id: str,
    *,
    gateway: str | None,
    charged: Money,
    credit_used: Money,
    credit_granted: Money,
    settled: Sequence[Settled],
    at: datetime,
) -> Posting:
    """Money came: `charged` to the gateway and `credit_used` from the customer's credit pay the shares of invoices, and what
    no invoice took (`credit_granted`) becomes the customer's credit. All but the shares are in the payment's currency. `gateway` is
    None where credit pays all, and nothing is charged."""
    entries = [Entry("gateway", charged, customer_id, None, payment_id, gateway)]
    entries.append(Entry("credit", credit_used, customer_id, None, payment_id))
    entries.append(Entry("credit", _negative(credit_granted), customer_id, None, payment_id))
    for part in settled:
        entries.append(Entry("receivable", _negative(part.share), customer_id, part.invoice_id, payment_id))
        if part.share.currency != part.price.currency:
            entries.append(Entry("exchange", part.share, customer_id, part.invoice_id, payment_id))
            entries.append(Entry("exchange", _negative(part.price), customer_id, part.invoice_id, payment_id))
    return Posting("payment_captured", payment_id, at, _without_zero(entries))


def payment_recorded(
    customer_id: str, payment_id: str, *, gateway: str, money: Money, settled: Sequence[Settled], at: datetime
) -> Posting:
    """A payment made elsewhere was imported: the part beyond our invoices counts as sales that were not billed here."""
    entries = [Entry("gateway", money, customer_id, None, payment_id, gateway)]
    entries += [
        Entry("receivable", _negative(part.share), customer_id, part.invoice_id, payment_id) for part in settled
    ]
    rest = money.amount - sum(part.share.amount for part in settled)
    entries.append(Entry("sales", Money(-rest, money.currency), customer_id, None, payment_id))
    return Posting("payment_recorded", payment_id, at, _without_zero(entries))


def import_undone(source: str, entries: Iterable[Entry], *, at: datetime) -> Posting | None:
    """What an import booked for a payment is taken back, entry for entry: the ledger only ever grows. None when nothing is left."""
    left = [Entry(entry.account, _negative(entry.money), *_objects(entry)) for entry in entries]
    return _posting("import_undone", source, at, _summed(left))


def refund_begun(
    *, customer_id: str, payment_id: str, refund_id: str, money: Money, credit_taken: Money, at: datetime
) -> Posting:
    """A refund was requested: the money is in transit, still at the gateway. `credit_taken` of it was the customer's credit."""
    entries = [
        Entry("refunds", money - credit_taken, customer_id, None, payment_id),
        Entry("credit", credit_taken, customer_id, None, payment_id),
        Entry("refunds_in_transit", _negative(money), customer_id, None, payment_id),
    ]
    return Posting("refund_begun", refund_id, at, _without_zero(entries))


def refund_succeeded(
    *, customer_id: str, payment_id: str, refund_id: str, gateway: str, money: Money, at: datetime
) -> Posting:
    """The gateway refunded the money."""
    return Posting(
        "refund_succeeded",
        refund_id,
        at,
        (
            Entry("refunds_in_transit", money, customer_id, None, payment_id),
            Entry("gateway", _negative(money), customer_id, None, payment_id, gateway),
        ),
    )


def refund_failed(
    *,
    customer_id: str,
    payment_id: str,
    refund_id: str,
    gateway: str,
    money: Money,
    credit_taken: Money,
    had_succeeded: bool,
    at: datetime,
) -> Posting:
    """The money did not reach the customer, before or after the gateway had reported it as complete: it can be refunded again, and
    what was taken from the customer's credit is restored."""
    back = (
        Entry("gateway", money, customer_id, None, payment_id, gateway)
        if had_succeeded
        else Entry("refunds_in_transit", money, customer_id, None, payment_id)
    )
    entries = [
        back,
        Entry("refunds", credit_taken - money, customer_id, None, payment_id),
        Entry("credit", _negative(credit_taken), customer_id, None, payment_id),
    ]
    return Posting("refund_failed", refund_id, at, _without_zero(entries))


def entry_digest(merchant_id: str, transaction_id: str, position: int, entry: Entry) -> bytes:
    """Return the SHA-256 of an entry's content."""
    content = (
        entry.account, str(entry.money.amount), entry.money.currency, entry.customer_id or "", entry.invoice_id or "",
        entry.payment_id or "", entry.gateway or "",
    )  # fmt: skip
    return _sha256(_FORMAT, merchant_id, transaction_id, str(position), *content)


def digest_of(
    merchant_id: str, transaction_id: str, *, kind: str, source: str, at: datetime, entries: Iterable[bytes]
) -> bytes:
    """Return the SHA-256 of a transaction and the digests of its entries, in their order."""
    instant = at.astimezone(UTC).isoformat(timespec="microseconds")
    return _sha256(_FORMAT, merchant_id, transaction_id, kind, source, instant, *(each.hex() for each in entries))


def seal_digest(before: bytes, sequence: int, transaction_digest: bytes) -> bytes:
    """Return the SHA-256 of the link before (empty for the first) and a transaction's digest."""
    return _sha256(_FORMAT, before.hex(), str(sequence), transaction_digest.hex())


def _billed(customer_id: str, invoice_id: str, total: Money) -> list[Entry]:
    return [
        Entry("receivable", total, customer_id, invoice_id),
        Entry("sales", _negative(total), customer_id, invoice_id),
    ]


def _granted(customer_id: str, money: Money) -> list[Entry]:
    return [Entry("sales", money, customer_id), Entry("credit", _negative(money), customer_id)]


def _summed(entries: Iterable[Entry]) -> list[Entry]:
    """Return entries of the same account, currency and objects summed into one; zero sums are left out."""
    sums: dict[tuple[str | None, ...], int] = {}
    for entry in entries:
        key = (entry.account, entry.money.currency, *_objects(entry))
        sums[key] = sums.get(key, 0) + entry.money.amount
    return [
        Entry(str(account), Money(amount, str(currency)), *ids) for (account, currency, *ids), amount in sums.items()
    ]


def _objects(entry: Entry) -> tuple[str | None, str | None, str | None, str | None]:
    return entry.customer_id, entry.invoice_id, entry.payment_id, entry.gateway


def _posting(kind: str, source: str, at: datetime, entries: Sequence[Entry]) -> Posting | None:
    nonzero = _without_zero(entries)
    return Posting(kind, source, at, nonzero) if nonzero else None


def _without_zero(entries: Sequence[Entry]) -> tuple[Entry, ...]:
    return tuple(entry for entry in entries if entry.money.amount)


def _negative(money: Money) -> Money:
    return Money(-money.amount, money.currency)


def _sha256(*parts: str) -> bytes:
    # Each part by its length first, so that no two lists of parts read the same.
    return hashlib.sha256("".join(f"{len(part)}:{part}" for part in parts).encode()).digest()
