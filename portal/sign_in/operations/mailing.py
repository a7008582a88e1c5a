"""Prepares the mail of a challenge when it is sent: its ten minutes begin, and link and code are derived for the mail alone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from portal.clock import CLOCKS_DIFFER_BY
from portal.customers.queries.accounts import Account
from portal.customers.rules.profiles import mailbox_of
from portal.people.queries import find_principal
from portal.settings import Settings
from portal.sign_in.models import Challenge
from portal.sign_in.rules import tokens
from portal.sign_in.rules.challenges import format_code
from portal.tenancy import Scope


@dataclass(frozen=True, slots=True)
class SignInMailContent:
    """The content of the mail, which is never stored or logged."""

    to: str
    locale: str
    code: str
    token: str
    minutes: int


def prepare_sign_in_mail(
    session: Session, settings: Settings, merchant_id: str, challenge_id: str, *, at: datetime
) -> SignInMailContent | None:
    """Start the challenge's time, again at each attempt to send, so that no link has expired when it arrives (threats 37).

    Return None when there is no recipient: an unknown address, a customer who has another one now, or is blocked or deleted since,
    a person who was removed, a challenge that is used. The statements are the same either way.
    """
    requested_at = session.execute(
        sa.select(Challenge.mail_requested_at).where(Challenge.merchant_id == merchant_id, Challenge.id == challenge_id)
    ).scalar()
    # Where this process's clock is behind that of the request, the time that the link has would else be shorter by as much.
    mailed_at = max(at, min(requested_at or at, at + CLOCKS_DIFFER_BY))
    started = session.execute(
        sa.update(Challenge)
        .where(Challenge.merchant_id == merchant_id, Challenge.id == challenge_id, Challenge.used_at.is_(None))
        .values(mailed_at=mailed_at, expires_at=mailed_at + timedelta(minutes=settings.sign_in_minutes))
        .returning(Challenge.customer_id, Challenge.person_id, Challenge.address_digest, Challenge.locale)
        .execution_options(synchronize_session=False)
    ).first()
    scope = Scope(merchant_id, (started.customer_id if started else None) or "")
    customer = find_principal(session, scope, started.person_id if started else None, at)
    # What the account speaks is not what each person of it does: that mail is in the language of the page that it was requested on.
    own_locale = customer.locale if customer and customer.person_id is None else None
    content = SignInMailContent(
        to=_address(settings, merchant_id, customer, started.address_digest if started else b""),
        locale=own_locale or (started.locale if started else ""),
        code=format_code(tokens.code_of(settings.keys, merchant_id, challenge_id)),
        token=tokens.link_token(settings.keys, merchant_id, challenge_id),
        minutes=settings.sign_in_minutes,
    )
    return content if content.to else None


def _address(settings: Settings, merchant_id: str, customer: Account | None, digest: bytes) -> str:
    """Return the address while it is the mailbox of the challenge: who has the earlier mail has its link and code too."""
    address = customer.email if customer else ""
    is_same = tokens.is_address_digest(settings.keys, merchant_id, mailbox_of(address), digest=digest)
    return address if is_same else ""
