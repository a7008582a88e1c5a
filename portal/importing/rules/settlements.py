"""How an imported invoice stands: from the file's word of status and what it says of money that was paid. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from portal.importing.rules.refusals import ValueRefused
from portal.money import major_units

_AS_PAID = ("paid", "refunded", "partially_refunded")


@dataclass(frozen=True, slots=True)
class Settlement:
    """`status` is the invoice's (open, partially_paid, paid, void, uncollectible, draft); `paid` and `refunded` are minor units of
    money that came, and of it went back, elsewhere."""

    status: str
    paid: int = 0
    refunded: int = 0


def settle(
    word: str | None,
    *,
    total: int,
    paid: int | None,
    refunded: int | None,
    currency: str,
    left: int | None = None,
) -> Settlement:
    """Return how an invoice of a total stands. `word` is from `statuses.read_invoice_status`, None where the file says nothing;
    `left` what is still to be paid, where the file says that instead of what is `paid`.

    Raises ValueRefused where the columns contradict each other.
    """
    status = word or "open"
    if left is not None and status not in ("draft", "void"):
        paid = _paid_by_balance(total, paid, left, currency)
    if total < 0:
        return _of_credit_note(status, paid or 0)
    _check_range(total, paid, currency)
    if status in ("draft", "void"):
        if paid:
            raise ValueRefused(f"status is {status}, but amount_paid is {major_units(paid, currency):f}")
        return Settlement(status)
    if total == 0:
        return Settlement("paid")
    if status in _AS_PAID:
        if paid is not None and paid != total:
            raise ValueRefused(
                f"status is {status}, but amount_paid is {major_units(paid, currency):f} of {major_units(total, currency):f}"
            )
        return Settlement("paid", total, _refunded(status, total, refunded))
    if status == "partially_paid" and not paid:
        raise ValueRefused("status is partially_paid, and nothing says how much is paid: --map amount_paid=Column")
    if status == "uncollectible" and paid == total:
        raise ValueRefused("status is uncollectible, but amount_paid is the total")
    return _by_amount(status, total, paid or 0, _refunded(status, paid or 0, refunded))


def _paid_by_balance(total: int, paid: int | None, left: int, currency: str) -> int:
    if paid is not None and paid != total - left:
        raise ValueRefused(
            f"amount_paid is {major_units(paid, currency):f}, but open_balance is {major_units(left, currency):f} of"
            f" {major_units(total, currency):f}"
        )
    if not min(0, total) <= left <= max(0, total):
        raise ValueRefused("open_balance is not between nothing and the total")
    return total - left


def _by_amount(status: str, total: int, paid: int, refunded: int) -> Settlement:
    if status == "uncollectible":
        return Settlement("uncollectible", paid, refunded)
    if paid == total:
        return Settlement("paid", paid, refunded)
    return Settlement("partially_paid" if paid else "open", paid, refunded)


def _of_credit_note(status: str, paid: int) -> Settlement:
    if status != "open":
        raise ValueRefused(
            f"the total is below zero, a credit note, and status is {status}: nothing of it is left to import"
        )
    if paid:
        raise ValueRefused("a part of the credit note is used already: a credit note cannot be paid")
    return Settlement("open")


def _check_range(total: int, paid: int | None, currency: str) -> None:
    if paid is None or 0 <= paid <= total:
        return
    if paid < 0:
        raise ValueRefused("amount_paid is below zero")
    raise ValueRefused(
        f"amount_paid is {major_units(paid, currency):f}, more than the total of {major_units(total, currency):f}"
    )


def _refunded(status: str, paid: int, refunded: int | None) -> int:
    if refunded is None:
        return paid if status == "refunded" else 0
    if not 0 <= refunded <= paid:
        raise ValueRefused("amount_refunded is not between nothing and what was paid")
    if status == "refunded" and refunded == 0:
        raise ValueRefused("status is refunded, but amount_refunded is nothing")
    return refunded
