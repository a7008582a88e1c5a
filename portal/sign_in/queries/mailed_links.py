"""Reads of the links of notices that sign in. Changes no row."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from portal.clock import has_begun
from portal.customers.queries.accounts import Account, find_account
from portal.customers.rules.profiles import mailbox_of
from portal.database import Reader
from portal.public_ids import is_id
from portal.sign_in.models import MailedLink
from portal.sign_in.rules.tokens import MESSAGE, Keys, is_address_digest
from portal.tenancy import Scope


@dataclass(frozen=True, slots=True)
class FoundLink:
    """The link of a notice, and the customer that it signs in, which has the mailbox that it was sent to."""

    account: Account
    target: str
    mailed_at: datetime
    expires_at: datetime
    used_at: datetime | None

    def is_open(self, at: datetime) -> bool:
        """Return whether it signs in, by a clock that may be up to five minutes behind that of the process which sent the mail."""
        return self.used_at is None and has_begun(self.mailed_at, at) and at < self.expires_at


def find_mailed_link(reader: Reader, keys: Keys, merchant_id: str, link_id: str) -> FoundLink | None:
    """Return the link of an id, used and expired ones included; None where it is unknown, or its customer may not sign in or has another
    mailbox since."""
    row = reader.execute(
        sa.select(
            MailedLink.customer_id, MailedLink.target, MailedLink.mailed_at, MailedLink.expires_at, MailedLink.used_at,
            MailedLink.address_digest,
        ).where(MailedLink.merchant_id == merchant_id, MailedLink.id == link_id)
    ).first()  # fmt: skip
    account = find_account(reader, Scope(merchant_id, row.customer_id)) if row is not None else None
    if row is None or account is None or not account.email:
        return None
    if not is_address_digest(keys, merchant_id, mailbox_of(account.email), digest=row.address_digest):
        return None
    return FoundLink(account, row.target, row.mailed_at, row.expires_at, row.used_at)


def find_target(reader: Reader, merchant_id: str, token: str) -> str:
    """Return where a notice's link of this merchant led, cut short or not, for signing in to lead there; "/" where it is not known.

    The first letters name it. They prove nothing, and the page says nothing to who cannot sign in.
    """
    link_id = f"{MESSAGE}_{token[:22]}"
    if not is_id(MESSAGE, link_id):
        return "/"
    target: str | None = reader.execute(
        sa.select(MailedLink.target).where(MailedLink.merchant_id == merchant_id, MailedLink.id == link_id)
    ).scalar()
    return target or "/"
