"""Notch Pay's payments and refunds as the contract's outcomes, and what each of their statuses means."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

from portal.gateways.contract import ChargeOutcome, MethodDetails, RefundOutcome, RefundRequest, State
from portal.gateways.http import UnusableResponse
from portal.gateways.notchpay.tables import find_channel, from_notchpay
from portal.money import AmountError, Money

UNPROCESSED = "pending"
"""A payment that was initialised and not processed yet: the only status in which it can be processed or cancelled."""

# `docs/payments/status`. A refunded payment was captured; its refunds have states of their own. `incomplete` ("customer pay
# less than payment amount") is transitional. Their "partialy-refunded" is accepted as documented and as correctly spelled.
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
# `api/tag/payment`: the channels that are not mobile money.
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
    """A payment at Notch Pay. `gateway_reference` is its own reference, `reference` is ours, None where it has none.

    `channel` is set once a prompt was sent, or the customer has chosen one on the page.
    """

    gateway_reference: str
    reference: str | None
    status: str
    money: Money
    channel: str | None
    created_at: datetime | None
    completed_at: datetime | None

    @property
    def state(self) -> State:
        return _STATES.get(self.status, State.UNKNOWN)

    @property
    def is_unprompted(self) -> bool:
        """Whether no prompt was sent for it yet, and no channel chosen on the page."""
        return self.status == UNPROCESSED and self.channel is None


@dataclass(frozen=True, slots=True)
class References:
    """The two references of a payment: Notch Pay's begins with `trx.`, ours is returned in `merchant_reference` and `trxref`.

    That is what the examples of `api/tag/payment` show. Those of `api-reference/payments` have ours in `reference` and Notch
    Pay's in `id`. `names_reference` is false where the response does not show whether there is one of ours.
    """

    gateway_reference: str | None
    reference: str | None
    names_reference: bool


def read_references(body: Mapping[str, Any]) -> References:
    plain = read_id(body.get("reference"))
    is_gateways_own = plain is not None and plain.startswith("trx.")
    reference = read_id(body.get("merchant_reference")) or read_id(body.get("trxref"))
    if not is_gateways_own:
        reference = reference or plain
    return References(
        plain if is_gateways_own else read_id(body.get("id")),
        reference,
        reference is not None or "merchant_reference" in body or "trxref" in body,
    )


def read_transaction(value: object) -> Transaction:
    """Read a payment of a response or a list. Raises UnusableResponse when its reference, status or amount is missing."""
    if not isinstance(value, dict):
        raise UnusableResponse("shape")
    references = read_references(value)
    gateway_reference, status = references.gateway_reference or references.reference, value.get("status")
    if gateway_reference is None or not isinstance(status, str):
        raise UnusableResponse("shape")
    try:
        money = from_notchpay(value.get("amount"), value.get("currency"))
    except AmountError as fault:
        raise UnusableResponse("amount") from fault
    return Transaction(
        gateway_reference,
        references.reference,
        status,
        money,
        read_id(value.get("channel")),
        _instant(value.get("created_at")),
        _instant(value.get("completed_at")),
    )


def charge_outcome(
    transaction: Transaction, page: str | None, evidence: str, method: MethodDetails | None = None
) -> ChargeOutcome:
    """Return the outcome of a payment; `page` is the address of its hosted page, if the customer was sent there.

    Raises UnusableResponse when the payment does not contain our reference.
    """
    if transaction.reference is None:
        raise UnusableResponse("no reference")
    state, code = transaction.state, None
    if state is State.FAILED:
        code = _failure_code(transaction, page)
    elif page is not None and transaction.status == UNPROCESSED:
        state = State.REQUIRES_ACTION
    return ChargeOutcome(
        state,
        transaction.reference,
        gateway_reference=transaction.gateway_reference,
        money=transaction.money,
        failure_code=code,
        action_url=page if state is State.REQUIRES_ACTION else None,
        method=method or _method(transaction.channel),
        completed_at=transaction.completed_at,
        evidence=evidence,
        page_reference=page,
    )


def read_refund(request: RefundRequest, value: object) -> RefundOutcome:
    """Read the response to a refund request, or a listed refund that is known to be ours. Raises UnusableResponse."""
    if not isinstance(value, dict) or not isinstance(value.get("status"), str):
        raise UnusableResponse("shape")
    money = None
    if value.get("amount") is not None:
        try:
            money = from_notchpay(value["amount"], value.get("currency") or request.money.currency)
        except AmountError as fault:
            raise UnusableResponse("amount") from fault
    state = _REFUND_STATES.get(value["status"], State.UNKNOWN)
    return RefundOutcome(
        state,
        request.reference,
        read_id(value.get("reference")) or read_id(value.get("id")),
        money,
        "processing_error" if state is State.FAILED else None,
    )


def read_refund_reference(body: Mapping[str, Any]) -> str | None:
    """Return our reference of a refund. No field for it is documented: we send it in `metadata`, and in `reason`, which is
    returned wherever refunds are listed. None where neither is returned."""
    metadata = body.get("metadata")
    reference = read_id(metadata.get("reference")) if isinstance(metadata, dict) else None
    return reference or read_id(body.get("reason"))


def read_id(value: object) -> str | None:
    """Return a short printable text; None for anything else."""
    return value if isinstance(value, str) and 0 < len(value) <= _LONGEST_ID and value.isprintable() else None


def read_text(value: object) -> str | None:
    """Return the first 500 characters of a text for people."""
    return value[:_LONGEST_TEXT] if isinstance(value, str) and value else None


def read_address(value: object) -> str | None:
    """Return the address of a page that a browser may be sent to; None for anything else."""
    is_web = isinstance(value, str) and value.startswith(("https://", "http://")) and value.isprintable()
    return value if isinstance(value, str) and is_web and len(value) <= _LONGEST_ADDRESS else None


def _failure_code(transaction: Transaction, page: str | None) -> str:
    """Return why it failed, for which Notch Pay documents nothing but the status."""
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


def _method(channel: str | None) -> MethodDetails | None:
    if channel is None:
        return None
    known = find_channel(channel)
    return MethodDetails(_TYPES.get(channel, "mobile_money"), known.brand if known else None)


def _instant(value: object) -> datetime | None:
    if not isinstance(value, str):
        return None
    try:
        at = datetime.fromisoformat(value)
        return at.astimezone(UTC) if at.tzinfo else None
    except (ValueError, OverflowError):  # The first and the last hours of the calendar have no instant in UTC.
        return None
