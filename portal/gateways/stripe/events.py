"""Stripe's webhooks: the raw bytes verified, then read for whom they speak of. What they say is never believed.

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

from portal.gateways.contract import EventRefused, Notice
from portal.gateways.stripe.parsing import REFERENCE

TOLERANCE_SECONDS = 300
_LONGEST_HEADER = 2000
_STAMP = re.compile(r"[0-9]{1,12}", re.ASCII)
_SIGNATURE = re.compile(r"[0-9a-f]{64}", re.ASCII)
_ID = re.compile(r"evt_[0-9A-Za-z_]{1,250}", re.ASCII)
_TYPE = re.compile(r"[a-z0-9_.]{1,100}", re.ASCII)


def verify(headers: Mapping[str, str], body: bytes, secrets: Sequence[str], now: datetime) -> None:
    """Raises EventRefused unless one of the secrets signed these bytes within the tolerance. Several secrets: while one is
    rotated, Stripe signs with both, and so may we have both."""
    stamp, signatures = _parts(headers)
    signed = stamp.encode() + b"." + body
    expected = [hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest() for secret in secrets]
    # Every pair is compared, so that nothing tells which one was near.
    matches = [hmac.compare_digest(ours, theirs) for ours in expected for theirs in signatures]
    if not any(matches):
        raise EventRefused("signature wrong")
    if abs(now.timestamp() - int(stamp)) > TOLERANCE_SECONDS:
        raise EventRefused("signature too old")


def read(body: bytes, *, livemode: bool) -> Notice:
    """Whom a verified event speaks of. Raises EventRefused when it is not an event, or of the other mode."""
    try:
        event = json.loads(body)
    except (ValueError, RecursionError) as fault:
        raise EventRefused("unreadable") from fault
    if not isinstance(event, dict) or event.get("object") != "event":
        raise EventRefused("not an event")
    event_id, kind, subject = event.get("id"), event.get("type"), event.get("data")
    subject = subject.get("object") if isinstance(subject, dict) else None
    if not (isinstance(event_id, str) and _ID.fullmatch(event_id) and isinstance(kind, str) and _TYPE.fullmatch(kind)):
        raise EventRefused("not an event")
    if event.get("livemode") is not livemode:
        raise EventRefused("of the other mode")
    if not isinstance(subject, dict):
        return Notice(event_id, kind, None)
    return Notice(event_id, kind, _reference(subject), _gateway_reference(subject))


def _parts(headers: Mapping[str, str]) -> tuple[str, list[str]]:
    found = [value for name, value in headers.items() if name.lower() == "stripe-signature"]
    if len(found) != 1 or len(found[0]) > _LONGEST_HEADER:
        raise EventRefused("signature missing")
    pairs = [part.strip().partition("=") for part in found[0].split(",")]
    stamps = [value for scheme, _, value in pairs if scheme == "t" and _STAMP.fullmatch(value)]
    # Other schemes are ignored, as Stripe asks, "to prevent downgrade attacks".
    signatures = [value for scheme, _, value in pairs if scheme == "v1"]
    if len(stamps) != 1 or not signatures or not all(_SIGNATURE.fullmatch(signature) for signature in signatures):
        raise EventRefused("signature missing")
    return stamps[0], signatures


def _reference(subject: Mapping[str, Any]) -> str | None:
    metadata = subject.get("metadata")
    told = metadata.get(REFERENCE) if isinstance(metadata, dict) else None
    return told if isinstance(told, str) and len(told) <= 100 and told.isascii() else None


def _gateway_reference(subject: Mapping[str, Any]) -> str | None:
    """The PaymentIntent, where there is one: a refund made at Stripe itself has no reference of ours, and tells its charge so."""
    intent = subject.get("id" if subject.get("object") == "payment_intent" else "payment_intent")
    if isinstance(intent, dict):
        intent = intent.get("id")
    return intent if isinstance(intent, str) and len(intent) <= 255 and intent.isascii() else None
