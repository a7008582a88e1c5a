"""The sandbox's responses as the contract's outcomes; a response that cannot be read is UNKNOWN."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from portal.gateways.contract import (
    FAILURE_CODES,
    ChargeOutcome,
    ListedCharge,
    MethodDetails,
    RefundOutcome,
    SetupOutcome,
    State,
)
from portal.gateways.http import JsonResponse, UnusableResponse
from portal.money import AmountError, Money

_STATES = {
    "succeeded": State.SUCCEEDED,
    "failed": State.FAILED,
    "pending": State.PENDING,
    "requires_action": State.REQUIRES_ACTION,
    "canceled": State.FAILED,
}
_REFUND_STATES = {"succeeded": State.SUCCEEDED, "pending": State.PENDING, "failed": State.FAILED}
_CODES = {"payer_cancelled": "payer_canceled"}
_REFUSALS = {
    "unknown_token": "method_invalid",
    "unusable_method": "method_invalid",
    "unsupported_amount": "amount_unsupported",
}
_BRANDS = {"mtn": "mtn_momo", "orange": "orange_money"}


def error_code(response: JsonResponse) -> str:
    error = response.body.get("error")
    return str(error.get("code")) if isinstance(error, dict) else ""


def refusal_code(response: JsonResponse) -> str:
    """Return why a request was refused, as one of `FAILURE_CODES`."""
    return _REFUSALS.get(error_code(response), "processing_error")


def charge_outcome(reference: str, body: Mapping[str, Any]) -> ChargeOutcome:
    state = _STATES.get(str(body.get("status")), State.UNKNOWN)
    try:
        money = Money(body["amount"], body["currency"])
        found_reference = str(body["reference"])
    except (KeyError, AmountError, TypeError):
        return ChargeOutcome(State.UNKNOWN, reference, evidence="charge: shape")
    return ChargeOutcome(
        state,
        found_reference,
        gateway_reference=_text(body.get("id")),
        money=money,
        failure_code=_failure_code(body) if state is State.FAILED else None,
        failure_message=_text(body.get("failure_message")),
        action_url=_text(body.get("action_url")),
        method=_method(body.get("method")),
        completed_at=_instant(body.get("completed_at")),
        evidence="charge",
    )


def page_outcome(reference: str, body: Mapping[str, Any]) -> ChargeOutcome:
    """Read a hosted page; once it has a charge, the outcome is that of the charge."""
    page, charge = _text(body.get("id")), body.get("charge")
    if isinstance(charge, dict):
        return replace(charge_outcome(reference, charge), page_reference=page)
    found_reference = str(body.get("reference"))
    match body.get("status"):
        case "open":
            address = _text(body.get("url"))
            return ChargeOutcome(
                State.REQUIRES_ACTION, found_reference, action_url=address, evidence="page", page_reference=page
            )
        case "canceled":
            return ChargeOutcome(
                State.FAILED, found_reference, failure_code="page_canceled", evidence="page", page_reference=page
            )
        case "expired":
            return ChargeOutcome(
                State.FAILED, found_reference, failure_code="page_expired", evidence="page", page_reference=page
            )
    return ChargeOutcome(State.UNKNOWN, reference, evidence="page: shape")


def setup_outcome(reference: str, body: Mapping[str, Any]) -> SetupOutcome:
    found_reference, page = str(body.get("reference")), _text(body.get("id"))
    match body.get("status"):
        case "succeeded":
            method = _method(body.get("method"))
            if method is None or method.token is None:
                return SetupOutcome(State.UNKNOWN, reference, page, evidence="setup: shape")
            return SetupOutcome(State.SUCCEEDED, found_reference, page, method=method, evidence="setup")
        case "open":
            return SetupOutcome(
                State.REQUIRES_ACTION, found_reference, page, action_url=_text(body.get("url")), evidence="setup"
            )
        case "failed":
            return SetupOutcome(State.FAILED, found_reference, page, failure_code=_failure_code(body), evidence="setup")
        case "canceled":
            return SetupOutcome(State.FAILED, found_reference, page, failure_code="page_canceled", evidence="setup")
        case "expired":
            return SetupOutcome(State.FAILED, found_reference, page, failure_code="page_expired", evidence="setup")
    return SetupOutcome(State.UNKNOWN, reference, evidence="setup: shape")


def refund_outcome(reference: str, body: Mapping[str, Any]) -> RefundOutcome:
    try:
        money = Money(body["amount"], body["currency"])
        found_reference = str(body["reference"])
    except (KeyError, AmountError, TypeError):
        return RefundOutcome(State.UNKNOWN, reference)
    state = _REFUND_STATES.get(str(body.get("status")), State.UNKNOWN)
    return RefundOutcome(state, found_reference, _text(body.get("id")), money, _text(body.get("failure_code")))


def listed_charge(body: Mapping[str, Any]) -> ListedCharge:
    """Read a row of the list of charges. Raises UnusableResponse: a list with a row skipped is not complete."""
    state, created_at = _STATES.get(str(body.get("status"))), _instant(body.get("created_at"))
    try:
        money = Money(body["amount"], body["currency"])
    except (KeyError, AmountError, TypeError) as fault:
        raise UnusableResponse("listed charge") from fault
    charge = _text(body.get("id"))
    if state is None or created_at is None or charge is None:
        raise UnusableResponse("listed charge")
    return ListedCharge(charge, _text(body.get("reference")), state, money, created_at)


def _failure_code(body: Mapping[str, Any]) -> str:
    if body.get("status") == "canceled":
        return "payer_canceled"
    code = _CODES.get(str(body.get("failure_code")), str(body.get("failure_code")))
    return code if code in FAILURE_CODES else "processing_error"


def _method(value: object) -> MethodDetails | None:
    if not isinstance(value, dict) or not isinstance(value.get("type"), str):
        return None
    month, year, brand = value.get("exp_month"), value.get("exp_year"), _text(value.get("brand"))
    return MethodDetails(
        type=value["type"],
        brand=_BRANDS.get(brand or "", brand),
        last4=_text(value.get("last4")),
        exp_month=month if type(month) is int else None,
        exp_year=year if type(year) is int else None,
        holder=_text(value.get("holder")),
        phone=_text(value.get("phone")),
        bank_name=_text(value.get("bank_name")),
        fingerprint=_text(value.get("fingerprint")),
        token=_text(value.get("token")),
    )


def _text(value: object) -> str | None:
    return value[:500] if isinstance(value, str) and value else None


def _instant(value: object) -> datetime | None:
    if not isinstance(value, str):
        return None
    try:
        at = datetime.fromisoformat(value)
        return at.astimezone(UTC) if at.tzinfo else None
    except (ValueError, OverflowError):  # The first and the last hours of the calendar have no instant in UTC.
        return None
