"""Notch Pay's webhooks: the signature over the raw bytes is verified, then the event is read."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from portal.fingerprints import in_letters
from portal.gateways.contract import EventRefused, VerifiedEvent
from portal.gateways.notchpay.parsing import read_id, read_references, read_refund_reference

_HEADER = "x-notch-signature"
_SIGNATURE = re.compile(r"[0-9a-fA-F]{64}", re.ASCII)


def read_verified_event(headers: Mapping[str, str], body: bytes, secrets: Sequence[str]) -> VerifiedEvent:
    """Verify an event and return which payment or refund it is about. Any of `secrets` (the "hash keys" of the webhook) may
    have signed it while keys are rotated.

    `get-started/webhooks/verify`: the header `x-notch-signature` is the hex HMAC-SHA256 of the raw body. No timestamp is
    signed: a replay is recognised by the event's id (`api-reference/webhooks`: "unique identifier for the event"), or by the
    digest of the body (in letters, so that no log masks it) where there is none. Raises EventRefused.
    """
    signature = next((value for name, value in headers.items() if name.lower() == _HEADER), "")
    if not _SIGNATURE.fullmatch(signature):
        raise EventRefused("signature missing")
    # Every secret is compared, so that the time taken does not reveal which one matched.
    matches = [hmac.compare_digest(_signature(secret, body), signature.lower()) for secret in secrets]
    if not any(matches):
        raise EventRefused("signature wrong")
    try:
        event = json.loads(body)
        event_type, data = read_id(event.get("type")) or read_id(event.get("event")), event["data"]
        if event_type is None or not isinstance(data, dict):
            raise EventRefused("unreadable")
        event_id = read_id(event.get("id")) or f"sha256:{in_letters(hashlib.sha256(body).digest())}"
        return VerifiedEvent(event_id, event_type, *_references(event_type, data))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as fault:
        raise EventRefused("unreadable") from fault


def _references(event_type: str, data: Mapping[str, Any]) -> tuple[str | None, str | None]:
    if event_type.startswith("refund."):
        return read_refund_reference(data), read_id(data.get("reference")) or read_id(data.get("id"))
    references = read_references(data)
    return references.reference, references.gateway_reference


def _signature(secret: str, body: bytes) -> str:
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
