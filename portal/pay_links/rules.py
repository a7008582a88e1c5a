"""The token of a pay link, and until when a link is open. Pure.

The token is a keyed hash of the link's id: no stored value opens an invoice. The newest secret signs; every secret of the list verifies.
"""

from __future__ import annotations

import hmac
import re
from base64 import urlsafe_b64encode
from collections.abc import Sequence
from datetime import datetime, timedelta

from portal.public_ids import LENGTH

PREFIX = "plk"
OPEN_AFTER_SETTLED = timedelta(days=14)
"""For how long the page stays after its invoice was paid or cancelled: time to fetch the receipt, or to forward it to bookkeeping."""
LINK_PLACE = "{pay_link}"
"""Stands for the token in an address that is stored, and is filled in when the address leaves (`with_token`)."""

_TOKEN = re.compile(rf"([0-9A-Za-z]{{{LENGTH}}})([0-9A-Za-z_-]{{43}})", re.ASCII)


def link_token(keys: Sequence[bytes], merchant_id: str, link_id: str) -> str:
    """Return the last part of the link's address: its id, and 256 bits that only this installation can compute."""
    return link_id.removeprefix(f"{PREFIX}_") + _proof(keys[0], merchant_id, link_id)


def link_of(keys: Sequence[bytes], merchant_id: str, token: str) -> str | None:
    """Return the id of the link that a token proves at this merchant; None for one that is cut, changed or of another merchant.

    A link of this id need not be open any more.
    """
    match = _TOKEN.fullmatch(token)
    if match is None:
        return None
    link_id = f"{PREFIX}_{match[1]}"
    given = match[2].encode()
    # Each is compared, so that the time reveals nothing.
    proofs = [hmac.compare_digest(given, _proof(key, merchant_id, link_id).encode()) for key in keys]
    return link_id if any(proofs) else None


def with_token(keys: Sequence[bytes], merchant_id: str, link_id: str, address: str) -> str:
    """Return an address that was stored with `LINK_PLACE`, with the token in it."""
    return address.replace(LINK_PLACE, link_token(keys, merchant_id, link_id))


def is_over(status: str, *, settled_at: datetime | None, now: datetime) -> bool:
    """Return whether a link that nobody revoked has ended: its invoice is not sent yet, or was settled long enough ago.

    `settled_at` is when the invoice was paid or cancelled, or is not expected to be paid any more; None while it is open.
    """
    return status == "draft" or (settled_at is not None and now >= settled_at + OPEN_AFTER_SETTLED)


def _proof(key: bytes, merchant_id: str, link_id: str) -> str:
    # One key for each purpose, so that a value made for one is not valid for another.
    purpose_key = hmac.digest(key, b"portal:pay-link", "sha256")
    digest = hmac.digest(purpose_key, f"{merchant_id}\x1f{link_id}".encode(), "sha256")
    return urlsafe_b64encode(digest).rstrip(b"=").decode()
