"""Reads of the merchant, as every request and job needs it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.orm import Session

from portal.database import Reader, table_of
from portal.merchants.models import ApiKey, GatewayAccount, Merchant
from portal.merchants.rules.merchant_settings import MerchantSettings, read_stored
from portal.merchants.rules.payment_options import PaymentOptions
from portal.tenancy import MerchantScope


@dataclass(frozen=True, slots=True)
class MerchantProfile:
    """The settings of a merchant, as a request needs them; may be a few seconds old."""

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
    stored_settings: dict[str, Any]

    @property
    def settings(self) -> MerchantSettings:
        """What the merchant decides: pages, fields, amounts."""
        return read_stored(self.stored_settings)

    @property
    def options(self) -> PaymentOptions:
        """How the merchant's customers may pay."""
        return self.settings.payment_options

    @property
    def is_live(self) -> bool:
        return self.mode == "live"

    def day_of(self, instant: datetime) -> date:
        """Return the date in the merchant's timezone, which decides what is due and which card has expired."""
        return instant.astimezone(ZoneInfo(self.timezone)).date()


_MERCHANTS = table_of(Merchant).c
_COLUMNS = [_MERCHANTS[name.removeprefix("stored_")] for name in MerchantProfile.__dataclass_fields__]
# Built once: every page reads a merchant, and building the statement costs as much as running it.
_BY_SLUG = sa.select(*_COLUMNS).where(_MERCHANTS.slug == sa.bindparam("slug"))
_BY_ID = sa.select(*_COLUMNS).where(_MERCHANTS.id == sa.bindparam("id"))
_ALL = sa.select(*_COLUMNS).order_by(_MERCHANTS.slug)


def find_merchant(reader: Reader, slug: str) -> MerchantProfile | None:
    """Return the merchant of a slug, disabled ones included."""
    row = reader.execute(_BY_SLUG, {"slug": slug}).first()
    return MerchantProfile(*row) if row else None


def get_merchant(reader: Reader, merchant_id: str) -> MerchantProfile:
    """Return the merchant of an id of a stored row. Raises NoResultFound when there is none."""
    return MerchantProfile(*reader.execute(_BY_ID, {"id": merchant_id}).one())


def lock_merchant(session: Session, merchant_id: str) -> None:
    """Take the merchant's turn until the end of the transaction, for what has to be unique within it and has no index that says so.

    Rows that refer to the merchant are still written meanwhile.
    """
    session.execute(sa.select(Merchant.id).where(Merchant.id == merchant_id).with_for_update(key_share=True))


def list_merchants(reader: Reader) -> list[MerchantProfile]:
    """Return all merchants of the installation, by slug."""
    return [MerchantProfile(*row) for row in reader.execute(_ALL)]


class StoredKey(NamedTuple):
    """An API key as it may be shown: the key itself is not stored."""

    id: str
    shown_prefix: str
    scopes: list[str]
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None


def list_api_keys(reader: Reader, scope: MerchantScope) -> list[StoredKey]:
    """Return all API keys of a merchant, revoked ones too, newest first; they are never many."""
    columns = [getattr(ApiKey, name) for name in StoredKey._fields]
    rows = reader.execute(sa.select(*columns).where(ApiKey.merchant_id == scope.merchant_id).order_by(ApiKey.id.desc()))
    return [StoredKey._make(row) for row in rows]


def find_key_owner(reader: Reader, key_id: str) -> str | None:
    """Return the id of the merchant of an API key, None for an unknown key: for a command, which names the key alone."""
    statement = sa.select(ApiKey.merchant_id).where(ApiKey.id == key_id).execution_options(tenant_wide=True)
    return reader.execute(statement).scalar()


@dataclass(frozen=True, slots=True)
class AccountRow:
    """A merchant's account at a gateway, as it is stored."""

    slug: str
    mode: str
    gateway: str
    is_used: bool
    encrypted_secrets: bytes
    updated_at: datetime


def list_accounts(reader: Reader) -> list[AccountRow]:
    """Return all accounts at gateways of the installation, by the merchant's slug; `is_used` marks the one in use."""
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


def find_encrypted_secrets(reader: Reader, merchant_id: str, gateway: str) -> bytes | None:
    """Return the encrypted secrets of a merchant's account at a gateway; None when it has none."""
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
