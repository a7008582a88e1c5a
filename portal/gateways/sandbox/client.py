"""The sandbox gateway's client: its HTTP API in, our values out."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from portal.gateways.contract import (
    FAILURE_CODES,
    Capabilities,
    ChargeOrder,
    EventRefused,
    ListedCharge,
    MethodFacts,
    Notice,
    Outcome,
    PageOrder,
    PromptOrder,
    Question,
    RefundOrder,
    RefundOutcome,
    SetupOrder,
    SetupOutcome,
    State,
)
from portal.gateways.http import Answer, JsonClient, Unreadable
from portal.money import AmountError, Money

EVENT_TOLERANCE_SECONDS = 300
_LONGEST_PAYEE, _LONGEST_DESCRIPTION = 120, 500
_SIGNATURE = re.compile(r"t=([0-9]{1,12}),v1=([0-9a-f]{64})", re.ASCII)
_STATES = {
    "succeeded": State.SUCCEEDED,
    "failed": State.FAILED,
    "pending": State.PENDING,
    "requires_action": State.REQUIRES_ACTION,
    "canceled": State.FAILED,
}
_REFUND_STATES = {"succeeded": State.SUCCEEDED, "pending": State.PENDING, "failed": State.FAILED}
_CODES = {"payer_cancelled": "payer_canceled"}


class SandboxGateway:
    """One merchant's account at the sandbox."""

    name = "sandbox"
    title = "Sandbox Pay"
    capabilities = Capabilities(
        hosted_page=True,
        saved_methods=True,
        cancel=True,
        refunds=True,
        page_types=("card", "mobile_money", "bank_account"),
    )

    def __init__(self, origin: str, secret_key: str, event_secret: str, timeout_seconds: float) -> None:
        self.form_action_origins: tuple[str, ...] = (origin,)
        self._event_secret = event_secret.encode()
        self._http = JsonClient(origin, {"Authorization": f"Bearer {secret_key}"}, timeout_seconds)

    def charge(self, order: ChargeOrder) -> Outcome:
        body = {
            "reference": order.reference,
            "amount": order.money.amount,
            "currency": order.money.currency,
            "token": order.token,
            "description": _told(order.description, _LONGEST_DESCRIPTION),
            "return_url": order.return_url,
        }
        return self._ordered("/v1/charges", order.reference, body, _charge_outcome)

    def open_page(self, order: PageOrder) -> Outcome:
        body = {
            "reference": order.reference,
            "amount": order.money.amount,
            "currency": order.money.currency,
            "payee": _told(order.payee, _LONGEST_PAYEE),
            "description": _told(order.description, _LONGEST_DESCRIPTION),
            "return_url": order.return_url,
            "cancel_url": order.cancel_url,
            "locale": order.locale,
            "channels": ["card", "mobile_money", "bank_account"],
            "save": order.save,
        }
        return self._ordered("/v1/pages", order.reference, body, _page_outcome)

    def look_up(self, question: Question) -> Outcome:
        reference = question.reference
        try:
            charges = self._items("/v1/charges", reference)
            if charges:
                return _charge_outcome(reference, charges[0])
            pages = self._items("/v1/pages", reference)
        except Unreadable as fault:
            return Outcome(State.UNKNOWN, reference, evidence=f"look-up: {fault}")
        return _page_outcome(reference, pages[0]) if pages else Outcome(State.ABSENT, reference, evidence="look-up")

    def cancel(self, question: Question) -> Outcome:
        reference = question.reference
        try:
            pages = self._items("/v1/pages", reference)
            if pages and pages[0].get("status") == "open":
                self._http.post(f"/v1/pages/{quote(str(pages[0].get('id')), safe='')}/cancel", {})
            charges = self._items("/v1/charges", reference)
            if charges and charges[0].get("status") in ("pending", "requires_action"):
                self._http.post(f"/v1/charges/{quote(str(charges[0].get('id')), safe='')}/cancel", {})
        except Unreadable as fault:
            return Outcome(State.UNKNOWN, reference, evidence=f"cancel: {fault}")
        return self.look_up(question)

    def refund(self, order: RefundOrder) -> RefundOutcome:
        body = {"reference": order.reference, "charge": order.charge, "amount": order.money.amount}
        try:
            answer = self._http.post("/v1/refunds", body, {"Idempotency-Key": order.reference})
        except Unreadable:
            return RefundOutcome(State.UNKNOWN, order.reference)
        if answer.status == 409 and _error_code(answer) == "amount_too_large":
            return RefundOutcome(State.FAILED, order.reference, failure_code="amount_too_large")
        if answer.status == 409:
            return self.look_up_refund(order)
        if answer.status in (200, 201):
            return _refund_outcome(order.reference, answer.body)
        return RefundOutcome(State.UNKNOWN, order.reference)

    def look_up_refund(self, order: RefundOrder) -> RefundOutcome:
        reference = order.reference
        try:
            refunds = self._items("/v1/refunds", reference)
        except Unreadable:
            return RefundOutcome(State.UNKNOWN, reference)
        return _refund_outcome(reference, refunds[0]) if refunds else RefundOutcome(State.ABSENT, reference)

    def prompt(self, order: PromptOrder) -> Outcome:
        raise NotImplementedError("no prompt channel is offered")

    def open_setup(self, order: SetupOrder) -> SetupOutcome:
        raise NotImplementedError("no setup page is offered")

    def look_up_setup(self, question: Question) -> SetupOutcome:
        raise NotImplementedError("no setup page is offered")

    def detach(self, token: str) -> bool:
        raise NotImplementedError("detaching comes with the setup page")

    def list_charges(self, since: datetime, until: datetime) -> tuple[ListedCharge, ...] | None:
        raise NotImplementedError("no list is offered")

    def read_event(self, headers: Mapping[str, str], body: bytes, now: datetime) -> Notice:
        found = _SIGNATURE.fullmatch(headers.get("Sandbox-Signature", ""))
        if not found:
            raise EventRefused("signature missing")
        stamp, given = found.groups()
        expected = hmac.new(self._event_secret, stamp.encode() + b"." + body, hashlib.sha256).hexdigest()
        if not hmac.compare_digest(expected, given):
            raise EventRefused("signature wrong")
        if abs(now.timestamp() - int(stamp)) > EVENT_TOLERANCE_SECONDS:
            raise EventRefused("signature too old")
        try:
            event = json.loads(body)
            reference = event["data"].get("reference")
            return Notice(str(event["id"]), str(event["type"]), str(reference) if reference else None)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as fault:
            raise EventRefused("unreadable") from fault

    def is_reachable(self) -> bool:
        try:
            return self._http.get("/v1/charges", {"reference": "pay_doctor"}).status == 200
        except Unreadable:
            return False

    def _ordered(self, path: str, reference: str, body: Mapping[str, Any], read: Any) -> Outcome:
        """Give an order by its reference. Only a whole 2xx, or a 4xx that proves that nothing was begun, is an answer."""
        try:
            answer = self._http.post(path, body, {"Idempotency-Key": reference})
        except Unreadable as fault:
            return Outcome(State.UNKNOWN, reference, evidence=f"order: {fault}")
        if answer.status in (200, 201):
            outcome: Outcome = read(reference, answer.body)
            return outcome
        if answer.status == 409:
            # "It exists already" (threats 95): what became of it is asked for.
            return (
                self.look_up(Question(reference, datetime.now(UTC)))
                if _error_code(answer) != "idempotency_in_flight"
                else Outcome(State.UNKNOWN, reference)
            )
        if answer.status in (400, 404, 422):
            code = "method_invalid" if _error_code(answer) == "unknown_token" else "processing_error"
            return Outcome(State.FAILED, reference, failure_code=code, evidence=f"order: {answer.status}")
        return Outcome(State.UNKNOWN, reference, evidence=f"order: {answer.status}")

    def _items(self, path: str, reference: str) -> list[Mapping[str, Any]]:
        answer = self._http.get(path, {"reference": reference})
        items = answer.body.get("items")
        if answer.status != 200 or not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
            raise Unreadable(f"list {answer.status}")
        return items


def _error_code(answer: Answer) -> str:
    error = answer.body.get("error")
    return str(error.get("code")) if isinstance(error, dict) else ""


def _charge_outcome(reference: str, body: Mapping[str, Any]) -> Outcome:
    state = _STATES.get(str(body.get("status")), State.UNKNOWN)
    try:
        money = Money(body["amount"], body["currency"])
        told = str(body["reference"])
    except (KeyError, AmountError, TypeError):
        return Outcome(State.UNKNOWN, reference, evidence="charge: shape")
    code = _failure_code(body) if state is State.FAILED else None
    return Outcome(
        state,
        told,
        gateway_reference=_text(body.get("id")),
        money=money,
        failure_code=code,
        failure_message=_text(body.get("failure_message")),
        action_url=_text(body.get("action_url")),
        method=_method(body.get("method")),
        completed_at=_instant(body.get("completed_at")),
        evidence="charge",
    )


def _page_outcome(reference: str, body: Mapping[str, Any]) -> Outcome:
    charge = body.get("charge")
    if isinstance(charge, dict):
        return _charge_outcome(reference, charge)
    told = str(body.get("reference"))
    match body.get("status"):
        case "open":
            return Outcome(State.REQUIRES_ACTION, told, action_url=_text(body.get("url")), evidence="page")
        case "canceled":
            return Outcome(State.FAILED, told, failure_code="page_canceled", evidence="page")
        case "expired":
            return Outcome(State.FAILED, told, failure_code="page_expired", evidence="page")
    return Outcome(State.UNKNOWN, reference, evidence="page: shape")


def _refund_outcome(reference: str, body: Mapping[str, Any]) -> RefundOutcome:
    try:
        money = Money(body["amount"], body["currency"])
    except (KeyError, AmountError, TypeError):
        return RefundOutcome(State.UNKNOWN, reference)
    state = _REFUND_STATES.get(str(body.get("status")), State.UNKNOWN)
    return RefundOutcome(
        state, str(body.get("reference")), _text(body.get("id")), money, _text(body.get("failure_code"))
    )


def _failure_code(body: Mapping[str, Any]) -> str:
    if body.get("status") == "canceled":
        return "payer_canceled"
    code = _CODES.get(str(body.get("failure_code")), str(body.get("failure_code")))
    return code if code in FAILURE_CODES else "processing_error"


def _method(value: object) -> MethodFacts | None:
    if not isinstance(value, dict) or not isinstance(value.get("type"), str):
        return None
    month, year = value.get("exp_month"), value.get("exp_year")
    return MethodFacts(
        type=value["type"],
        brand=_text(value.get("brand")),
        last4=_text(value.get("last4")),
        exp_month=month if type(month) is int else None,
        exp_year=year if type(year) is int else None,
        holder=_text(value.get("holder")),
        phone=_text(value.get("phone")),
        bank_name=_text(value.get("bank_name")),
        fingerprint=_text(value.get("fingerprint")),
        token=_text(value.get("token")),
    )


def _told(text: str, longest: int) -> str:
    """A text as the sandbox takes it: without joiners and other signs that do not print, and no longer. It refuses the whole
    order otherwise."""
    return "".join(sign for sign in text if sign.isprintable())[:longest] or "-"


def _text(value: object) -> str | None:
    return value[:500] if isinstance(value, str) and value else None


def _instant(value: object) -> datetime | None:
    if not isinstance(value, str):
        return None
    try:
        at = datetime.fromisoformat(value)
    except ValueError:
        return None
    return at.astimezone(UTC) if at.tzinfo else None
