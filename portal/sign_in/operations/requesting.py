"""Requests for a sign-in message: the same statements, rows and response for known and unknown addresses (threats, rule 5)."""

from __future__ import annotations

from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from portal.customers.queries.accounts import list_accounts
from portal.customers.rules import email_key, is_same_mailbox
from portal.outbox.operations import enqueue
from portal.public_ids import new_id
from portal.settings import Settings
from portal.sign_in.errors import TooManyMessages
from portal.sign_in.models import Challenge
from portal.sign_in.operations.limits import HOUR, count_up, limit_key, take_turn
from portal.sign_in.operations.sessions import Visitor
from portal.sign_in.queries import ChallengeRow
from portal.sign_in.rules import tokens
from portal.sign_in.rules.challenges import mask_address
from portal.tenancy import MerchantScope

MAIL_KIND = "sign_in_mail"


def request_sign_in(
    session: Session,
    settings: Settings,
    merchant_id: str,
    visitor: Visitor,
    *,
    address: str,
    target: str,
    locale: str,
    at: datetime,
) -> ChallengeRow:
    """Create a challenge for an address, known or not, and queue its message (threats, rule 5).

    `address` has passed `rules.is_address`; the message is sent to the stored address. Raises TooManyMessages.
    """
    key = email_key(address)
    accounts = list_accounts(session, MerchantScope(merchant_id), key)
    # Where several customers' addresses differ by more than ASCII case, only those equal to the typed one count.
    candidates = [account for account in accounts if is_same_mailbox(account.email, address)] or accounts
    return _create_challenge(
        session,
        settings,
        merchant_id,
        visitor,
        at=at,
        customer_id=candidates[0].id if candidates else None,
        digest=tokens.address_digest(settings.keys, merchant_id, key),
        masked_address=mask_address(address),
        target=target,
        locale=locale,
    )


def resend_message(
    session: Session, settings: Settings, merchant_id: str, visitor: Visitor, challenge: ChallengeRow, *, at: datetime
) -> ChallengeRow:
    """Create a new challenge with the address and target of `challenge`, for this browser. Raises TooManyMessages."""
    return _create_challenge(
        session,
        settings,
        merchant_id,
        visitor,
        at=at,
        customer_id=challenge.customer_id,
        digest=challenge.address_digest,
        masked_address=challenge.masked_address,
        target=challenge.target,
        locale=challenge.locale,
    )


def _create_challenge(
    session: Session,
    settings: Settings,
    merchant_id: str,
    visitor: Visitor,
    *,
    at: datetime,
    customer_id: str | None,
    digest: bytes,
    masked_address: str,
    target: str,
    locale: str,
) -> ChallengeRow:
    network = tokens.network_digest(settings.keys, merchant_id, visitor.network)
    _require_within_limits(session, settings, merchant_id, network, at)
    hourly = count_up(session, merchant_id, limit_key("mail-address", digest), at=at, window=HOUR)
    withheld_until = hourly.started_at + HOUR if hourly.count > settings.sign_in_mails_per_address_per_hour else None
    if withheld_until is None:
        # Only this browser's: nobody can end a challenge of another browser (threats 7).
        _supersede(session, merchant_id, visitor.browser, at)
    challenge = ChallengeRow(
        id=new_id(tokens.CHALLENGE, at),
        customer_id=customer_id,
        address_digest=digest,
        masked_address=masked_address,
        target=target,
        locale=locale,
        tries_left=settings.sign_in_tries,
        created_at=at,
        withheld_until=withheld_until,
        mailed_at=None,
        expires_at=None,
        used_at=None,
    )
    row = {name: getattr(challenge, name) for name in ChallengeRow.__dataclass_fields__}
    session.add(Challenge(merchant_id=merchant_id, browser_digest=tokens.token_digest(visitor.browser), **row))
    if withheld_until is None:
        spacing = timedelta(minutes=1) / settings.sign_in_mails_per_address_per_minute
        due_at = take_turn(session, merchant_id, limit_key("mail-turn", digest), at=at, spacing=spacing)
        enqueue(session, merchant_id, MAIL_KIND, {"challenge": challenge.id}, at=at, due_at=due_at)
    return challenge


def _require_within_limits(
    session: Session, settings: Settings, merchant_id: str, network: bytes, at: datetime
) -> None:
    for key, limit in (
        (limit_key("mail-network", network), settings.sign_in_mails_per_ip_per_hour),
        (limit_key("mail-merchant"), settings.sign_in_mails_per_hour),
    ):
        tally = count_up(session, merchant_id, key, at=at, window=HOUR)
        if tally.count > limit:
            raise TooManyMessages(tally.started_at + HOUR, at)


def _supersede(session: Session, merchant_id: str, browser: str, at: datetime) -> None:
    session.execute(
        sa.update(Challenge)
        .where(
            Challenge.merchant_id == merchant_id,
            Challenge.browser_digest == tokens.token_digest(browser),
            Challenge.used_at.is_(None),
        )
        .values(used_at=at, expires_at=at)
        .execution_options(synchronize_session=False)
    )
