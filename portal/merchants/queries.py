"""Reads of the merchant: who it is, as every request and job needs it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from portal.database import Reader
from portal.merchants.models import GatewayAccount, Merchant
from portal.merchants.rules.payment_options import PaymentOptions
from portal.tenancy import MerchantScope


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

    def day_of(self, instant: datetime) -> date:
        """The day it is at the merchant's: what is due, and which card has run out, goes by that one."""
        return instant.astimezone(ZoneInfo(self.timezone)).date()


_COLUMNS = [getattr(Merchant, name) for name in MerchantProfile.__dataclass_fields__]
# Put together once: every page asks for a merchant, and to write the statement down costs as much as to run it.
_BY_SLUG = sa.select(*_COLUMNS).where(Merchant.slug == sa.bindparam("slug"))
_BY_ID = sa.select(*_COLUMNS).where(Merchant.id == sa.bindparam("id"))


def find_merchant(reader: Reader, slug: str) -> MerchantProfile | None:
    """The merchant of a slug, disabled ones included."""
    row = reader.execute(_BY_SLUG, {"slug": slug}).first()
    return MerchantProfile(*row) if row else None


def get_merchant(reader: Reader, merchant_id: str) -> MerchantProfile:
    """The merchant of an id that a row of ours carries; raises NoResultFound when there is none."""
    return MerchantProfile(*reader.execute(_BY_ID, {"id": merchant_id}).one())


def list_merchants(reader: Reader) -> list[MerchantProfile]:
    """All merchants of the installation, by slug."""
    return [MerchantProfile(*row) for row in reader.execute(sa.select(*_COLUMNS).order_by(Merchant.slug))]


@dataclass(frozen=True, slots=True)
class AccountRow:
    """A merchant's account at a gateway, as it is kept."""

    slug: str
    mode: str
    gateway: str
    is_used: bool
    sealed: bytes
    updated_at: datetime


def list_accounts(reader: Reader) -> list[AccountRow]:
    """All accounts at gateways of the installation, by the merchant's slug; the one that it pays through is `is_used`."""
    statement = (
        sa.select(
            Merchant.slug,
            Merchant.mode,
            GatewayAccount.gateway,
            (Merchant.gateway == GatewayAccount.gateway),
            GatewayAccount.secrets,
            GatewayAccount.updated_at,
        )
        .join(GatewayAccount, GatewayAccount.merchant_id == Merchant.id)
        .order_by(Merchant.slug, GatewayAccount.gateway)
        .execution_options(tenant_wide=True)
    )
    return [AccountRow(*row) for row in reader.execute(statement)]


def find_sealed_secrets(reader: Reader, merchant_id: str, gateway: str) -> bytes | None:
    """What a merchant's account at a gateway opens with, encrypted; None when it has none."""
    statement = sa.select(GatewayAccount.secrets).where(
        GatewayAccount.merchant_id == merchant_id, GatewayAccount.gateway == gateway
    )
    return reader.execute(statement).scalar()


class SealedAccount(NamedTuple):
    """A merchant's account at a gateway, with what it opens with, encrypted."""

    gateway: str
    sealed: bytes
    mode: str


def find_gateway_account(reader: Reader, scope: MerchantScope, gateway: str | None) -> SealedAccount | None:
    """Return the merchant's account at a gateway, of None given the one that it takes payments through."""
    row = reader.execute(
        sa.select(GatewayAccount.gateway, GatewayAccount.secrets, Merchant.mode)
        .join(Merchant, Merchant.id == GatewayAccount.merchant_id)
        .where(
            GatewayAccount.merchant_id == scope.merchant_id,
            GatewayAccount.gateway == (Merchant.gateway if gateway is None else gateway),
        )
    ).first()
    return SealedAccount._make(row) if row is not None else None
