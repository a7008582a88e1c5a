"""Changes the mail address of a customer: wanted, proved by a code sent to it, announced to the one before, undone from there."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from portal.customers.operations import change_email, expect_email
from portal.customers.queries.customers import find_customer
from portal.events.rules import Actor, EventType, customer_actor
from portal.public_ids import new_id
from portal.settings import Settings
from portal.sign_in.errors import TooManyMessages
from portal.sign_in.models import Confirmation, EmailChange, SignInSession
from portal.sign_in.operations.access import end_access
from portal.sign_in.operations.confirmations import (
    EnteredCode,
    close_confirmations,
    enter_confirmation,
    request_confirmation,
)
from portal.sign_in.operations.limits import HOUR
from portal.sign_in.operations.passkeys import move_passkeys, remove_passkeys_since
from portal.sign_in.operations.people import end_people_since
from portal.sign_in.rules.challenges import UNDO_FOR, lifetime
from portal.sign_in.rules.tokens import EMAIL_CHANGE
from portal.tenancy import MerchantScope, Scope


def want_email(
    session: Session,
    settings: Settings,
    scope: Scope,
    address: str,
    *,
    session_id: str,
    locale: str,
    actor: Actor,
    at: datetime,
) -> None:
    """Note the new address and mail it a code; nothing counts before that is entered. Whoever else has the address, the answer is the same.

    Only after a fresh code (`mark_confirmed`) or for a customer without an address. Raises TooManyMessages.
    """
    expect_email(session, scope, address, actor=actor, at=at)
    request_confirmation(
        session, settings, scope, "new_address", locale=locale, at=at, session_id=session_id, address=address
    )


def want_email_later(
    session: Session,
    settings: Settings,
    scope: Scope,
    address: str,
    *,
    session_id: str,
    locale: str,
    actor: Actor,
    at: datetime,
) -> None:
    """Note the new address, and mail the customer's own a fresh code, after which the new one gets its (`resume_email`).

    Both or neither: who has used up its mails notes no more addresses either. The code goes to whoever acts, the actor's person.
    Raises TooManyMessages.
    """
    expect_email(session, scope, address, actor=actor, at=at)
    request_confirmation(
        session, settings, scope, "identity", locale=locale, at=at, session_id=session_id, person_id=actor.person
    )


def resume_email(
    session: Session, settings: Settings, scope: Scope, *, session_id: str, locale: str, actor: Actor, at: datetime
) -> None:
    """Mail the code to the new address that waited for a fresh code; nothing where none waits."""
    customer = find_customer(session, MerchantScope(scope.merchant_id), scope.customer_id)
    waiting = customer.email_pending if customer is not None else None
    if waiting:
        want_email(session, settings, scope, waiting, session_id=session_id, locale=locale, actor=actor, at=at)


def forget_email(session: Session, scope: Scope, *, actor: Actor, at: datetime) -> None:
    """Cancel the change that is pending: the code of the new address is not valid any more."""
    close_confirmations(session, scope, "new_address", at=at)
    expect_email(session, scope, None, actor=actor, at=at)


def prove_email(
    session: Session, settings: Settings, scope: Scope, typed: str, *, session_id: str, actor: Actor, at: datetime
) -> EnteredCode:
    """Judge the code from the new address; with the right one it is the customer's, and a mail to the one before says how to undo that."""
    entered = enter_confirmation(session, settings, scope, "new_address", typed, at=at, session_id=session_id)
    if entered.answer != "proved" or entered.address is None:
        return entered
    customer = find_customer(session, MerchantScope(scope.merchant_id), scope.customer_id)
    if customer is None or customer.email_pending != entered.address:
        return EnteredCode("expired")  # Cancelled, or the merchant has set another address meanwhile.
    change_id = new_id(EMAIL_CHANGE, at)
    old = change_email(
        session,
        scope,
        entered.address,
        event_type=EventType.CUSTOMER_EMAIL_CHANGED,
        actor=actor,
        at=at,
        change=change_id,
    )
    close_confirmations(session, scope, "identity", at=at)
    if old is not None:
        session.add(
            EmailChange(
                merchant_id=scope.merchant_id, id=change_id, customer_id=scope.customer_id, person_id=actor.person, old_email=old,
                new_email=entered.address, since_at=_begun_at(session, settings, scope, session_id, at), changed_at=at,
                undo_until=at + UNDO_FOR,
            )
        )  # fmt: skip
        session.flush()
        move_passkeys(session, settings, scope, old=old, new=entered.address)
    return entered


def find_change(session: Session, merchant_id: str, change_id: str, *, at: datetime) -> EmailChange | None:
    """Return a change that can still be undone: not undone, not too old, and the customer has the new address, or one that it changed
    to from there: whoever took an account over would else change the address twice."""
    change = session.get(EmailChange, (merchant_id, change_id))
    if change is None or change.undone_at is not None or at >= change.undo_until:
        return None
    customer = find_customer(session, MerchantScope(merchant_id), change.customer_id)
    return change if customer is not None and customer.email == _steps_from(session, change)[-1].new_email else None


def is_undone(session: Session, merchant_id: str, change_id: str) -> bool:
    """Return whether a change was undone, and the customer still has the address before it."""
    change = session.get(EmailChange, (merchant_id, change_id))
    if change is None or change.undone_at is None:
        return False
    customer = find_customer(session, MerchantScope(merchant_id), change.customer_id)
    return customer is not None and customer.email == change.old_email


def request_undo(
    session: Session, settings: Settings, merchant_id: str, change_id: str, *, locale: str, at: datetime
) -> bool:
    """Mail a code to the address before; False where the change cannot be undone any more. Raises TooManyMessages, also while a change
    from which this one followed is being undone: of one code at a time, that of the first address is the owner's."""
    change = find_change(session, merchant_id, change_id, at=at)
    if change is None:
        return False
    until = _undone_first_until(session, change)
    if until is not None and at < until:
        raise TooManyMessages(until, at)
    scope = Scope(merchant_id, change.customer_id)
    request_confirmation(
        session, settings, scope, "undo", locale=locale, at=at, address=change.old_email, change_id=change_id
    )
    return True


def undo_email(
    session: Session,
    settings: Settings,
    merchant_id: str,
    change_id: str,
    typed: str,
    *,
    request_id: str | None,
    at: datetime,
) -> EnteredCode:
    """Judge the code from the address before; with the right one it is the customer's again, and it is signed out everywhere."""
    change = find_change(session, merchant_id, change_id, at=at)
    if change is None:
        return EnteredCode("expired")
    scope = Scope(merchant_id, change.customer_id)
    entered = enter_confirmation(session, settings, scope, "undo", typed, at=at, change_id=change_id)
    if entered.answer != "proved":
        return entered
    actor = customer_actor(change.customer_id, request_id=request_id)
    steps = _steps_from(session, change)
    # A code for yet another address, entered at this moment, comes too late.
    close_confirmations(session, scope, "new_address", at=at)
    change_email(
        session, scope, change.old_email, event_type=EventType.CUSTOMER_EMAIL_CHANGE_UNDONE, actor=actor, at=at
    )
    for step in steps:
        step.undone_at = at
    # Also the session in which it was changed: whoever did it may not have been the customer, nor those whom they invited or made owners.
    end_access(session, scope, actor=actor, at=at)
    since = undone_since(change)
    remove_passkeys_since(session, scope, since, actor=actor, at=at)
    move_passkeys(session, settings, scope, old=steps[-1].new_email, new=change.old_email)
    # Whoever stayed an owner would change the address again at once.
    end_people_since(session, scope, since, {step.person_id for step in steps if step.person_id}, actor=actor, at=at)
    return entered


def undone_since(change: EmailChange) -> datetime:
    """Return from when on an undone change ends what was done: from the beginning of the session in which the address was changed, since
    whoever did it may have let others in first; 72 hours before the change at most."""
    return change.since_at or change.changed_at


def _begun_at(session: Session, settings: Settings, scope: Scope, session_id: str, at: datetime) -> datetime:
    """Return when whoever uses a session signed in. One that was switched to ends when the first would have, which says when that began."""
    row = session.execute(
        sa.select(SignInSession.kind, SignInSession.created_at, SignInSession.expires_at).where(
            SignInSession.merchant_id == scope.merchant_id,
            SignInSession.customer_id == scope.customer_id,
            SignInSession.id == session_id,
        )
    ).first()
    if row is None:
        return at
    begun: datetime = min(row.created_at, row.expires_at - lifetime(row.kind, settings).whole)
    return max(begun, at - UNDO_FOR)


def _undone_first_until(session: Session, change: EmailChange) -> datetime | None:
    """Return until when the code of an earlier change holds, None where there is none."""
    row = session.execute(
        sa.select(Confirmation.created_at, Confirmation.expires_at)
        .join(
            EmailChange,
            sa.and_(EmailChange.merchant_id == Confirmation.merchant_id, EmailChange.id == Confirmation.change_id),
        )
        .where(
            Confirmation.merchant_id == change.merchant_id, Confirmation.customer_id == change.customer_id,
            Confirmation.purpose == "undo", Confirmation.closed_at.is_(None),
            EmailChange.merchant_id == change.merchant_id, EmailChange.changed_at < change.changed_at,
        )
    ).first()  # fmt: skip
    return (row.expires_at or row.created_at + HOUR) if row is not None else None


def _steps_from(session: Session, change: EmailChange) -> list[EmailChange]:
    """Return a change and those that the customer made from there, one upon the other; what the merchant set in between ends them."""
    later = session.execute(
        sa.select(EmailChange)
        .where(
            EmailChange.merchant_id == change.merchant_id, EmailChange.customer_id == change.customer_id,
            EmailChange.changed_at >= change.changed_at, EmailChange.id != change.id, EmailChange.undone_at.is_(None),
        )
        .order_by(EmailChange.changed_at, EmailChange.id)
    ).scalars()  # fmt: skip
    steps = [change]
    for each in later:
        if each.old_email == steps[-1].new_email:
            steps.append(each)
    return steps
