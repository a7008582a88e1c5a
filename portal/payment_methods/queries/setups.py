"""Reads of setups: the ways to a gateway's page on which a method is entered to be saved."""

from __future__ import annotations

from typing import NamedTuple

import sqlalchemy as sa

from portal.database import Reader
from portal.errors import NotFound
from portal.payment_methods.models import PaymentMethodSetup
from portal.public_ids import is_id
from portal.tenancy import ReadScope, within


class SetupRecord(NamedTuple):
    """A setup as its page shows it; `status` and `failure_code` as in the table."""

    id: str
    status: str
    gateway: str
    replaces: str | None
    payment_method_id: str | None
    action_url: str | None
    failure_code: str | None


def get_setup(reader: Reader, scope: ReadScope, setup_id: str) -> SetupRecord:
    """Return one setup. Raises NotFound for one outside of the scope, an unknown and a malformed id alike."""
    found = find_setup(reader, scope, setup_id)
    if found is None:
        raise NotFound
    return found


def find_setup(reader: Reader, scope: ReadScope, setup_id: str) -> SetupRecord | None:
    """Return one setup."""
    if not is_id("pms", setup_id):
        return None
    row = reader.execute(
        sa.select(*(getattr(PaymentMethodSetup, name) for name in SetupRecord._fields)).where(
            *within(scope, PaymentMethodSetup.merchant_id, PaymentMethodSetup.customer_id),
            PaymentMethodSetup.id == setup_id,
        )
    ).first()
    return SetupRecord._make(row) if row is not None else None
