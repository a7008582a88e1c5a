"""Notch Pay's words as values of ours: a payment, a refund, and what each of their statuses means."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

from portal.gateways.contract import MethodFacts, Outcome, RefundOrder, RefundOutcome, State
from portal.gateways.http import Unreadable
from portal.gateways.notchpay.tables import find_channel, read_money
from portal.money import AmountError, Money

UNPROCESSED = "pending"
"""A payment that was initialised and nobody was asked for yet: the only status in which it can be processed or cancelled."""

# `docs/payments/status`. What went back is told by the refunds; the payment itself was captured. `incomplete` ("customer pay
# less than payment amount") is transitional. Their "partialy-refunded" is taken as written and as it should be.
_STATES = MappingProxyType(
    {
        "pending": State.PENDING,
        "processing": State.PENDING,
        "incomplete": State.PENDING,
        "complete": State.SUCCEEDED,
        "refunded": State.SUCCEEDED,
        "partialy-refunded": State.SUCCEEDED,
        "partially-refunded": State.SUCCEEDED,
        "failed": State.FAILED,
        "canceled": State.FAILED,
        "rejected": State.FAILED,
        "abandoned": State.FAILED,
        "expired": State.FAILED,
    }
)
# `api/tag/payment`: the channels that are not a country's mobile money.
_TYPES = MappingProxyType({"card": "card", "paypal": "other"})
# `accept-payments/refunds`.
_REFUND_STATES = MappingProxyType(
    {
        "pending": State.PENDING,
        "processing": State.PENDING,
        "complete": State.SUCCEEDED,
        "failed": State.FAILED,
    }
)
_LONGEST_ID, _LONGEST_TEXT, _LONGEST_ADDRESS = 255, 500, 2000


@dataclass(frozen=True, slots=True)
class Transaction:
    """A payment as Notch Pay tells it. `theirs` is its own reference, `ours` the one that we gave it, None where it has none.

    `channel` is set when somebody was asked already, or has chosen on the page.
    """

    theirs: str
    ours: str | None
    status: str
    money: Money
    channel: str | None
    created_at: datetime | None
    completed_at: datetime | None

    @property
    def state(self) -> State:
        return _STATES.get(self.status, State.UNKNOWN)

    @property
    def is_untouched(self) -> bool:
        """Whether nobody was asked to pay it yet."""
        return self.status == UNPROCESSED and self.channel is None


@dataclass(frozen=True, slots=True)
class References:
    """Whose reference is which: `theirs` begins with `trx.`, ours comes back in `merchant_reference` and `trxref`.

    So the examples of `api/tag/payment` have it. Those of `api-reference/payments` have ours in `reference` and theirs in `id`.
    `tells_ours` is false where the answer leaves open whether we gave one.
    """

    theirs: str | None
    ours: str | None
    tells_ours: bool


def read_references(body: Mapping[str, Any]) -> References:
    reference = read_id(body.get("reference"))
    is_theirs = reference is not None and reference.startswith("trx.")
    ours = read_id(body.get("merchant_reference")) or read_id(body.get("trxref"))
    if not is_theirs:
        ours = ours or reference
    return References(
        reference if is_theirs else read_id(body.get("id")),
        ours,
        ours is not None or "merchant_reference" in body or "trxref" in body,
    )


def read_transaction(value: object) -> Transaction:
    """One payment out of an answer or a list. Raises Unreadable when reference, status or amount are not told."""
    if not isinstance(value, dict):
        raise Unreadable("shape")
    told = read_references(value)
    theirs, status = told.theirs or told.ours, value.get("status")
    if theirs is None or not isinstance(status, str):
        raise Unreadable("shape")
    try:
        money = read_money(value.get("amount"), value.get("currency"))
    except AmountError as fault:
        raise Unreadable("amount") from fault
    return Transaction(
        theirs,
        told.ours,
        status,
        money,
        read_id(value.get("channel")),
        _instant(value.get("created_at")),
        _instant(value.get("completed_at")),
    )


def outcome_of(transaction: Transaction, page: str | None, evidence: str, method: MethodFacts | None = None) -> Outcome:
    """What a payment's state means; `page` is the address of its hosted page, where we led the customer there.

    Raises Unreadable when it does not say whose it is.
    """
    if transaction.ours is None:
        raise Unreadable("no reference")
    state, code = transaction.state, None
    if state is State.FAILED:
        code = _failure_code(transaction, page)
    elif page is not None and transaction.status == UNPROCESSED:
        state = State.REQUIRES_ACTION
    return Outcome(
        state,
        transaction.ours,
        gateway_reference=transaction.theirs,
        money=transaction.money,
        failure_code=code,
        action_url=page if state is State.REQUIRES_ACTION else None,
        method=method or _method(transaction.channel),
        completed_at=transaction.completed_at,
        evidence=evidence,
        page_reference=page,
    )


def read_refund(order: RefundOrder, value: object) -> RefundOutcome:
    """What an answer to our own order, or a listed refund that is known to be ours, says of it. Raises Unreadable."""
    if not isinstance(value, dict) or not isinstance(value.get("status"), str):
        raise Unreadable("shape")
    money = None
    if value.get("amount") is not None:
        try:
            money = read_money(value["amount"], value.get("currency") or order.money.currency)
        except AmountError as fault:
            raise Unreadable("amount") from fault
    state = _REFUND_STATES.get(value["status"], State.UNKNOWN)
    return RefundOutcome(
        state,
        order.reference,
        read_id(value.get("reference")) or read_id(value.get("id")),
        money,
        "processing_error" if state is State.FAILED else None,
    )


def our_refund(body: Mapping[str, Any]) -> str | None:
    """The reference that we gave a refund. No field for it is documented: we say it in `metadata`, and in `reason`, which is
    told back wherever refunds are shown. None where neither is told back."""
    metadata = body.get("metadata")
    told = read_id(metadata.get("reference")) if isinstance(metadata, dict) else None
    return told or read_id(body.get("reason"))


def read_id(value: object) -> str | None:
    """A short printable text; None for anything else."""
    return value if isinstance(value, str) and 0 < len(value) <= _LONGEST_ID and value.isprintable() else None


def read_text(value: object) -> str | None:
    """The first 500 characters of a text, for a person."""
    return value[:_LONGEST_TEXT] if isinstance(value, str) and value else None


def read_address(value: object) -> str | None:
    """The address of a page that a browser may be sent to; None for anything else."""
    is_web = isinstance(value, str) and value.startswith(("https://", "http://")) and value.isprintable()
    return value if isinstance(value, str) and is_web and len(value) <= _LONGEST_ADDRESS else None


def _failure_code(transaction: Transaction, page: str | None) -> str:
    """Why it failed, of which Notch Pay documents the status alone."""
    match transaction.status:
        case "canceled":
            return "page_canceled" if transaction.channel is None else "payer_canceled"
        case "expired":
            return "timeout" if page is None else "page_expired"
        case "abandoned":
            return "page_expired"
        case "rejected":
            return "method_invalid"
    return "processing_error"


def _method(channel: str | None) -> MethodFacts | None:
    if channel is None:
        return None
    known = find_channel(channel)
    return MethodFacts(_TYPES.get(channel, "mobile_money"), known.brand if known else None)


def _instant(value: object) -> datetime | None:
    if not isinstance(value, str):
        return None
    try:
        at = datetime.fromisoformat(value)
        return at.astimezone(UTC) if at.tzinfo else None
    except (ValueError, OverflowError):  # The first and the last hours of the calendar have no instant in UTC.
        return None
