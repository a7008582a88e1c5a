"""Authentication by secret key. Any key is valid and identifies an account, whose id is a hash of it; the key is not stored."""

from __future__ import annotations

import hashlib

from portal.sandbox_gateway.errors import Unauthorized

KEY_PREFIX = "sk_sandbox_"


def authenticate(header: str) -> str:
    """Return the account's id. Raises Unauthorized unless the header is `Bearer sk_sandbox_…`."""
    scheme, _, key = header.partition(" ")
    key = key.strip()
    if scheme.lower() != "bearer" or not key.startswith(KEY_PREFIX) or key == KEY_PREFIX:
        raise Unauthorized(f"Send `Authorization: Bearer {KEY_PREFIX}…`.")
    return account_id_of_key(key)


def account_id_of_key(key: str) -> str:
    return "acct_" + hashlib.sha256(key.encode()).hexdigest()[:24]


def find_account_id(key_or_id: str | None) -> str | None:
    """Return the id of the account that a secret key or an account id names; None when neither is given."""
    if not key_or_id:
        return None
    return key_or_id if key_or_id.startswith("acct_") else account_id_of_key(key_or_id)
