"""Passkeys: added by somebody who is signed in, used to sign in, removed. The rules are in `rules.passkeys`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from types import EllipsisType

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from portal.customers.operations import lock_customer
from portal.customers.rules.profiles import mailbox_of
from portal.errors import PortalError
from portal.events.operations import record
from portal.events.rules import Actor, Event, EventType
from portal.networks import network_of
from portal.people.queries import find_principal
from portal.public_ids import is_id, new_id
from portal.settings import Settings
from portal.sign_in.models import Passkey, UsedChallenge
from portal.sign_in.operations.limits import HOUR, count_down, count_up, limit_key
from portal.sign_in.operations.sessions import NewSession, Proof, Visitor, printable, start_session
from portal.sign_in.rules import passkeys, tokens
from portal.sign_in.rules.passkeys import MAX_PASSKEYS, PasskeyRefused, RelyingParty
from portal.tenancy import Scope


class TooManyPasskeys(PortalError):
    """Somebody has `MAX_PASSKEYS` already."""

    status = 409
    sentence = "There are ten passkeys already. Remove one first."


@dataclass(frozen=True, slots=True)
class PasskeyAnswer:
    """What a browser answered: `text` as it was posted, at `party`."""

    text: str
    party: RelyingParty


@dataclass(frozen=True, slots=True)
class PasskeyAttempt:
    """What became of an answer at signing in. `fault`: "" (`new_session` is there), "refused", "expired" (another challenge is needed) or
    "too_many" (until `until`)."""

    fault: str
    new_session: NewSession | None = None
    until: datetime | None = None


def add_passkey(
    session: Session,
    settings: Settings,
    scope: Scope,
    person_id: str | None,
    answer: PasskeyAnswer,
    *,
    session_id: str,
    user_agent: str,
    actor: Actor,
    at: datetime,
) -> str:
    """Keep a passkey that the browser of a session has just made, for a person or with None for the account's own address; return its id,
    `pky_…`.

    Raises PasskeyRefused, TooManyPasskeys. Whoever calls it has seen a fresh code entered in that session.
    """
    challenge = passkeys.answered_challenge(settings.keys, scope.merchant_id, "add", session_id, answer.text, at=at)
    made = passkeys.verify_new(answer.text, challenge, answer.party)
    lock_customer(session, scope)
    holder = find_principal(session, scope, person_id, at)
    if holder is None:
        raise PasskeyRefused("refused")
    if len(_kept(session, scope, person_id)) >= MAX_PASSKEYS:
        raise TooManyPasskeys
    _use_up(session, scope.merchant_id, challenge, at)
    passkey = Passkey(
        merchant_id=scope.merchant_id, id=new_id(tokens.PASSKEY, at), customer_id=scope.customer_id,
        person_id=person_id, address_digest=_digest(settings, scope, holder.email), credential_id=made.credential_id, public_key=made.public_key, host=answer.party.host, sign_count=made.sign_count,
        is_synced=made.is_synced, user_agent=printable(user_agent), created_at=at,
    )  # fmt: skip
    try:
        with session.begin_nested():
            session.add(passkey)
    except IntegrityError:  # Somebody's already: its maker never makes the same name twice.
        raise PasskeyRefused("refused") from None
    record(session, actor, _event(EventType.PASSKEY_ADDED, passkey, at))
    return passkey.id


def remove_passkey(
    session: Session, scope: Scope, person_id: str | None, passkey_id: str, *, actor: Actor, at: datetime
) -> bool:
    """Remove one of a person's passkeys, or with None of the account's own address: it signs nobody in from now on. False for an id that is
    none of them."""
    if not is_id(tokens.PASSKEY, passkey_id):
        return False
    found = [passkey for passkey in _kept(session, scope, person_id) if passkey.id == passkey_id]
    for passkey in found:
        _remove(session, passkey, actor, at)
    return bool(found)


def move_passkeys(session: Session, settings: Settings, scope: Scope, *, old: str, new: str) -> None:
    """Let the passkeys of the account's own address go on where whoever holds it has changed it; `old` and `new` are addresses."""
    for passkey in _kept(session, scope, None):
        if tokens.is_address_digest(settings.keys, scope.merchant_id, mailbox_of(old), digest=passkey.address_digest):
            passkey.address_digest = _digest(settings, scope, new)


def remove_passkeys_of(session: Session, scope: Scope, person_id: str, *, actor: Actor, at: datetime) -> None:
    """Remove all of a person, who is removed from the account."""
    for passkey in _kept(session, scope, person_id):
        _remove(session, passkey, actor, at)


def remove_passkeys_since(session: Session, scope: Scope, since: datetime, *, actor: Actor, at: datetime) -> None:
    """Remove those of all that were added from an instant on, when somebody else may have had the account."""
    for passkey in _kept(session, scope, ...):
        if passkey.created_at >= since:
            _remove(session, passkey, actor, at)


def enter_passkey(
    session: Session,
    settings: Settings,
    merchant_id: str,
    visitor: Visitor,
    answer: PasskeyAnswer,
    *,
    target: str,
    at: datetime,
) -> PasskeyAttempt:
    """Sign in whoever holds a passkey of one of the merchant's customers, or of a person of its account.

    Every answer is counted by network address before it is judged, and one that signs in is taken back.
    """
    digest = tokens.network_digest(settings.keys, merchant_id, network_of(visitor.network, 64))
    key = limit_key("passkey-network", digest)
    tally = count_up(session, merchant_id, key, at=at, window=HOUR)
    if tally.count > settings.sign_in_failures_per_ip_per_hour:
        return PasskeyAttempt("too_many", until=tally.started_at + HOUR)
    try:
        passkey = _judge(session, settings, merchant_id, visitor, answer, at)
    except PasskeyRefused as refusal:
        return PasskeyAttempt(refusal.reason)
    count_down(session, merchant_id, key)
    new_session = start_session(
        session, settings, Scope(merchant_id, passkey.customer_id), visitor, kind="passkey", by="passkey", target=target, at=at,
        proof=Proof(passkey.person_id),
    )  # fmt: skip
    return PasskeyAttempt("", new_session)


def _judge(
    session: Session, settings: Settings, merchant_id: str, visitor: Visitor, answer: PasskeyAnswer, at: datetime
) -> Passkey:
    """Return the passkey that answered a challenge of this browser, and use the challenge up. Raises PasskeyRefused."""
    challenge = passkeys.answered_challenge(settings.keys, merchant_id, "sign-in", visitor.browser, answer.text, at=at)
    passkey = _find(session, merchant_id, passkeys.credential_of(answer.text))
    if passkey is None or passkey.host != answer.party.host:
        raise PasskeyRefused("refused")
    sign_count = passkeys.verify_use(
        answer.text, challenge, answer.party, public_key=passkey.public_key, sign_count=passkey.sign_count
    )
    holder = find_principal(session, Scope(merchant_id, passkey.customer_id), passkey.person_id, at)
    if holder is None or not tokens.is_address_digest(
        settings.keys, merchant_id, mailbox_of(holder.email), digest=passkey.address_digest
    ):
        raise PasskeyRefused("refused")
    _use_up(session, merchant_id, challenge, at)
    passkey.sign_count, passkey.last_used_at = sign_count, at
    return passkey


def _use_up(session: Session, merchant_id: str, challenge: bytes, at: datetime) -> None:
    """Note that a challenge was answered. Raises PasskeyRefused where it was before: of two answers at once the primary key takes one."""
    try:
        with session.begin_nested():
            session.add(UsedChallenge(merchant_id=merchant_id, nonce=passkeys.nonce_of(challenge), used_at=at))
    except IntegrityError:
        raise PasskeyRefused("expired") from None


def _digest(settings: Settings, scope: Scope, address: str) -> bytes:
    return tokens.address_digest(settings.keys, scope.merchant_id, mailbox_of(address))


def _find(session: Session, merchant_id: str, credential_id: bytes) -> Passkey | None:
    return session.execute(
        sa.select(Passkey)
        .where(
            Passkey.merchant_id == merchant_id, Passkey.credential_id == credential_id, Passkey.removed_at.is_(None)
        )
        .with_for_update()
    ).scalar()  # fmt: skip


def _kept(session: Session, scope: Scope, person_id: str | EllipsisType | None) -> list[Passkey]:
    """Return the passkeys of a person, with None of the account's own address, with `...` of both, locked."""
    statement = sa.select(Passkey).where(
        Passkey.merchant_id == scope.merchant_id,
        Passkey.customer_id == scope.customer_id,
        Passkey.removed_at.is_(None),
    )
    if not isinstance(person_id, EllipsisType):
        statement = statement.where(Passkey.person_id.is_not_distinct_from(person_id))
    return list(session.execute(statement.with_for_update()).scalars())


def _remove(session: Session, passkey: Passkey, actor: Actor, at: datetime) -> None:
    passkey.removed_at = at
    record(session, actor, _event(EventType.PASSKEY_REMOVED, passkey, at))


def _event(event_type: EventType, passkey: Passkey, at: datetime) -> Event:
    return Event(
        type=event_type,
        merchant_id=passkey.merchant_id,
        object_id=passkey.id,
        customer_id=passkey.customer_id,
        at=at,
    )
