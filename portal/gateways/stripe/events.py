"""Stripe's webhooks: the signature is verified, then the object of the event is read. Its payload is never trusted.

Source: https://docs.stripe.com/webhooks/signature and https://docs.stripe.com/api/events/object.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from portal.gateways.contract import EventRefused, VerifiedEvent
from portal.gateways.stripe.parsing import REFERENCE

TOLERANCE_SECONDS = 300
_LONGEST_HEADER = 2000
_TIMESTAMP = re.compile(r"[0-9]{1,12}", re.ASCII)
_SIGNATURE = re.compile(r"[0-9a-f]{64}", re.ASCII)
_ID = re.compile(r"evt_[0-9A-Za-z_]{1,250}", re.ASCII)
_TYPE = re.compile(r"[a-z0-9_.]{1,100}", re.ASCII)


def verify(headers: Mapping[str, str], body: bytes, secrets: Sequence[str], now: datetime) -> None:
    """Raise EventRefused unless one of the secrets signed these bytes within the tolerance. There are several while a secret is
    rotated: Stripe signs with both, and we may have both."""
    timestamp, signatures = _parse_signature_header(headers)
    signed = timestamp.encode() + b"." + body
    expected = [hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest() for secret in secrets]
    # Every pair is compared, so that the time taken does not reveal which one matched.
    matches = [hmac.compare_digest(ours, theirs) for ours in expected for theirs in signatures]
    if not any(matches):
        raise EventRefused("signature wrong")
    if abs(now.timestamp() - int(timestamp)) > TOLERANCE_SECONDS:
        raise EventRefused("signature too old")


def read(body: bytes, *, livemode: bool) -> VerifiedEvent:
    """Return which object a verified event is about. Raises EventRefused when it is not an event, or of the other mode."""
    try:
        event = json.loads(body)
    except (ValueError, RecursionError) as fault:
        raise EventRefused("unreadable") from fault
    if not isinstance(event, dict) or event.get("object") != "event":
        raise EventRefused("not an event")
    event_id, event_type, data_object = event.get("id"), event.get("type"), event.get("data")
    data_object = data_object.get("object") if isinstance(data_object, dict) else None
    if not (
        isinstance(event_id, str)
        and _ID.fullmatch(event_id)
        and isinstance(event_type, str)
        and _TYPE.fullmatch(event_type)
    ):
        raise EventRefused("not an event")
    if event.get("livemode") is not livemode:
        raise EventRefused("of the other mode")
    if not isinstance(data_object, dict):
        return VerifiedEvent(event_id, event_type, None)
    return VerifiedEvent(event_id, event_type, _reference(data_object), _gateway_reference(data_object))


def _parse_signature_header(headers: Mapping[str, str]) -> tuple[str, list[str]]:
    found = [value for name, value in headers.items() if name.lower() == "stripe-signature"]
    if len(found) != 1 or len(found[0]) > _LONGEST_HEADER:
        raise EventRefused("signature missing")
    pairs = [part.strip().partition("=") for part in found[0].split(",")]
    timestamps = [value for scheme, _, value in pairs if scheme == "t" and _TIMESTAMP.fullmatch(value)]
    # Other schemes are ignored, as Stripe asks, "to prevent downgrade attacks".
    signatures = [value for scheme, _, value in pairs if scheme == "v1"]
    if len(timestamps) != 1 or not signatures or not all(_SIGNATURE.fullmatch(signature) for signature in signatures):
        raise EventRefused("signature missing")
    return timestamps[0], signatures


def _reference(data_object: Mapping[str, Any]) -> str | None:
    metadata = data_object.get("metadata")
    reference = metadata.get(REFERENCE) if isinstance(metadata, dict) else None
    return reference if isinstance(reference, str) and len(reference) <= 100 and reference.isascii() else None


def _gateway_reference(data_object: Mapping[str, Any]) -> str | None:
    """The PaymentIntent, where there is one: a refund made in Stripe's dashboard has no reference of ours, but names its charge."""
    intent = data_object.get("id" if data_object.get("object") == "payment_intent" else "payment_intent")
    if isinstance(intent, dict):
        intent = intent.get("id")
    return intent if isinstance(intent, str) and len(intent) <= 255 and intent.isascii() else None
