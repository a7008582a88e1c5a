"""One merchant's account at the sandbox gateway as the contract's Gateway, over the sandbox's HTTP API."""

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
    ChargeLimits,
    ChargeOutcome,
    ChargeRequest,
    EventRefused,
    ListedCharge,
    Lookup,
    PageRequest,
    PromptChannel,
    PromptRequest,
    RefundOutcome,
    RefundRequest,
    SetupOutcome,
    SetupRequest,
    State,
    VerifiedEvent,
)
from portal.gateways.http import JsonClient, JsonResponse, UnusableResponse
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
MAXIMUM_LIST_PAGES = 1_000
"""Of a hundred charges each; a longer list counts as one that could not be read completely."""

_CHARGE_LIMITS = {
    **{currency: ChargeLimits(50) for currency in ("USD", "EUR", "CAD", "AUD", "CHF")},
    "GBP": ChargeLimits(30),
    **{currency: ChargeLimits(100) for currency in ("XAF", "XOF")},
}
"""The sandbox's own, like those of real providers: half a dollar or euro, a hundred francs. Other currencies have none."""
_CHANNELS = ("card", "mobile_money", "bank_account")
_LONGEST_PAYEE, _LONGEST_DESCRIPTION = 120, 500
_SIGNATURE = re.compile(r"t=([0-9]{1,12}),v1=([0-9a-f]{64})", re.ASCII)
_CANCELLABLE = ("pending", "requires_action")


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
        charge_limits=_CHARGE_LIMITS,
    )

    def __init__(self, origin: str, *, secret_key: str, event_secret: str, timeout_seconds: float) -> None:
        self.form_action_origins: tuple[str, ...] = (origin,)
        self._event_secret = event_secret.encode()
        self._http = JsonClient(origin, {"Authorization": f"Bearer {secret_key}"}, timeout_seconds)

    def charge(self, request: ChargeRequest) -> ChargeOutcome:
        body = {
            "reference": request.reference,
            "amount": request.money.amount,
            "currency": request.money.currency,
            "token": request.token,
            "description": _cleaned(request.description, _LONGEST_DESCRIPTION),
            "return_url": request.return_url,
        }
        return self._send("/v1/charges", request.reference, body, charge_outcome)

    def prompt(self, request: PromptRequest) -> ChargeOutcome:
        body = {
            "reference": request.reference,
            "amount": request.money.amount,
            "currency": request.money.currency,
            "mobile_money": {"phone": request.phone, "channel": request.channel},
            "save": request.save,
            "description": _cleaned(request.description, _LONGEST_DESCRIPTION),
            "return_url": request.return_url,
        }
        return self._send("/v1/charges", request.reference, body, charge_outcome)

    def open_page(self, request: PageRequest) -> ChargeOutcome:
        body = {
            "reference": request.reference,
            "amount": request.money.amount,
            "currency": request.money.currency,
            "payee": _cleaned(request.payee, _LONGEST_PAYEE),
            "description": _cleaned(request.description, _LONGEST_DESCRIPTION),
            "return_url": request.return_url,
            "cancel_url": request.cancel_url,
            "locale": request.locale,
            "channels": list(_CHANNELS),
            "save": request.save,
        }
        return self._send("/v1/pages", request.reference, body, page_outcome)

    def look_up(self, lookup: Lookup) -> ChargeOutcome:
        reference = lookup.reference
        try:
            charges = self._items("/v1/charges", reference)
            if charges:
                return charge_outcome(reference, charges[0])
            pages = self._items("/v1/pages", reference)
        except UnusableResponse as fault:
            return ChargeOutcome(State.UNKNOWN, reference, evidence=f"look-up: {fault}")
        return (
            page_outcome(reference, pages[0]) if pages else ChargeOutcome(State.ABSENT, reference, evidence="look-up")
        )

    def cancel(self, lookup: Lookup) -> ChargeOutcome:
        reference = lookup.reference
        try:
            for page in self._items("/v1/pages", reference):
                if page.get("status") == "open":
                    self._http.post(f"/v1/pages/{_quoted_id(page)}/cancel", {})
            for charge in self._items("/v1/charges", reference):
                if charge.get("status") in _CANCELLABLE:
                    self._http.post(f"/v1/charges/{_quoted_id(charge)}/cancel", {})
        except UnusableResponse as fault:
            return ChargeOutcome(State.UNKNOWN, reference, evidence=f"cancel: {fault}")
        return self.look_up(lookup)

    def open_setup(self, request: SetupRequest) -> SetupOutcome:
        reference = request.reference
        body = {
            "reference": reference,
            "payee": _cleaned(request.payee, _LONGEST_PAYEE),
            "currency": request.currency,
            "return_url": request.return_url,
            "cancel_url": request.cancel_url,
            "locale": request.locale,
            "channels": list(_CHANNELS),
        }
        try:
            response = self._post_once("/v1/setups", reference, body)
        except UnusableResponse as fault:
            return SetupOutcome(State.UNKNOWN, reference, evidence=f"request: {fault}")
        if response.status in (200, 201):
            return setup_outcome(reference, response.body)
        if _exists_already(response):
            return self.look_up_setup(Lookup(reference, datetime.now(UTC)))
        if _is_refused(response):
            code = refusal_code(response)
            return SetupOutcome(State.FAILED, reference, failure_code=code, evidence=f"request: {response.status}")
        return SetupOutcome(State.UNKNOWN, reference, evidence=f"request: {response.status}")

    def look_up_setup(self, lookup: Lookup) -> SetupOutcome:
        reference = lookup.reference
        try:
            setups = self._items("/v1/setups", reference)
        except UnusableResponse as fault:
            return SetupOutcome(State.UNKNOWN, reference, evidence=f"look-up: {fault}")
        return setup_outcome(reference, setups[0]) if setups else SetupOutcome(State.ABSENT, reference)

    def detach(self, token: str) -> bool:
        try:
            response = self._http.post(f"/v1/tokens/{quote(token, safe='')}/detach", {})
        except UnusableResponse:
            return False
        if response.status == 404:
            return error_code(response) == "not_found"
        return response.status == 200 and response.body.get("detached") is True

    def refund(self, request: RefundRequest) -> RefundOutcome:
        reference = request.reference
        body = {"reference": reference, "charge": request.charge, "amount": request.money.amount}
        try:
            response = self._post_once("/v1/refunds", reference, body)
        except UnusableResponse:
            return RefundOutcome(State.UNKNOWN, reference)
        if response.status in (200, 201):
            return refund_outcome(reference, response.body)
        if error_code(response) in ("amount_too_large", "not_refundable"):
            # It may be this very refund, sent before, that used up the refundable amount.
            found = self.look_up_refund(request)
            refused = RefundOutcome(State.FAILED, reference, failure_code=error_code(response))
            return refused if found.state is State.ABSENT else found
        if _exists_already(response):
            return self.look_up_refund(request)
        if _is_refused(response):
            return RefundOutcome(State.FAILED, reference, failure_code=refusal_code(response))
        return RefundOutcome(State.UNKNOWN, reference)

    def look_up_refund(self, request: RefundRequest) -> RefundOutcome:
        reference = request.reference
        try:
            refunds = self._items("/v1/refunds", reference)
        except UnusableResponse:
            return RefundOutcome(State.UNKNOWN, reference)
        return refund_outcome(reference, refunds[0]) if refunds else RefundOutcome(State.ABSENT, reference)

    def list_charges(self, since: datetime, until: datetime) -> tuple[ListedCharge, ...] | None:
        query = {"created_after": since.isoformat(), "created_before": until.isoformat()}
        listed: list[ListedCharge] = []
        try:
            for _ in range(MAXIMUM_LIST_PAGES):
                response = self._http.get("/v1/charges", query)
                listed += map(listed_charge, _items_of(response))
                match response.body:
                    case {"next": None}:
                        return tuple(reversed(listed))  # The sandbox lists the newest first.
                    case {"next": str(cursor)}:
                        query["after"] = cursor
                    case _:
                        return None
        except UnusableResponse:
            pass
        return None

    def read_event(self, headers: Mapping[str, str], body: bytes, now: datetime) -> VerifiedEvent:
        found = _SIGNATURE.fullmatch(headers.get("Sandbox-Signature", ""))
        if not found:
            raise EventRefused("signature missing")
        timestamp, signature = found.groups()
        expected = hmac.new(self._event_secret, timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()
        if not hmac.compare_digest(expected, signature):
            raise EventRefused("signature wrong")
        if abs(now.timestamp() - int(timestamp)) > EVENT_TOLERANCE_SECONDS:
            raise EventRefused("signature too old")
        try:
            event = json.loads(body)
            reference = event["data"].get("reference")
            return VerifiedEvent(str(event["id"]), str(event["type"]), str(reference) if reference else None)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as fault:
            raise EventRefused("unreadable") from fault

    def is_reachable(self) -> bool:
        try:
            return self._http.get("/v1/charges", {"reference": "pay_doctor"}).status == 200
        except UnusableResponse:
            return False

    def _send(
        self,
        path: str,
        reference: str,
        body: Mapping[str, Any],
        read: Callable[[str, Mapping[str, Any]], ChargeOutcome],
    ) -> ChargeOutcome:
        """Send a request with its idempotency key. Only a complete 2xx, or a 4xx that proves that nothing was created, is an
        outcome; anything else is UNKNOWN."""
        try:
            response = self._post_once(path, reference, body)
        except UnusableResponse as fault:
            return ChargeOutcome(State.UNKNOWN, reference, evidence=f"request: {fault}")
        if response.status in (200, 201):
            return read(reference, response.body)
        if _exists_already(response):
            return self.look_up(Lookup(reference, datetime.now(UTC)))
        if _is_refused(response):
            code = refusal_code(response)
            return ChargeOutcome(State.FAILED, reference, failure_code=code, evidence=f"request: {response.status}")
        return ChargeOutcome(State.UNKNOWN, reference, evidence=f"request: {response.status}")

    def _post_once(self, path: str, reference: str, body: Mapping[str, Any]) -> JsonResponse:
        return self._http.post(path, body, {"Idempotency-Key": reference})

    def _items(self, path: str, reference: str) -> list[Mapping[str, Any]]:
        return _items_of(self._http.get(path, {"reference": reference}))


def _exists_already(response: JsonResponse) -> bool:
    """Whether a conflict shows that the object exists already (threats 95), so that it can be looked up."""
    return response.status == 409 and error_code(response) != "idempotency_in_flight"


def _is_refused(response: JsonResponse) -> bool:
    """Whether the response proves that nothing was created."""
    return response.status in (400, 404, 422)


def _items_of(response: JsonResponse) -> list[Mapping[str, Any]]:
    items = response.body.get("items")
    if response.status != 200 or not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise UnusableResponse(f"list {response.status}")
    return items


def _quoted_id(thing: Mapping[str, Any]) -> str:
    return quote(str(thing.get("id")), safe="")


def _cleaned(text: str, longest: int) -> str:
    """Return a text without joiners and other unprintable characters, and no longer than the sandbox allows: it would refuse
    the whole request."""
    return "".join(character for character in text if character.isprintable())[:longest] or "-"
