"""What is done with notices: record reminders, choose kinds, add and end copies to other addresses."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from types import MappingProxyType
from typing import Any

from sqlalchemy.orm import Session

from portal.customers.operations import lock_customer
from portal.customers.queries.customers import find_customer
from portal.customers.rules.profiles import email_key, mailbox_of
from portal.events.operations import record
from portal.events.rules import SYSTEM, WORKER, Actor, Event, EventType, customer_actor
from portal.invoices.operations.status import record_invoice
from portal.invoices.queries.imported import lock_invoice
from portal.invoices.rules import is_payable
from portal.notice_kinds import KINDS, STOPPABLE
from portal.notices.errors import CopyRefused, TooManyInvitations
from portal.notices.models import InvoiceReminder, NoticeCopy, NoticePreference
from portal.notices.queries import find_copy, has_reminder, list_copies, read_choices
from portal.notices.rules import (
    COPY,
    INVITATION_DAYS,
    INVITATIONS_PER_HOUR,
    INVITATIONS_TO_ADDRESS_PER_HOUR,
    MAX_COPIES,
    StopClaim,
    Window,
    copy_of,
    is_stop_proved,
)
from portal.outbox.operations import enqueue, enqueue_once
from portal.public_ids import new_id
from portal.settings import Settings
from portal.sign_in.operations.limits import HOUR, count_up, limit_key
from portal.sign_in.rules.tokens import address_digest
from portal.tenancy import MerchantScope, Scope


def record_reminder(session: Session, merchant_id: str, invoice_id: str, window: Window, *, at: datetime) -> bool:
    """Record that an invoice is due soon or overdue, which causes its mail; False where that is done, or nothing is to be reminded of.

    Raises IntegrityError where two record the same at once.
    """
    invoice = lock_invoice(session, MerchantScope(merchant_id), invoice_id)
    if not is_payable(invoice.status, invoice.amount_due, invoice.amount_reserved):
        return False
    if not window.first_due_on <= invoice.due_on <= window.last_due_on:
        return False
    if has_reminder(session, MerchantScope(merchant_id), invoice_id, invoice.due_on, window.days):
        return False
    session.add(
        InvoiceReminder(
            merchant_id=merchant_id, invoice_id=invoice_id, due_on=invoice.due_on, days=window.days, created_at=at
        )
    )
    event_type = EventType.INVOICE_OVERDUE if window.days > 0 else EventType.INVOICE_DUE_SOON
    record_invoice(session, invoice, event_type, actor=WORKER, at=at, days=window.days)
    return True


def choose_notices(
    session: Session, scope: Scope, chosen: Mapping[str, bool], *, actor: Actor, at: datetime, by: str = "page"
) -> bool:
    """Store which kinds a customer wants, those alone that can be stopped; return whether that changed anything.

    `by` is recorded with the event: page, or link for one that stopped them from a mail.
    """
    lock_customer(session, scope)
    before = read_choices(session, scope)
    known = {kind.name for kind in STOPPABLE}
    changes = {name: is_on for name, is_on in chosen.items() if name in known and before.get(name) != is_on}
    for name, is_on in changes.items():
        session.merge(
            NoticePreference(
                merchant_id=scope.merchant_id, customer_id=scope.customer_id, kind=name, is_on=is_on, updated_at=at
            )
        )
    if changes:
        previous = {"kinds": {name: before.get(name) for name in changes}}
        _record(session, scope, actor, at, previous=previous, changed=sorted(changes), by=by)
    return bool(changes)


def add_copy(session: Session, settings: Settings, scope: Scope, address: str, *, actor: Actor, at: datetime) -> str:
    """Ask another address whether it wants the customer's copies; return the copy's id. Nothing goes there until it agrees.

    `address` is as `normalise_email` returns it. Raises CopyRefused and TooManyInvitations.
    """
    lock_customer(session, scope)
    customer = find_customer(session, MerchantScope(scope.merchant_id), scope.customer_id)
    copies = list_copies(session, scope)
    key = email_key(address)
    if customer is None or not customer.email or email_key(customer.email) == key:
        raise CopyRefused("own")
    if any(email_key(copy.address) == key for copy in copies):
        raise CopyRefused("known")
    if len(copies) >= MAX_COPIES:
        raise CopyRefused("too_many")
    _count_invitation(session, settings, scope, address, at)
    copy_id = new_id(COPY, at)
    session.add(
        NoticeCopy(
            merchant_id=scope.merchant_id, id=copy_id, customer_id=scope.customer_id, address=address, address_key=key,
            created_at=at,
        )
    )  # fmt: skip
    session.flush()
    enqueue(session, scope.merchant_id, "copy_invitation_mail", {"copy": copy_id}, at=at)
    _record(session, scope, actor, at, copy=copy_id, by="page", act="copy_added")
    return copy_id


def find_invitation(
    session: Session, settings: Settings, merchant_id: str, token: str, *, at: datetime
) -> NoticeCopy | None:
    """Return the copy of an invitation's link, while it may still be answered; one that agreed already too."""
    copy_id = copy_of(settings.keys, merchant_id, token)
    copy = session.get(NoticeCopy, (merchant_id, copy_id)) if copy_id is not None else None
    if copy is None or copy.ended_at is not None:
        return None
    if copy.agreed_at is None and at >= copy.created_at + timedelta(INVITATION_DAYS):
        return None
    return copy


def agree_to_copies(session: Session, settings: Settings, merchant_id: str, token: str, *, at: datetime) -> bool:
    """Let copies go to the address of an invitation; False where the link does not work any more. Repeated, it changes nothing."""
    copy = find_invitation(session, settings, merchant_id, token, at=at)
    if copy is None:
        return False
    if copy.agreed_at is None:
        copy.agreed_at = at
        _record(
            session, Scope(merchant_id, copy.customer_id), SYSTEM, at, copy=copy.id, by="address", act="copy_agreed"
        )
    return True


def decline_copies(session: Session, settings: Settings, merchant_id: str, token: str, *, at: datetime) -> bool:
    """End the copies that an invitation is about, before they began or after; False where the link does not work any more."""
    copy = find_invitation(session, settings, merchant_id, token, at=at)
    if copy is None:
        return False
    return end_copy(session, Scope(merchant_id, copy.customer_id), copy.id, actor=SYSTEM, at=at, by="address")


def end_copy(session: Session, scope: Scope, copy_id: str, *, actor: Actor, at: datetime, by: str = "page") -> bool:
    """End the copies to an address; False for one that is not the customer's or has ended."""
    copy = session.get(NoticeCopy, (scope.merchant_id, copy_id), with_for_update=True)
    if copy is None or copy.customer_id != scope.customer_id or copy.ended_at is not None:
        return False
    copy.ended_at = at
    _record(session, scope, actor, at, copy=copy_id, by=by, act="copy_ended")
    return True


def end_copies_since(session: Session, scope: Scope, since: datetime, *, actor: Actor, at: datetime) -> None:
    """End the copies that were asked for since an instant, agreed or not: whoever asked may not have been the customer."""
    for copy in list_copies(session, scope):
        if copy.created_at >= since:
            end_copy(session, scope, copy.id, actor=actor, at=at, by="undo")


@dataclass(frozen=True, slots=True)
class Stopping:
    """What an unsubscribe link stops: `kind` of the customer at `address`, or the copies `copy_id` to it."""

    scope: Scope
    address: str
    kind: str = ""
    copy_id: str = ""


def find_stopping(session: Session, settings: Settings, merchant_id: str, claim: StopClaim | None) -> Stopping | None:
    """Return what a link stops, once its proof is checked; None for a link that is not ours, of another merchant, of a deleted
    customer, or of a mailbox that is not the customer's any more."""
    if claim is None:
        return None
    scope = MerchantScope(merchant_id)
    if claim.kind in KINDS:
        customer = find_customer(session, scope, claim.subject_id)
        if customer is None or not customer.email:
            return None
        found = Stopping(Scope(merchant_id, customer.id), customer.email, kind=claim.kind)
    else:
        copy = find_copy(session, scope, claim.subject_id)
        if copy is None:
            return None
        found = Stopping(Scope(merchant_id, copy.customer_id), copy.address, copy_id=copy.id)
    return found if is_stop_proved(settings.keys, merchant_id, claim, mailbox_of(found.address)) else None


def stop_notices(session: Session, stopping: Stopping, *, is_all: bool, request_id: str | None, at: datetime) -> None:
    """Stop what a link names, or every kind that can be stopped; repeated, it changes nothing."""
    if stopping.copy_id:
        end_copy(session, stopping.scope, stopping.copy_id, actor=SYSTEM, at=at, by="link")
        return
    names = [kind.name for kind in STOPPABLE] if is_all else [stopping.kind]
    actor = customer_actor(stopping.scope.customer_id, request_id=request_id)
    choose_notices(session, stopping.scope, dict.fromkeys(names, False), actor=actor, at=at, by="link")


def enqueue_copies(
    session: Session,
    merchant_id: str,
    message_id: str,
    copy_ids: Collection[str],
    mail: str,
    payload: Mapping[str, Any],
    *,
    at: datetime,
) -> None:
    """Queue one message for each address that gets a copy of the mail of another message; once each, however often it is called."""
    for copy_id in copy_ids:
        own_id = f"{message_id}-{copy_id.partition('_')[2]}"
        content = {"copy": copy_id, "mail": mail, "payload": dict(payload)}
        enqueue_once(session, merchant_id, own_id, "copy_mail", content, at=at)


def enqueue_for_person(
    session: Session,
    merchant_id: str,
    message_id: str,
    person_id: str,
    mail: str,
    payload: Mapping[str, Any],
    *,
    at: datetime,
) -> None:
    """Queue the mail of another message to a person of the account; once, however often it is called."""
    content = {"person": person_id, "mail": mail, "payload": dict(payload)}
    enqueue_once(
        session, merchant_id, f"{message_id}-{person_id.partition('_')[2]}", "person_copy_mail", content, at=at
    )


def _count_invitation(session: Session, settings: Settings, scope: Scope, address: str, at: datetime) -> None:
    """Count an invitation by customer and by address: nobody can have strangers mailed again and again."""
    digest = address_digest(settings.keys, scope.merchant_id, mailbox_of(address))
    for key, most in (
        (limit_key("copy-customer", sha256(scope.customer_id.encode()).digest()), INVITATIONS_PER_HOUR),
        (limit_key("copy-address", digest), INVITATIONS_TO_ADDRESS_PER_HOUR),
    ):
        tally = count_up(session, scope.merchant_id, key, at=at, window=HOUR)
        if tally.count > most:
            raise TooManyInvitations(tally.started_at + HOUR, at)


def _record(
    session: Session,
    scope: Scope,
    actor: Actor,
    at: datetime,
    *,
    previous: Mapping[str, Any] = MappingProxyType({}),
    **details: Any,
) -> None:
    session.flush()
    copies = list_copies(session, scope)
    shape = {
        "id": scope.customer_id,
        "object": "notice_preferences",
        "customer": scope.customer_id,
        "kinds": read_choices(session, scope),
        "copies": [{"address": copy.address, "agreed": copy.agreed_at is not None} for copy in copies],
    }
    event = Event(
        type=EventType.NOTICE_PREFERENCES_UPDATED,
        merchant_id=scope.merchant_id,
        object_id=scope.customer_id,
        customer_id=scope.customer_id,
        object=shape,
        previous=previous,
        details=details,
        at=at,
    )
    record(session, actor, event)
