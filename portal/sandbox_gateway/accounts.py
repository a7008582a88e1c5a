"""Accounts: whoever shows a key has the account of that key; the key itself is not stored."""

from __future__ import annotations

import hashlib

from portal.sandbox_gateway.errors import Unauthorized

KEY_PREFIX = "sk_sandbox_"


def account_of_authorization(header: str) -> str:
    """Raises Unauthorized unless the header is `Bearer sk_sandbox_…`."""
    scheme, _, key = header.partition(" ")
    key = key.strip()
    if scheme.lower() != "bearer" or not key.startswith(KEY_PREFIX) or key == KEY_PREFIX:
        raise Unauthorized(f"Send `Authorization: Bearer {KEY_PREFIX}…`.")
    return account_of_key(key)


def account_of_key(key: str) -> str:
    return "acct_" + hashlib.sha256(key.encode()).hexdigest()[:24]


def account_of_filter(text: str | None) -> str | None:
    """The account meant by a secret key or an account's id; None for all accounts."""
    if not text:
        return None
    return text if text.startswith("acct_") else account_of_key(text)
