"""How a payment stands for its customer, as columns for the pages' own statements.

A payment that is `requires_action` asks something of the customer only where there is something to do: a bank's or a gateway's page.
Where the response with the page's address was lost, or the payment is being stopped, nobody is asked, and it is shown as what is being checked. One that is confirmed and
not at the gateway yet is shown as what is being sent, which depends on the time: each statement with these columns is given the values of
`standing_at`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from portal.database import Id, Instant, Minor
from portal.payments.models import Payment, PaymentAllocation
from portal.payments.queries.holders import ACTIVE
from portal.payments.rules.sending import in_flight_since
from portal.payments.rules.statuses import SENDING, UNSETTLED
from portal.refunds.models import Refund

_PAYMENTS = Payment.__table__
_ALLOCATIONS = PaymentAllocation.__table__
_REFUNDS = Refund.__table__
_BY_WEIGHT = [
    (name, sa.literal_column(f"'{name}'", Id)) for name in ("requires_action", "processing", SENDING, "pending")
]
_UNSETTLED = [sa.literal_column(f"'{status}'", Id) for status in sorted(UNSETTLED)]


def is_unsettled() -> sa.ColumnElement[bool]:
    """Return the condition that money is under way: confirmed, and without a proven outcome. Its statuses are literals, for an index."""
    condition: sa.ColumnElement[bool] = _PAYMENTS.c.status.in_(_UNSETTLED)
    return condition


def standing_at(now: datetime) -> Mapping[str, datetime]:
    """Return the parameters of a statement with a column of this module, for its standing at an instant."""
    return {"in_flight_since": in_flight_since(now)}


def shown_digits() -> sa.ColumnElement[str | None]:
    """Return the last digits of a payment's method as pages show them: none of what somebody paid with by a pay link."""
    p = _PAYMENTS.c
    return sa.case((p.pay_link_id.is_(None), p.method_last4)).label("method_last4")


def shown_status() -> sa.ColumnElement[str]:
    """Return the status that pages show (`rules.statuses.shown_status` in SQL)."""
    p = _PAYMENTS.c
    last_sent_at = sa.func.coalesce(p.last_sent_at, p.sent_at)
    is_being_sent = sa.and_(
        p.status == sa.literal_column("'processing'", Id),
        p.confirmed_at.is_not(None),
        sa.or_(
            last_sent_at.is_(None),
            sa.and_(p.updated_at < last_sent_at, last_sent_at > sa.bindparam("in_flight_since", type_=Instant())),
        ),
    )
    nobody_is_asked = sa.and_(
        is_unsettled(),
        sa.or_(
            sa.and_(
                p.method_type.is_(None),
                p.channel.is_(None),
                p.action_url.is_(None),
                p.gateway_page_reference.is_(None),
            ),
            p.stop_requested_at.is_not(None),
        ),
    )
    return sa.case(
        (is_being_sent, sa.literal_column(f"'{SENDING}'", Id)),
        (nobody_is_asked, sa.literal_column("'processing'", Id)),
        else_=p.status,
    )


def standing_of_invoice(invoices: Any) -> sa.ColumnElement[str | None]:
    """Return what payments do with an invoice, for the columns of `invoices` in the statement around it: the shown status of the payment
    that holds it, what `refund_status` says of a paid one, else null."""
    i = invoices
    return sa.case(
        (i.amount_reserved > sa.literal_column("0", Minor), holder_status(i.merchant_id, i.id)),
        (i.status == sa.literal_column("'paid'", Id), refund_status(i.merchant_id, i.id)),
    )


def holder_status(merchant_id: Any, invoice_id: Any) -> sa.ScalarSelect[str]:
    """Return the shown status of the payment that holds an invoice; of the two of a split the one that asks most of the customer.

    The arguments are columns of the statement around it.
    """
    # The one that is first by its digit: without an order, which would sort for each row.
    ranked = sa.case(
        *((status, sa.literal_column(f"'{rank}{name}'", Id)) for rank, (name, status) in enumerate(_BY_WEIGHT)),
        value=shown_status(),
    )
    return (
        _of_invoice(sa.func.substr(sa.func.min(ranked), sa.literal_column("2")), merchant_id, invoice_id)
        .where(_ALLOCATIONS.c.state == sa.literal_column(f"'{ACTIVE}'", Id))
        .scalar_subquery()
    )


def refund_status(merchant_id: Any, invoice_id: Any) -> sa.ScalarSelect[str]:
    """Return "returning" while money of the payments that paid an invoice is on its way back, "refunded" where all of them went back,
    "partially_refunded" where something did, else null."""
    p, r = _PAYMENTS.c, _REFUNDS.c
    returning, refunded, partially, complete = (
        sa.literal_column(f"'{word}'", Id) for word in ("returning", "refunded", "partially_refunded", "complete")
    )
    is_returning = sa.exists().where(
        r.merchant_id == p.merchant_id, r.payment_id == p.id, r.status == sa.literal_column("'pending'", Id)
    )
    money_went_back = p.amount_refunded > sa.literal_column("0", Minor)
    state = sa.case((sa.and_(money_went_back, is_returning), returning), else_=p.status)
    # By the alphabet: complete, partially_refunded, refunded, returning.
    least, most = sa.func.min(state), sa.func.max(state)
    standing = sa.case((most == returning, returning), (least == refunded, refunded), (most > complete, partially))
    return (
        _of_invoice(standing, merchant_id, invoice_id)
        .where(_ALLOCATIONS.c.state == sa.literal_column("'settled'", Id))
        .scalar_subquery()
    )


def _of_invoice(column: sa.ColumnElement[str], merchant_id: Any, invoice_id: Any) -> sa.Select[Any]:
    p, a = _PAYMENTS.c, _ALLOCATIONS.c
    return (
        sa.select(column)
        .select_from(_ALLOCATIONS.join(_PAYMENTS, sa.and_(p.merchant_id == a.merchant_id, p.id == a.payment_id)))
        .where(a.merchant_id == merchant_id, a.invoice_id == invoice_id)
    )
