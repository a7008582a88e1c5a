"""Reads of the merchant: who it is, as every request and job needs it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from portal.database import Reader
from portal.merchants.models import Merchant
from portal.merchants.payment_options import PaymentOptions


@dataclass(frozen=True, slots=True)
class MerchantProfile:
    """What a request needs to know of its merchant; may be a few seconds old."""

    id: str
    slug: str
    mode: str
    status: str
    name: str
    legal_name: str
    address_lines: list[str]
    currency: str
    locale: str
    timezone: str
    theme: str
    support_email: str | None
    due_days: int
    gateway: str
    payment_options: dict[str, Any]

    @property
    def options(self) -> PaymentOptions:
        """How its customers may pay."""
        return PaymentOptions.read(self.payment_options)

    @property
    def is_live(self) -> bool:
        return self.mode == "live"


_COLUMNS = [getattr(Merchant, name) for name in MerchantProfile.__dataclass_fields__]


def find_merchant(reader: Reader, slug: str) -> MerchantProfile | None:
    """The merchant of a slug, disabled ones included."""
    row = reader.execute(sa.select(*_COLUMNS).where(Merchant.slug == slug)).first()
    return MerchantProfile(*row) if row else None


def get_merchant(reader: Reader, merchant_id: str) -> MerchantProfile:
    """The merchant of an id that a row of ours carries; raises NoResultFound when there is none."""
    return MerchantProfile(*reader.execute(sa.select(*_COLUMNS).where(Merchant.id == merchant_id)).one())


def list_merchants(reader: Reader) -> list[MerchantProfile]:
    """All merchants of the installation, by slug."""
    return [MerchantProfile(*row) for row in reader.execute(sa.select(*_COLUMNS).order_by(Merchant.slug))]
