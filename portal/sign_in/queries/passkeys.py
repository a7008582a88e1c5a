"""Reads of passkeys."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

import sqlalchemy as sa

from portal.database import Reader
from portal.sign_in.models import Passkey
from portal.tenancy import MerchantScope, Scope


class PasskeyRow(NamedTuple):
    """A passkey as its customer sees it, and what a new one must not be again."""

    id: str
    customer_id: str
    person_id: str | None
    credential_id: bytes
    host: str
    is_synced: bool
    user_agent: str
    created_at: datetime
    last_used_at: datetime | None
    removed_at: datetime | None


_PASSKEY = [getattr(Passkey, name) for name in PasskeyRow._fields]


def list_passkeys(reader: Reader, scope: Scope, person_id: str | None) -> list[PasskeyRow]:
    """Return the passkeys of a person, or with None those of the account's own address, the oldest first; removed ones are left out."""
    statement = sa.select(*_PASSKEY).where(
        Passkey.merchant_id == scope.merchant_id,
        Passkey.customer_id == scope.customer_id,
        Passkey.person_id.is_not_distinct_from(person_id),
        Passkey.removed_at.is_(None),
    )
    return [PasskeyRow._make(row) for row in reader.execute(statement.order_by(Passkey.id))]


def find_passkey(reader: Reader, scope: MerchantScope, passkey_id: str) -> PasskeyRow | None:
    """Return a passkey of the merchant's customers, removed or not."""
    statement = sa.select(*_PASSKEY).where(Passkey.merchant_id == scope.merchant_id, Passkey.id == passkey_id)
    row = reader.execute(statement).first()
    return PasskeyRow._make(row) if row is not None else None
