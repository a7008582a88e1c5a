"""Invites persons to an account, within limits, and removes them: their sessions, codes and passkeys end in the same transaction."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import suppress
from datetime import datetime, timedelta
from hashlib import sha256

import sqlalchemy as sa
from sqlalchemy.orm import Session

from portal.customers.rules.profiles import mailbox_of
from portal.errors import NotFound
from portal.events.rules import Actor, customer_actor
from portal.people.errors import TooManyPeopleInvited
from portal.people.operations import add_person, list_invited_or_changed_since, mark_removed, renew_invitation
from portal.people.queries import list_people
from portal.people.rules import (
    DECLINED,
    INVITATIONS_PER_DAY,
    INVITATIONS_TO_ADDRESS_BY_ALL_PER_DAY,
    INVITATIONS_TO_ADDRESS_PER_DAY,
    Role,
)
from portal.settings import Settings
from portal.sign_in.models import Challenge
from portal.sign_in.operations.confirmations import close_confirmations_of
from portal.sign_in.operations.limits import count_up, limit_key
from portal.sign_in.operations.passkeys import remove_passkeys_of
from portal.sign_in.operations.sessions import revoke_own_sessions
from portal.sign_in.rules.tokens import address_digest
from portal.tenancy import Scope

_DAY = timedelta(days=1)


def invite_person(
    session: Session,
    settings: Settings,
    scope: Scope,
    address: str,
    role: Role,
    *,
    name: str | None,
    actor: Actor,
    at: datetime,
) -> str:
    """Invite an address, as `normalise_email` returns it, and return the person's id. Raises InvitationRefused and TooManyPeopleInvited."""
    person_id = add_person(session, scope, address, role, name=name, actor=actor, at=at)
    _count(session, settings, scope, address, at)
    return person_id


def invite_again(
    session: Session, settings: Settings, scope: Scope, person_id: str, *, actor: Actor, at: datetime
) -> None:
    """Send an invitation again, which lives another seven days. Raises NotFound and TooManyPeopleInvited."""
    address = renew_invitation(session, scope, person_id, actor=actor, at=at)
    _count(session, settings, scope, address, at)


def remove_person(
    session: Session, scope: Scope, person_id: str, *, actor: Actor, at: datetime, reason: str = "removed"
) -> None:
    """Remove a person, or withdraw an invitation: signed out everywhere, and no link, code or passkey of before works any more. Raises NotFound.

    A sign-in at this very moment has either committed its session, which ends here, or finds the person removed (`join_person`).
    """
    # Challenge and passkeys before the person, as signing in locks them.
    session.execute(
        sa.update(Challenge)
        .where(
            Challenge.merchant_id == scope.merchant_id,
            Challenge.customer_id == scope.customer_id,
            Challenge.person_id == person_id,
            Challenge.used_at.is_(None),
        )
        .values(used_at=at, is_joinable=False)
        .execution_options(synchronize_session=False)
    )
    remove_passkeys_of(session, scope, person_id, actor=actor, at=at)
    mark_removed(session, scope, person_id, actor=actor, at=at, reason=reason)
    revoke_own_sessions(session, scope, person_id, actor=actor, at=at, reason=reason)
    close_confirmations_of(session, scope, person_id, at=at)


def decline_invitation(session: Session, scope: Scope, person_id: str, *, request_id: str | None, at: datetime) -> None:
    """Remove an invited person who does not want to be one. Raises NotFound, also of one who joined, at this very moment too."""
    actor = customer_actor(scope.customer_id, person=person_id, request_id=request_id)
    remove_person(session, scope, person_id, actor=actor, at=at, reason=DECLINED)


def end_people_since(
    session: Session, scope: Scope, since: datetime, acting: Collection[str], *, actor: Actor, at: datetime
) -> None:
    """Remove who was invited, or given another role, at an instant or later, and those of the `acting` persons who are still there: whoever
    did it may not have been the customer."""
    found = {*list_invited_or_changed_since(session, scope, since)}
    living = {person.id for person in list_people(session, scope)}
    for person_id in sorted(found | (living & set(acting))):
        with suppress(NotFound):  # Declined or removed at this very moment.
            remove_person(session, scope, person_id, actor=actor, at=at, reason="undo")


def _count(session: Session, settings: Settings, scope: Scope, address: str, at: datetime) -> None:
    """Count an invitation by account, by account and address, and by address: nobody can have strangers mailed again and again, and no account
    uses up what another may send to the same address."""
    digest = address_digest(settings.keys, scope.merchant_id, mailbox_of(address))
    account = sha256(scope.customer_id.encode()).digest()
    for key, most in (
        (limit_key("invite-account", account), INVITATIONS_PER_DAY),
        (limit_key("invite-pair", sha256(account + digest).digest()), INVITATIONS_TO_ADDRESS_PER_DAY),
        (limit_key("invite-address", digest), INVITATIONS_TO_ADDRESS_BY_ALL_PER_DAY),
    ):
        tally = count_up(session, scope.merchant_id, key, at=at, window=_DAY)
        if tally.count > most:
            raise TooManyPeopleInvited(tally.started_at + _DAY, at)
