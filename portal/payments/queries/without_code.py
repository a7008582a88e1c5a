"""Reads what a customer paid with saved methods since a fresh code covered it, so that an amount is not split into parts below the limit."""

from __future__ import annotations

from datetime import datetime, timedelta

import sqlalchemy as sa

from portal.database import Reader, table_of
from portal.payments.models import Payment
from portal.payments.rules.statuses import ENDED_WITHOUT_MONEY
from portal.public_ids import first_id
from portal.tenancy import Scope, parameters_of

WINDOW = timedelta(hours=24)
"""How long a payment counts."""


def sum_without_code(
    reader: Reader, scope: Scope, currency: str, *, covered_until: datetime | None, expires_hours: int, now: datetime
) -> int:
    """Return what the customer's saved methods were charged or are being charged, in minor units, by payments of the last 24 hours that were
    confirmed after `covered_until`: the end of the time for which the last fresh code of this session held, None where it had none.

    Those of all of the customer's sessions count: whoever has stolen one may have stolen two. What ended without money does not.
    """
    # A code that still holds covers no payment to come.
    since = max(now - WINDOW, min(covered_until, now)) if covered_until is not None else now - WINDOW
    found = reader.execute(
        _SUM,
        {
            **parameters_of(scope),
            "currency": currency,
            "since": since,
            "first_id": first_id("pay", since - timedelta(hours=expires_hours)),
        },
    )
    return int(found.scalar() or 0)


_P = table_of(Payment).c
_SUM = sa.select(sa.func.sum(_P.amount - _P.credit_amount)).where(
    _P.merchant_id == sa.bindparam("merchant_id"),
    _P.customer_id == sa.bindparam("customer_id"),
    # Ids carry the time of creation: a checkout is confirmed at most some hours later.
    _P.id >= sa.bindparam("first_id"),
    _P.listed,
    # One that was entered anew, and saved by the payment, was typed by whoever has the card.
    _P.way == "saved_method",
    _P.pay_link_id.is_(None),
    _P.currency == sa.bindparam("currency"),
    _P.confirmed_at >= sa.bindparam("since"),
    _P.status.not_in(sorted(ENDED_WITHOUT_MONEY)),
)
