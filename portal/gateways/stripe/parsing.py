"""Stripe's objects as the contract's outcomes. Pure; an object that cannot be read becomes UNKNOWN, never an exception.

Sources: https://docs.stripe.com/api/payment_intents/object, https://docs.stripe.com/api/checkout/sessions/object,
https://docs.stripe.com/api/setup_intents/object, https://docs.stripe.com/api/refunds/object, https://docs.stripe.com/payments/paymentintents/lifecycle,
https://docs.stripe.com/declines/codes.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from portal.gateways.contract import ChargeOutcome, ListedCharge, MethodDetails, RefundOutcome, SetupOutcome, State
from portal.gateways.stripe.amounts import from_stripe
from portal.money import AmountError, Money

REFERENCE = "portal_reference"
"""The key of our reference in the metadata of every object that we create."""
NEEDS_CUSTOMER = "authentication_required"

_BY_DECLINE = {
    "authentication_required": "authentication_failed",
    "authentication_not_handled": "authentication_failed",
    "mobile_device_authentication_required": "authentication_failed",
    "card_velocity_exceeded": "limit_exceeded",
    "expired_card": "expired_card",
    "incorrect_pin": "wrong_pin",
    "insufficient_funds": "insufficient_funds",
    "invalid_pin": "wrong_pin",
    "issuer_not_available": "processing_error",
    "offline_pin_required": "wrong_pin",
    "online_or_offline_pin_required": "wrong_pin",
    "pin_try_exceeded": "wrong_pin",
    "processing_error": "processing_error",
    "reenter_transaction": "processing_error",
    "try_again_later": "processing_error",
    "withdrawal_count_limit_exceeded": "limit_exceeded",
}
_BY_CODE = {
    "authentication_required": "authentication_failed",
    "payment_intent_authentication_failure": "authentication_failed",
    "setup_intent_authentication_failure": "authentication_failed",
    "card_declined": "card_declined",
    "expired_card": "expired_card",
    "incorrect_cvc": "card_declined",
    "insufficient_funds": "insufficient_funds",
    "processing_error": "processing_error",
    "payment_intent_payment_attempt_expired": "timeout",
}
_REFUND_STATES = {
    "succeeded": State.SUCCEEDED,
    "failed": State.FAILED,
    "canceled": State.FAILED,
    "pending": State.PENDING,
    "requires_action": State.PENDING,
}


def failure_code(code: str, decline_code: str) -> str:
    """Return Stripe's `code` and `decline_code` as one of `FAILURE_CODES`. Loss, theft and fraud are a plain decline: "Don't
    report more detailed information to your customer" (https://docs.stripe.com/declines/codes)."""
    return _BY_DECLINE.get(decline_code) or _BY_CODE.get(code, "card_declined" if decline_code else "processing_error")


def awaits_customer(intent: Mapping[str, Any]) -> bool:
    """Return whether the bank wants the customer to authenticate: an on-session confirmation can then continue the charge."""
    error = _mapping(intent.get("last_payment_error"))
    return intent.get("status") == "requires_payment_method" and NEEDS_CUSTOMER in (
        error.get("code"),
        error.get("decline_code"),
    )


def read_intent(reference: str, intent: Mapping[str, Any], *, page_reference: str | None = None) -> ChargeOutcome:
    """Read a PaymentIntent that only we can confirm again."""
    found_reference = _mapping(intent.get("metadata")).get(REFERENCE)
    state, code = _intent_state(intent)
    money = _intent_money(intent)
    if not isinstance(found_reference, str) or not isinstance(intent.get("id"), str) or money is None:
        return ChargeOutcome(State.UNKNOWN, reference, evidence="intent: shape")
    charge = _mapping(intent.get("latest_charge"))
    return ChargeOutcome(
        state,
        found_reference,
        gateway_reference=intent["id"],
        money=money,
        failure_code=code,
        action_url=_redirect(intent) if state is State.REQUIRES_ACTION else None,
        method=_payment_method(intent),
        completed_at=_instant(charge.get("created")) if state is State.SUCCEEDED else None,
        evidence=_evidence(intent),
        page_reference=page_reference,
    )


def read_page(reference: str, session: Mapping[str, Any], now: datetime) -> ChargeOutcome:
    """Read a Checkout Session for a payment. While it is open, the customer can try again after a decline."""
    found_reference, page = session.get("client_reference_id"), session.get("id")
    if not isinstance(found_reference, str) or not isinstance(page, str):
        return ChargeOutcome(State.UNKNOWN, reference, evidence="session: shape")
    intent = _mapping(session.get("payment_intent"))
    has_charged = intent.get("status") in ("succeeded", "processing", "requires_capture")
    match session.get("status"):
        case _ if has_charged:
            return read_intent(found_reference, intent, page_reference=page)
        case "open" if (url := _text(session.get("url"))) is not None:
            return ChargeOutcome(
                State.REQUIRES_ACTION,
                found_reference,
                action_url=url,
                money=_total(session),
                page_reference=page,
                evidence="session",
            )
        case "complete" if intent:
            return read_intent(found_reference, intent, page_reference=page)
        case "expired":
            return ChargeOutcome(
                State.FAILED,
                found_reference,
                failure_code=_expiry_code(session, now),
                page_reference=page,
                evidence="session: expired",
            )
    return ChargeOutcome(State.UNKNOWN, reference, page_reference=page, evidence="session: shape")


def read_setup(reference: str, session: Mapping[str, Any], now: datetime) -> SetupOutcome:
    """Read a Checkout Session that saves a card and charges nothing."""
    found_reference, page = session.get("client_reference_id"), session.get("id")
    if not isinstance(found_reference, str) or not isinstance(page, str):
        return SetupOutcome(State.UNKNOWN, reference, evidence="session: shape")
    match session.get("status"):
        case "open" if (url := _text(session.get("url"))) is not None:
            return SetupOutcome(State.REQUIRES_ACTION, found_reference, page, action_url=url, evidence="session")
        case "complete":
            return _completed_setup(found_reference, page, session)
        case "expired":
            code = _expiry_code(session, now)
            return SetupOutcome(State.FAILED, found_reference, page, failure_code=code, evidence="session: expired")
    return SetupOutcome(State.UNKNOWN, reference, page, evidence="session: shape")


def read_refund(reference: str, refund: Mapping[str, Any]) -> RefundOutcome:
    """Read a Refund. `requires_action` waits for the customer at the bank, and is PENDING to us."""
    found_reference = _mapping(refund.get("metadata")).get(REFERENCE)
    state = _REFUND_STATES.get(str(refund.get("status")))
    try:
        money = from_stripe(refund.get("amount"), refund.get("currency"))
    except AmountError:
        return RefundOutcome(State.UNKNOWN, reference)
    if not isinstance(found_reference, str) or state is None:
        return RefundOutcome(State.UNKNOWN, reference)
    reason = _text(refund.get("failure_reason")) or "unknown"
    return RefundOutcome(
        state, found_reference, _text(refund.get("id")), money, reason if state is State.FAILED else None
    )


def read_listed_charge(intent: Mapping[str, Any]) -> ListedCharge | None:
    """Read a listed PaymentIntent; None when no charge was ever attempted. Raises AmountError when it cannot be read."""
    if intent.get("status") in ("requires_payment_method", "requires_confirmation") and not _error(intent):
        return None
    intent_id, created_at, money = intent.get("id"), _instant(intent.get("created")), _intent_money(intent)
    if not isinstance(intent_id, str) or created_at is None or money is None:
        raise AmountError("is not a PaymentIntent")
    reference = _mapping(intent.get("metadata")).get(REFERENCE)
    return ListedCharge(
        intent_id, reference if isinstance(reference, str) else None, _intent_state(intent)[0], money, created_at
    )


def is_not_ours(intent: Mapping[str, Any]) -> bool:
    """Return whether a PaymentIntent was provably not created by us: it has metadata, without our key in it."""
    metadata = intent.get("metadata")
    return isinstance(metadata, Mapping) and REFERENCE not in metadata


def customer_in_token(token: str | None) -> str | None:
    """Return the Stripe customer in a token of ours, which is `cus_…/pm_…`."""
    customer, _, method = (token or "").partition("/")
    return customer if customer.startswith("cus_") and method else None


def _intent_state(intent: Mapping[str, Any]) -> tuple[State, str | None]:
    match intent.get("status"):
        case "succeeded":
            return State.SUCCEEDED, None
        case "requires_action" if _redirect(intent) is not None:
            return State.REQUIRES_ACTION, None
        case "canceled":
            # By us, or by the merchant in Stripe's dashboard; `automatic` and `expired` are by Stripe itself.
            has_timed_out = intent.get("cancellation_reason") in ("automatic", "expired")
            return State.FAILED, "timeout" if has_timed_out else "payer_canceled"
        case "requires_payment_method" if _error(intent) and not awaits_customer(intent):
            error = _error(intent)
            return State.FAILED, failure_code(str(error.get("code")), str(error.get("decline_code") or ""))
        case (
            "processing" | "requires_capture" | "requires_action" | "requires_confirmation" | "requires_payment_method"
        ):
            # Created, without an outcome yet. One that waits for our confirmation is cancelled when the payment expires, which
            # proves that it failed; until then a confirmation may be in flight.
            return State.PENDING, None
    return State.UNKNOWN, None


def _completed_setup(reference: str, page: str, session: Mapping[str, Any]) -> SetupOutcome:
    intent = _mapping(session.get("setup_intent"))
    match intent.get("status"):
        case "succeeded":
            method = _card_details(
                _mapping(intent.get("payment_method")), customer=intent.get("customer") or session.get("customer")
            )
            if method is not None and method.token is not None:
                return SetupOutcome(State.SUCCEEDED, reference, page, method=method, evidence="setup intent")
        case "processing" | "requires_action" | "requires_confirmation":
            return SetupOutcome(State.PENDING, reference, page, evidence="setup intent")
        case "requires_payment_method" | "canceled":
            error = _mapping(intent.get("last_setup_error"))
            code = failure_code(str(error.get("code")), str(error.get("decline_code") or ""))
            return SetupOutcome(State.FAILED, reference, page, failure_code=code, evidence="setup intent")
    return SetupOutcome(State.UNKNOWN, reference, page, evidence="setup intent: shape")


def _expiry_code(session: Mapping[str, Any], now: datetime) -> str:
    """A session that expired before its time was cancelled, by us or by the merchant in Stripe's dashboard."""
    expires_at = _instant(session.get("expires_at"))
    return "page_canceled" if expires_at is not None and now < expires_at else "page_expired"


def _payment_method(intent: Mapping[str, Any]) -> MethodDetails | None:
    """The method of a charge or of its last attempt. It has a token if it is saved, now or from before."""
    found = _mapping(intent.get("payment_method")) or _mapping(_error(intent).get("payment_method"))
    is_attached = isinstance(found.get("customer"), str)
    return _card_details(found, customer=found["customer"] if is_attached else None)


def _card_details(method: Mapping[str, Any], *, customer: object) -> MethodDetails | None:
    card, method_id = _mapping(method.get("card")), method.get("id")
    if method.get("type") != "card" or not card or not isinstance(method_id, str):
        return None
    month, year = card.get("exp_month"), card.get("exp_year")
    customer_id = customer.get("id") if isinstance(customer, Mapping) else customer
    return MethodDetails(
        type="card",
        brand=_text(card.get("brand")),
        last4=_text(card.get("last4")),
        exp_month=month if type(month) is int else None,
        exp_year=year if type(year) is int else None,
        holder=_text(_mapping(method.get("billing_details")).get("name")),
        fingerprint=_text(card.get("fingerprint")),
        token=f"{customer_id}/{method_id}" if isinstance(customer_id, str) else None,
    )


def _intent_money(intent: Mapping[str, Any]) -> Money | None:
    """The amount received once it succeeded, else the amount of the intent."""
    amount = intent.get("amount_received" if intent.get("status") == "succeeded" else "amount")
    try:
        return from_stripe(amount, intent.get("currency"))
    except AmountError:
        return None


def _total(session: Mapping[str, Any]) -> Money | None:
    try:
        return from_stripe(session.get("amount_total"), session.get("currency"))
    except AmountError:
        return None


def _evidence(intent: Mapping[str, Any]) -> str:
    error = _error(intent)
    words = [intent.get("status"), error.get("code"), error.get("decline_code")]
    return "intent: " + " ".join(word[:60] for word in words if isinstance(word, str))


def _error(intent: Mapping[str, Any]) -> Mapping[str, Any]:
    return _mapping(intent.get("last_payment_error"))


def _redirect(intent: Mapping[str, Any]) -> str | None:
    return _text(_mapping(_mapping(intent.get("next_action")).get("redirect_to_url")).get("url"))


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _text(value: object) -> str | None:
    return value[:2000] if isinstance(value, str) and value else None


def _instant(value: object) -> datetime | None:
    """Read a Unix timestamp, as all times of Stripe are."""
    return datetime.fromtimestamp(value, UTC) if type(value) is int and 0 <= value < 1 << 37 else None
