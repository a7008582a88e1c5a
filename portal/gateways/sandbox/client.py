"""The sandbox gateway's client: our orders out to its HTTP API, and its answers, events and lists in."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from portal.gateways.contract import (
    Capabilities,
    ChargeOrder,
    EventRefused,
    ListedCharge,
    Notice,
    Outcome,
    PageOrder,
    PromptChannel,
    PromptOrder,
    Question,
    RefundOrder,
    RefundOutcome,
    SetupOrder,
    SetupOutcome,
    State,
)
from portal.gateways.http import Answer, JsonClient, Unreadable
from portal.gateways.sandbox.parsing import (
    charge_outcome,
    error_code,
    listed_charge,
    page_outcome,
    refund_outcome,
    refusal_code,
    setup_outcome,
)

EVENT_TOLERANCE_SECONDS = 300
LONGEST_LIST_PAGES = 1_000
"""Of a hundred charges each; a list that goes on after them cannot be told whole."""

_CHANNELS = ("card", "mobile_money", "bank_account")
_LONGEST_PAYEE, _LONGEST_DESCRIPTION = 120, 500
_SIGNATURE = re.compile(r"t=([0-9]{1,12}),v1=([0-9a-f]{64})", re.ASCII)
_WAITING = ("pending", "requires_action")


class SandboxGateway:
    """One merchant's account at the sandbox."""

    name = "sandbox"
    title = "Sandbox Pay"
    capabilities = Capabilities(
        hosted_page=True,
        saved_methods=True,
        setup_page=True,
        prompt_channels=(
            PromptChannel("cm.mtn", "mtn_momo", "CM", "*126#"),
            PromptChannel("cm.orange", "orange_money", "CM", "#150#"),
        ),
        cancel=True,
        refunds=True,
        lists_charges=True,
        page_types=_CHANNELS,
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
        return self._ordered("/v1/charges", order.reference, body, charge_outcome)

    def prompt(self, order: PromptOrder) -> Outcome:
        body = {
            "reference": order.reference,
            "amount": order.money.amount,
            "currency": order.money.currency,
            "mobile_money": {"phone": order.phone, "channel": order.channel},
            "save": order.save,
            "description": _told(order.description, _LONGEST_DESCRIPTION),
            "return_url": order.return_url,
        }
        return self._ordered("/v1/charges", order.reference, body, charge_outcome)

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
            "channels": list(_CHANNELS),
            "save": order.save,
        }
        return self._ordered("/v1/pages", order.reference, body, page_outcome)

    def look_up(self, question: Question) -> Outcome:
        reference = question.reference
        try:
            charges = self._items("/v1/charges", reference)
            if charges:
                return charge_outcome(reference, charges[0])
            pages = self._items("/v1/pages", reference)
        except Unreadable as fault:
            return Outcome(State.UNKNOWN, reference, evidence=f"look-up: {fault}")
        return page_outcome(reference, pages[0]) if pages else Outcome(State.ABSENT, reference, evidence="look-up")

    def cancel(self, question: Question) -> Outcome:
        reference = question.reference
        try:
            for page in self._items("/v1/pages", reference):
                if page.get("status") == "open":
                    self._http.post(f"/v1/pages/{_named(page)}/cancel", {})
            for charge in self._items("/v1/charges", reference):
                if charge.get("status") in _WAITING:
                    self._http.post(f"/v1/charges/{_named(charge)}/cancel", {})
        except Unreadable as fault:
            return Outcome(State.UNKNOWN, reference, evidence=f"cancel: {fault}")
        return self.look_up(question)

    def open_setup(self, order: SetupOrder) -> SetupOutcome:
        reference = order.reference
        body = {
            "reference": reference,
            "payee": _told(order.payee, _LONGEST_PAYEE),
            "currency": order.currency,
            "return_url": order.return_url,
            "cancel_url": order.cancel_url,
            "locale": order.locale,
            "channels": list(_CHANNELS),
        }
        try:
            answer = self._post_once("/v1/setups", reference, body)
        except Unreadable as fault:
            return SetupOutcome(State.UNKNOWN, reference, evidence=f"order: {fault}")
        if answer.status in (200, 201):
            return setup_outcome(reference, answer.body)
        if _exists(answer):
            return self.look_up_setup(Question(reference, datetime.now(UTC)))
        if _is_refused(answer):
            code = refusal_code(answer)
            return SetupOutcome(State.FAILED, reference, failure_code=code, evidence=f"order: {answer.status}")
        return SetupOutcome(State.UNKNOWN, reference, evidence=f"order: {answer.status}")

    def look_up_setup(self, question: Question) -> SetupOutcome:
        reference = question.reference
        try:
            setups = self._items("/v1/setups", reference)
        except Unreadable as fault:
            return SetupOutcome(State.UNKNOWN, reference, evidence=f"look-up: {fault}")
        return setup_outcome(reference, setups[0]) if setups else SetupOutcome(State.ABSENT, reference)

    def detach(self, token: str) -> bool:
        try:
            answer = self._http.post(f"/v1/tokens/{quote(token, safe='')}/detach", {})
        except Unreadable:
            return False
        if answer.status == 404:
            return error_code(answer) == "not_found"
        return answer.status == 200 and answer.body.get("detached") is True

    def refund(self, order: RefundOrder) -> RefundOutcome:
        reference = order.reference
        body = {"reference": reference, "charge": order.charge, "amount": order.money.amount}
        try:
            answer = self._post_once("/v1/refunds", reference, body)
        except Unreadable:
            return RefundOutcome(State.UNKNOWN, reference)
        if answer.status in (200, 201):
            return refund_outcome(reference, answer.body)
        if error_code(answer) in ("amount_too_large", "not_refundable"):
            # A refund of this very reference may be what uses the charge up.
            made = self.look_up_refund(order)
            refused = RefundOutcome(State.FAILED, reference, failure_code=error_code(answer))
            return refused if made.state is State.ABSENT else made
        if _exists(answer):
            return self.look_up_refund(order)
        if _is_refused(answer):
            return RefundOutcome(State.FAILED, reference, failure_code=refusal_code(answer))
        return RefundOutcome(State.UNKNOWN, reference)

    def look_up_refund(self, order: RefundOrder) -> RefundOutcome:
        reference = order.reference
        try:
            refunds = self._items("/v1/refunds", reference)
        except Unreadable:
            return RefundOutcome(State.UNKNOWN, reference)
        return refund_outcome(reference, refunds[0]) if refunds else RefundOutcome(State.ABSENT, reference)

    def list_charges(self, since: datetime, until: datetime) -> tuple[ListedCharge, ...] | None:
        query = {"created_after": since.isoformat(), "created_before": until.isoformat()}
        listed: list[ListedCharge] = []
        try:
            for _ in range(LONGEST_LIST_PAGES):
                answer = self._http.get("/v1/charges", query)
                listed += map(listed_charge, _items_of(answer))
                match answer.body:
                    case {"next": None}:
                        return tuple(reversed(listed))  # It lists the newest first.
                    case {"next": str(cursor)}:
                        query["after"] = cursor
                    case _:
                        return None
        except Unreadable:
            pass
        return None

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

    def _ordered(
        self,
        path: str,
        reference: str,
        body: Mapping[str, Any],
        read: Callable[[str, Mapping[str, Any]], Outcome],
    ) -> Outcome:
        """Give an order by its reference. Only a whole 2xx, or a 4xx that proves that nothing was begun, is an answer."""
        try:
            answer = self._post_once(path, reference, body)
        except Unreadable as fault:
            return Outcome(State.UNKNOWN, reference, evidence=f"order: {fault}")
        if answer.status in (200, 201):
            return read(reference, answer.body)
        if _exists(answer):
            return self.look_up(Question(reference, datetime.now(UTC)))
        if _is_refused(answer):
            code = refusal_code(answer)
            return Outcome(State.FAILED, reference, failure_code=code, evidence=f"order: {answer.status}")
        return Outcome(State.UNKNOWN, reference, evidence=f"order: {answer.status}")

    def _post_once(self, path: str, reference: str, body: Mapping[str, Any]) -> Answer:
        return self._http.post(path, body, {"Idempotency-Key": reference})

    def _items(self, path: str, reference: str) -> list[Mapping[str, Any]]:
        return _items_of(self._http.get(path, {"reference": reference}))


def _exists(answer: Answer) -> bool:
    """A conflict that says "it is there already" (threats 95), so that what became of it can be asked."""
    return answer.status == 409 and error_code(answer) != "idempotency_in_flight"


def _is_refused(answer: Answer) -> bool:
    """A refusal that proves that nothing was begun."""
    return answer.status in (400, 404, 422)


def _items_of(answer: Answer) -> list[Mapping[str, Any]]:
    items = answer.body.get("items")
    if answer.status != 200 or not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise Unreadable(f"list {answer.status}")
    return items


def _named(thing: Mapping[str, Any]) -> str:
    return quote(str(thing.get("id")), safe="")


def _told(text: str, longest: int) -> str:
    """A text as the sandbox takes it: without joiners and other signs that do not print, and no longer. It refuses the whole
    order otherwise."""
    return "".join(sign for sign in text if sign.isprintable())[:longest] or "-"
