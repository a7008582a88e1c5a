"""Notch Pay's webhooks: verified on their raw bytes, then read."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from portal.fingerprints import spelled
from portal.gateways.contract import EventRefused, Notice
from portal.gateways.notchpay.parsing import our_refund, read_id, read_references

_HEADER = "x-notch-signature"
_SIGNATURE = re.compile(r"[0-9a-fA-F]{64}", re.ASCII)


def read_notice(headers: Mapping[str, str], body: bytes, secrets: Sequence[str]) -> Notice:
    """Verify an event and read whose it is. Each of `secrets` (the "hash keys" of the webhook) signs while keys are changed.

    `get-started/webhooks/verify`: the header `x-notch-signature` is the hex HMAC-SHA256 of the raw body. No time is signed: a
    replay is told by the event's id (`api-reference/webhooks`: "unique identifier for the event"), or by the digest of the
    body (in letters, so that no log masks it) where there is none. Raises EventRefused.
    """
    given = next((value for name, value in headers.items() if name.lower() == _HEADER), "")
    if not _SIGNATURE.fullmatch(given):
        raise EventRefused("signature missing")
    # Every secret is tried, whichever fits: how long it takes tells nothing.
    fits = [hmac.compare_digest(_signature(secret, body), given.lower()) for secret in secrets]
    if not any(fits):
        raise EventRefused("signature wrong")
    try:
        event = json.loads(body)
        kind, data = read_id(event.get("type")) or read_id(event.get("event")), event["data"]
        if kind is None or not isinstance(data, dict):
            raise EventRefused("unreadable")
        event_id = read_id(event.get("id")) or f"sha256:{spelled(hashlib.sha256(body).digest())}"
        return Notice(event_id, kind, *_references(kind, data))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as fault:
        raise EventRefused("unreadable") from fault


def _references(kind: str, data: Mapping[str, Any]) -> tuple[str | None, str | None]:
    if kind.startswith("refund."):
        return our_refund(data), read_id(data.get("reference")) or read_id(data.get("id"))
    told = read_references(data)
    return told.ours, told.theirs


def _signature(secret: str, body: bytes) -> str:
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
