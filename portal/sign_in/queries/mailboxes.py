"""Which accounts a mailbox that was proved signs in to: by the mail of a challenge, or from the session that it made. Changes no row."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

import sqlalchemy as sa

from portal.customers.queries.accounts import Account
from portal.customers.rules.profiles import mailbox_of
from portal.database import Reader
from portal.people.queries import list_accounts_beside
from portal.sign_in.models import KnownBrowser, PersonsBrowser, SignInSession
from portal.sign_in.queries import ChallengeRow
from portal.sign_in.rules.tokens import Keys, is_address_digest, token_digest
from portal.tenancy import Scope


def list_verified_accounts(
    reader: Reader, keys: Keys, merchant_id: str, challenge: ChallengeRow | None, at: datetime
) -> list[Account]:
    """Return the accounts that the mail of a challenge may sign in to: all that have its mailbox now, as their own or a person's.

    Empty when the customer is unknown, blocked or deleted, or has another mailbox since, and when the person was removed.
    """
    scope = Scope(merchant_id, (challenge.customer_id if challenge else None) or "")
    digest = challenge.address_digest if challenge else b""
    return _of_mailbox(reader, keys, scope, challenge.person_id if challenge else None, digest, at)


def list_switchable_accounts(reader: Reader, keys: Keys, scope: Scope, session_id: str, at: datetime) -> list[Account]:
    """Return the accounts of the very mailbox that a session proved by mail, the session's own among them.

    Empty where the account, or the person, has another mailbox since: then only that mailbox can prove more.
    """
    proved = reader.execute(
        sa.select(SignInSession.person_id, SignInSession.address_digest).where(
            SignInSession.merchant_id == scope.merchant_id,
            SignInSession.customer_id == scope.customer_id,
            SignInSession.id == session_id,
            SignInSession.kind == "mail",
            SignInSession.revoked_at.is_(None),
        )
    ).first()
    if proved is None or proved.address_digest is None:
        return []
    return _of_mailbox(reader, keys, scope, proved.person_id, proved.address_digest, at)


def _of_mailbox(
    reader: Reader, keys: Keys, scope: Scope, person_id: str | None, digest: bytes, at: datetime
) -> list[Account]:
    """Return the accounts beside a customer's, or its person's, whose mailbox has this digest; none where its own has another."""
    accounts = [
        account
        for account in list_accounts_beside(reader, scope, person_id, at)
        if is_address_digest(keys, scope.merchant_id, mailbox_of(account.email), digest=digest)
    ]
    is_own_there = any(account.id == scope.customer_id for account in accounts)
    return accounts if is_own_there else []


def is_known_browser(reader: Reader, merchant_id: str, token: str | None, accounts: Iterable[Account]) -> bool:
    """Return whether one of the accounts was signed in before, as its own address or as this person, in the browser whose cookie of known
    browsers has this token."""
    digest = token_digest(token or "")
    of_accounts = sa.select(KnownBrowser.customer_id).where(
        KnownBrowser.merchant_id == merchant_id, KnownBrowser.browser_digest == digest
    )
    of_people = sa.select(PersonsBrowser.person_id).where(
        PersonsBrowser.merchant_id == merchant_id, PersonsBrowser.browser_digest == digest
    )
    known = set(reader.execute(of_accounts.union_all(of_people)).scalars())
    return any((account.person_id or account.id) in known for account in accounts)
