"""Makes and revokes pay links, and gives the address of one at the time when it is sent."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.orm import Session

from portal.events.operations import record
from portal.events.rules import Actor, Event, EventType
from portal.invoices.queries.invoices import StoredInvoice, get_invoice
from portal.invoices.rules import OUTSTANDING
from portal.pay_links.errors import NotToBePaid
from portal.pay_links.models import PayLink
from portal.pay_links.rules import PREFIX, link_token
from portal.public_ids import new_id
from portal.settings import Settings
from portal.tenancy import MerchantScope


def create_pay_link(session: Session, scope: MerchantScope, invoice_id: str, *, actor: Actor, at: datetime) -> str:
    """Return the id of the invoice's pay link, made now where it has none that stands; one that was revoked is followed by a new one.

    Raises NotFound, and NotToBePaid for an invoice that nobody has to pay.
    """
    invoice = get_invoice(session, scope, invoice_id)
    return _find_standing(session, scope, invoice_id) or _create(session, scope, invoice, actor=actor, at=at)


def revoke_pay_link(session: Session, scope: MerchantScope, invoice_id: str, *, actor: Actor, at: datetime) -> bool:
    """Revoke the invoice's pay link; return False where it has none that stands. Payments that were confirmed by it go on.

    Mails bring no new one (`pay_link_url`): only `create_pay_link` does. Raises NotFound.
    """
    invoice = get_invoice(session, scope, invoice_id)
    statement = (
        sa.update(PayLink)
        .where(PayLink.merchant_id == scope.merchant_id, PayLink.invoice_id == invoice_id, PayLink.revoked_at.is_(None))
        .values(revoked_at=at)
        .returning(PayLink.id)
    )
    link_id = session.execute(statement).scalar()
    if link_id is None:
        return False
    _record(session, EventType.PAY_LINK_REVOKED, scope, invoice, link_id, actor=actor, at=at)
    return True


def pay_link_url(
    session: Session,
    settings: Settings,
    scope: MerchantScope,
    slug: str,
    invoice_id: str,
    *,
    actor: Actor,
    at: datetime,
) -> str | None:
    """Return the address at which an invoice is paid without signing in, for a mail that is being sent now.

    Called when the mail is rendered, never when it is queued: the address must not be at rest, neither in the outbox nor in a log. The
    link is made where the invoice never had one. None where the invoice is not to be paid, and where its link was revoked: that decision
    stands until somebody makes a new one. `slug` is the merchant's. Whoever has the address can see and pay the invoice, so that it goes
    to addresses of the customer and its copies alone. Raises NotFound.
    """
    invoice = get_invoice(session, scope, invoice_id)
    if invoice.status not in OUTSTANDING:
        return None
    link_id = _find_standing(session, scope, invoice_id)
    if link_id is None and _has_any(session, scope, invoice_id):
        return None
    link_id = link_id or _create(session, scope, invoice, actor=actor, at=at)
    return address_of(settings, scope.merchant_id, slug, link_id)


def address_of(settings: Settings, merchant_id: str, slug: str, link_id: str) -> str:
    """Return the address of a link, absolute. It opens the invoice: print it for the merchant, mail it, and keep it nowhere."""
    return settings.page_url(slug, f"/pay/{link_token(settings.keys, merchant_id, link_id)}")


def _create(session: Session, scope: MerchantScope, invoice: StoredInvoice, *, actor: Actor, at: datetime) -> str:
    if invoice.status not in OUTSTANDING:
        raise NotToBePaid(invoice.status)
    columns = {
        "merchant_id": scope.merchant_id, "id": new_id(PREFIX, at), "customer_id": invoice.customer_id, "invoice_id": invoice.id,
        "created_at": at,
    }  # fmt: skip
    insert = sqlite_insert if session.get_bind().dialect.name == "sqlite" else postgresql_insert
    statement = (
        insert(PayLink)
        .values(**columns)
        .on_conflict_do_nothing(index_elements=["merchant_id", "invoice_id"], index_where=PayLink.revoked_at.is_(None))
        .returning(PayLink.id)
    )
    made = session.execute(statement).scalar()
    if made is not None:
        _record(session, EventType.PAY_LINK_CREATED, scope, invoice, made, actor=actor, at=at)
        return str(made)
    # Somebody made it at the same moment: the index decided, and there is one, unless it was revoked within that moment.
    return _find_standing(session, scope, invoice.id) or _create(session, scope, invoice, actor=actor, at=at)


def _find_standing(session: Session, scope: MerchantScope, invoice_id: str) -> str | None:
    return session.execute(_of_invoice(scope, invoice_id).where(PayLink.revoked_at.is_(None))).scalar()


def _has_any(session: Session, scope: MerchantScope, invoice_id: str) -> bool:
    return session.execute(_of_invoice(scope, invoice_id).limit(1)).first() is not None


def _of_invoice(scope: MerchantScope, invoice_id: str) -> sa.Select[Any]:
    return sa.select(PayLink.id).where(PayLink.merchant_id == scope.merchant_id, PayLink.invoice_id == invoice_id)


def _record(
    session: Session,
    event_type: EventType,
    scope: MerchantScope,
    invoice: StoredInvoice,
    link_id: str,
    *,
    actor: Actor,
    at: datetime,
) -> None:
    event = Event(
        type=event_type,
        merchant_id=scope.merchant_id,
        object_id=link_id,
        customer_id=invoice.customer_id,
        details={"invoice": invoice.id},
        at=at,
    )
    record(session, actor, event)
