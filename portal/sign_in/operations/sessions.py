"""Sessions of signed-in browsers: start, record use, end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.orm import Session

from portal.contacts import mask_card_numbers
from portal.customers.operations import hold_address, lock_customer
from portal.customers.rules.profiles import mailbox_of
from portal.events.operations import record
from portal.events.rules import SYSTEM, Actor, Event, EventType, customer_actor
from portal.networks import region_of
from portal.people.errors import PersonGone
from portal.people.operations import join_person
from portal.public_ids import is_id, new_id
from portal.settings import Settings
from portal.sign_in.models import KnownBrowser, PersonsBrowser, SignInSession
from portal.sign_in.rules.challenges import TOUCH_EVERY, lifetime
from portal.sign_in.rules.tokens import SESSION, is_address_digest, is_token, new_token, token_digest
from portal.tenancy import Scope

_MAX_USER_AGENT = 200
_REMEMBERED = frozenset({"mail", "mailed", "passkey", "api", "host"})
"""Kinds of sessions that begin with an act of the reader in the browser, whose response sets its cookies."""
_OWN = frozenset({"mail", "mailed", "passkey"})
"""Kinds of sessions that the customer begins itself."""


@dataclass(frozen=True, slots=True)
class Visitor:
    """Where a request came from. `browser` is its browser cookie's token, `session_token` its session cookie's, if any.

    `known_browser` is the token of the cookie of a browser in which somebody was signed in before, if it has one. `network` is the remote address as reported by trusted proxies, never by a header that anybody can send.
    """

    browser: str
    network: str
    user_agent: str = ""
    session_token: str | None = None
    request_id: str | None = None
    known_browser: str | None = None


@dataclass(frozen=True, slots=True)
class Proof:
    """What signing in proved: the mailbox of a digest, which is that of a person of the account or, with None, the account's own.

    `can_switch`: it has other accounts. `until`: the session lives no longer than that, since nothing was proved anew.
    """

    person_id: str | None = None
    address_digest: bytes | None = None
    can_switch: bool = False
    until: datetime | None = None


_NOTHING = Proof()


@dataclass(frozen=True, slots=True)
class _Ended:
    session_id: str
    customer_id: str
    person_id: str | None


@dataclass(frozen=True, slots=True)
class NewSession:
    """A new session. `token` and `known_browser` are stored in cookies alone; `target` is a path below the merchant's root.

    `known_browser` tells this browser from strangers when the customer signs in the next time; None where that is not remembered.
    """

    session_id: str
    customer_id: str
    token: str
    expires_at: datetime
    target: str
    kind: str
    known_browser: str | None


def start_session(
    session: Session,
    settings: Settings,
    scope: Scope,
    visitor: Visitor,
    *,
    kind: str,
    by: str,
    target: str,
    at: datetime,
    return_url: str | None = None,
    actor: Actor | None = None,
    proof: Proof = _NOTHING,
) -> NewSession:
    """Sign this browser in under a new token; end its session before, and the oldest sessions beyond the cap.

    `kind` is mail, mailed, passkey, api, frame, host or identified; `by` is recorded with the event: link, code, notice, passkey, switch, session or
    host. `actor` is the customer unless the host application signs its own user in. Raises PersonGone for a person who was removed, and for the
    account's own address where it has another one at this moment, or is blocked.
    """
    person_id = proof.person_id
    actor = actor or customer_actor(scope.customer_id, person=person_id, request_id=visitor.request_id)
    if person_id is not None:
        join_person(session, scope, person_id, request_id=visitor.request_id, at=at)
    elif kind in _OWN:
        _hold_account(session, settings, scope, proof.address_digest)
    if visitor.session_token:
        replaced = _revoke(
            session,
            SignInSession.merchant_id == scope.merchant_id,
            SignInSession.token_digest == token_digest(visitor.session_token),
            at=at,
        )
        _record_ended(session, scope.merchant_id, replaced, actor=actor, at=at, reason="replaced")
    beyond = _revoke_beyond_cap(session, scope, person_id, settings.session_cap, at)
    _record_ended(session, scope.merchant_id, beyond, actor=SYSTEM, at=at, reason="too_many")
    life = lifetime(kind, settings)
    is_new_device = kind in _OWN and _is_new_device(session, scope, person_id, visitor)
    known_browser = _remember_browser(session, scope, person_id, visitor, at) if kind in _REMEMBERED else None
    expires_at = min(at + life.whole, proof.until or at + life.whole)
    new_session = NewSession(
        new_id(SESSION, at), scope.customer_id, new_token(), expires_at, target, kind, known_browser
    )
    session.add(
        SignInSession(
            merchant_id=scope.merchant_id,
            id=new_session.session_id,
            customer_id=scope.customer_id,
            person_id=person_id,
            address_digest=proof.address_digest,
            can_switch=proof.can_switch,
            token_digest=token_digest(new_session.token),
            kind=kind,
            idle_seconds=int(life.idle.total_seconds()),
            user_agent=printable(visitor.user_agent),
            network=region_of(visitor.network) or None,
            return_url=return_url,
            created_at=at,
            last_used_at=at,
            expires_at=new_session.expires_at,
        )
    )
    event = _session_event(
        EventType.PORTAL_SIGNED_IN,
        scope.merchant_id,
        session_id=new_session.session_id,
        customer_id=scope.customer_id,
        at=at,
        by=by,
        kind=kind,
    )
    record(session, actor, event)
    if is_new_device:
        record(session, actor, replace(event, type=EventType.PORTAL_NEW_DEVICE))
    return new_session


def hold_session(session: Session, scope: Scope, session_id: str) -> None:
    """Hold the session in which something is done until the commit: what ends it, and takes back what was done in it, comes before or after.

    The account is locked first, as by whoever ends all of its sessions. Raises PersonGone where the session has ended.
    """
    lock_customer(session, scope)
    is_live = session.execute(
        sa.select(SignInSession.id)
        .where(*_of(scope), SignInSession.id == session_id, SignInSession.revoked_at.is_(None))
        .with_for_update()
    ).scalar()
    if is_live is None:
        raise PersonGone


def touch_session(session: Session, merchant_id: str, session_id: str, at: datetime) -> None:
    """Update `last_used_at`, at most every five minutes however many requests arrive at once."""
    session.execute(
        sa.update(SignInSession)
        .where(
            SignInSession.merchant_id == merchant_id,
            SignInSession.id == session_id,
            SignInSession.last_used_at <= at - TOUCH_EVERY,
            SignInSession.revoked_at.is_(None),
        )
        .values(last_used_at=at)
        .execution_options(synchronize_session=False)
    )


def end_session(session: Session, merchant_id: str, token: str, *, request_id: str | None, at: datetime) -> bool:
    """Sign out the browser with this cookie, and return whether it was signed in."""
    if not is_token(token):
        return False
    ended = _revoke(
        session, SignInSession.merchant_id == merchant_id, SignInSession.token_digest == token_digest(token), at=at
    )
    for each in ended:
        event = _session_event(
            EventType.PORTAL_SIGNED_OUT, merchant_id, session_id=each.session_id, customer_id=each.customer_id, at=at
        )
        record(session, customer_actor(each.customer_id, person=each.person_id, request_id=request_id), event)
    return bool(ended)


def revoke_session(
    session: Session, scope: Scope, session_id: str, *, actor: Actor, at: datetime, reason: str = "ended"
) -> bool:
    """Sign out one of the account's browsers, whoever's; False for an id that is not one of its live sessions.

    `reason` is recorded with the event: ended, or host where the host application names nobody or somebody else.
    """
    if not is_id(SESSION, session_id):
        return False
    ended = _revoke(session, *_of(scope), SignInSession.id == session_id, at=at)
    _record_ended(session, scope.merchant_id, ended, actor=actor, at=at, reason=reason)
    return bool(ended)


def revoke_sessions(session: Session, scope: Scope, *, actor: Actor, at: datetime, keep: str = "") -> int:
    """Sign everybody of the account out everywhere, but for the session `keep`; return how many ended."""
    ended = _revoke(session, *_of(scope), SignInSession.id != keep, at=at)
    _record_ended(session, scope.merchant_id, ended, actor=actor, at=at, reason="ended")
    return len(ended)


def revoke_own_session(
    session: Session, scope: Scope, person_id: str | None, session_id: str, *, actor: Actor, at: datetime
) -> bool:
    """Sign out a browser of one person, or with None of the account's own address; False for an id that is not one of its live sessions."""
    if not is_id(SESSION, session_id):
        return False
    ended = _revoke(session, *_of_person(scope, person_id), SignInSession.id == session_id, at=at)
    _record_ended(session, scope.merchant_id, ended, actor=actor, at=at, reason="ended")
    return bool(ended)


def revoke_own_sessions(
    session: Session,
    scope: Scope,
    person_id: str | None,
    *,
    actor: Actor,
    at: datetime,
    keep: str = "",
    reason: str = "ended",
) -> int:
    """Sign one person, or with None the account's own address, out everywhere but for the session `keep`; return how many ended."""
    ended = _revoke(session, *_of_person(scope, person_id), SignInSession.id != keep, at=at)
    _record_ended(session, scope.merchant_id, ended, actor=actor, at=at, reason=reason)
    return len(ended)


def _hold_account(session: Session, settings: Settings, scope: Scope, digest: bytes | None) -> None:
    """Hold the account until the commit, as `join_person` holds a person: an address that is taken back, and a blocking, at the same moment find
    the session that begins here, or are found. `digest` is that of the mailbox that was proved. Raises PersonGone.
    """
    address = hold_address(session, scope)
    if address is None:
        raise PersonGone
    if digest is not None and not is_address_digest(
        settings.keys, scope.merchant_id, mailbox_of(address), digest=digest
    ):
        raise PersonGone


def _is_new_device(session: Session, scope: Scope, person_id: str | None, visitor: Visitor) -> bool:
    """Return whether the customer, or the person, has signed in itself before, and never in this browser; the very first sign-in is none.

    Where the merchant's site vouches for somebody (a session of its API, a host application), its own login knows the device.
    """
    table, subject = _browsers_of(person_id)
    digests = session.execute(
        sa.select(table.browser_digest).where(
            table.merchant_id == scope.merchant_id, subject == (person_id or scope.customer_id)
        )
    ).scalars()
    known = set(digests)
    return bool(known) and token_digest(visitor.known_browser or "") not in known


def _browsers_of(person_id: str | None) -> tuple[type[KnownBrowser] | type[PersonsBrowser], Any]:
    """Return the table of known browsers, and its column of whoever was signed in there."""
    return (KnownBrowser, KnownBrowser.customer_id) if person_id is None else (PersonsBrowser, PersonsBrowser.person_id)


def _remember_browser(session: Session, scope: Scope, person_id: str | None, visitor: Visitor, at: datetime) -> str:
    """Note that the customer, or the person, was signed in in this browser; return the token for its cookie.

    A token that it has already goes on if it was issued here: several customers may share a browser.
    """
    sent = visitor.known_browser if visitor.known_browser and is_token(visitor.known_browser) else None
    digest = token_digest(sent or "")
    issued = [
        sa.exists().where(table.merchant_id == scope.merchant_id, table.browser_digest == digest)
        for table in (KnownBrowser, PersonsBrowser)
    ]
    is_issued = session.execute(sa.select(sa.or_(*issued))).scalar()
    token = sent if sent and is_issued else new_token()
    insert = sqlite_insert if session.get_bind().dialect.name == "sqlite" else postgresql_insert
    table, subject = _browsers_of(person_id)
    session.execute(
        insert(table)
        .values(
            merchant_id=scope.merchant_id,
            browser_digest=token_digest(token),
            **{subject.key: person_id or scope.customer_id},
            signed_in_at=at,
        )
        .on_conflict_do_update(index_elements=["merchant_id", "browser_digest", subject.key], set_={"signed_in_at": at})
    )
    return token


def _record_ended(
    session: Session,
    merchant_id: str,
    ended: Sequence[_Ended],
    *,
    actor: Actor,
    at: datetime,
    reason: str,
) -> None:
    for each in ended:
        event = _session_event(
            EventType.PORTAL_SESSION_ENDED,
            merchant_id,
            session_id=each.session_id,
            customer_id=each.customer_id,
            at=at,
            reason=reason,
        )
        record(session, actor, event)


def _session_event(
    event_type: EventType, merchant_id: str, *, session_id: str, customer_id: str, at: datetime, **details: str
) -> Event:
    return Event(
        type=event_type,
        merchant_id=merchant_id,
        object_id=session_id,
        customer_id=customer_id,
        object={"id": session_id, "object": "session", "customer": customer_id, **details},
        details=details,
        at=at,
    )


def _revoke_beyond_cap(session: Session, scope: Scope, person_id: str | None, cap: int, at: datetime) -> list[_Ended]:
    # By person: nobody signs another one out by signing in again and again.
    newest = (
        sa.select(SignInSession.id)
        .where(*_of_person(scope, person_id), SignInSession.revoked_at.is_(None), SignInSession.expires_at > at)
        .order_by(SignInSession.last_used_at.desc(), SignInSession.id.desc())
        .offset(cap - 1)
    )
    return _revoke(session, *_of_person(scope, person_id), SignInSession.id.in_(newest), at=at)


def _of(scope: Scope) -> tuple[sa.ColumnElement[bool], sa.ColumnElement[bool]]:
    return (SignInSession.merchant_id == scope.merchant_id, SignInSession.customer_id == scope.customer_id)


def _of_person(scope: Scope, person_id: str | None) -> tuple[sa.ColumnElement[bool], ...]:
    return (*_of(scope), SignInSession.person_id.is_not_distinct_from(person_id))


def _revoke(session: Session, *conditions: sa.ColumnElement[bool], at: datetime) -> list[_Ended]:
    rows = session.execute(
        sa.update(SignInSession)
        .where(*conditions, SignInSession.revoked_at.is_(None))
        .values(revoked_at=at)
        .returning(SignInSession.id, SignInSession.customer_id, SignInSession.person_id)
        .execution_options(synchronize_session=False)
    )
    return [_Ended(*row) for row in rows]


def printable(user_agent: str) -> str:
    """Return what is kept of a User-Agent: its beginning, without control characters and card numbers."""
    return "".join(
        character for character in mask_card_numbers(user_agent)[:_MAX_USER_AGENT] if character.isprintable()
    )
