"""Operations on merchants: create one, create an API key, connect a gateway."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from portal.contacts import ContactRefused, normalise_email, normalise_name
from portal.events.operations import record
from portal.events.rules import Actor, Event, EventType
from portal.merchants.errors import InvalidMerchant, SandboxNotForLive, SecretsUnreadable, SlugTaken, UnknownApiKey
from portal.merchants.models import MODES, ApiKey, GatewayAccount, Merchant
from portal.merchants.queries import MerchantProfile, get_merchant
from portal.merchants.rules.merchant_settings import MerchantSettings, read_stored, stored_settings, write_document
from portal.merchants.rules.merchants import (
    api_key_digest,
    checked_currency,
    checked_locale,
    checked_scopes,
    checked_slug,
    checked_timezone,
    new_api_key,
    shown_prefix,
)
from portal.merchants.rules.secrets import encrypt_secrets, is_newest, rotate_secrets
from portal.public_ids import new_id

BASE_THEME = "base"
NO_GATEWAY = "none"
SANDBOX = "sandbox"


@dataclass(frozen=True, slots=True)
class NewMerchant:
    """The details of a merchant to create. `themes` are the slugs of the themes that the installation has."""

    slug: str
    name: str
    currency: str
    mode: str = "test"
    locale: str = "en"
    timezone: str = "UTC"
    theme: str = BASE_THEME
    themes: Collection[str] = (BASE_THEME,)
    legal_name: str = ""
    address_lines: Sequence[str] = ()
    support_email: str | None = None
    due_days: int = 30
    gateway: str | None = None
    settings: MerchantSettings = field(default_factory=MerchantSettings)


def create_merchant(session: Session, new: NewMerchant, *, actor: Actor, at: datetime) -> MerchantProfile:
    """Create a merchant. A test one uses the sandbox unless another gateway is given, a live one none until it is connected.

    Raises InvalidMerchant, SlugReserved, SlugTaken, SandboxNotForLive.
    """
    merchant = _checked(new, at)
    if session.execute(sa.select(Merchant.id).where(Merchant.slug == merchant.slug)).first():
        raise SlugTaken(f"another merchant has the slug {merchant.slug}")
    session.add(merchant)
    session.flush()
    _record(session, merchant.id, EventType.MERCHANT_CREATED, merchant.id, actor, at)
    return get_merchant(session, merchant.id)


@dataclass(frozen=True, slots=True)
class MerchantChanges:
    """What is to be changed of a merchant; None leaves it as it is. An empty `support_email` removes it."""

    name: str | None = None
    currency: str | None = None
    locale: str | None = None
    timezone: str | None = None
    theme: str | None = None
    support_email: str | None = None


def update_merchant(
    session: Session,
    merchant_id: str,
    changes: MerchantChanges,
    *,
    themes: Collection[str],
    actor: Actor,
    at: datetime,
) -> MerchantProfile:
    """Change what is given, and return the merchant. `themes` are the slugs of the themes that the installation has.

    A legal name that was the name goes with it; what invoices say already stays. Raises InvalidMerchant.
    """
    merchant = session.get_one(Merchant, merchant_id, with_for_update=True)
    new = _checked_changes(changes, themes)
    if "name" in new and merchant.legal_name == merchant.name:
        new["legal_name"] = new["name"]
    changed = sorted(name for name, value in new.items() if getattr(merchant, name) != value)
    if changed:
        for name in changed:
            setattr(merchant, name, new[name])
        merchant.updated_at = at
        session.flush()
        _record(session, merchant.id, EventType.MERCHANT_UPDATED, merchant.id, actor, at, changed=changed)
    return get_merchant(session, merchant.id)


def create_api_key(
    session: Session,
    merchant: MerchantProfile,
    scopes: Sequence[str],
    *,
    actor: Actor,
    at: datetime,
    life: timedelta | None = None,
) -> str:
    """Create an API key and return it, the only time that it can be seen. Raises UnknownScope."""
    allowed = checked_scopes(scopes)
    key = new_api_key(merchant.mode, merchant.id)
    key_id = new_id("key", at)
    session.add(
        ApiKey(
            merchant_id=merchant.id, id=key_id, digest=api_key_digest(key), shown_prefix=shown_prefix(key), scopes=allowed,
            created_at=at, expires_at=at + life if life else None,
        )
    )  # fmt: skip
    _record(session, merchant.id, EventType.API_KEY_CREATED, key_id, actor, at, scopes=list(allowed))
    return key


def revoke_api_key(session: Session, merchant_id: str, key_id: str, *, actor: Actor, at: datetime) -> bool:
    """Make an API key worthless from now on; return False where it was revoked before. Raises UnknownApiKey."""
    key = session.get(ApiKey, (merchant_id, key_id), with_for_update=True)
    if key is None:
        raise UnknownApiKey
    if key.revoked_at is not None:
        return False
    key.revoked_at = at
    session.flush()
    _record(session, merchant_id, EventType.API_KEY_REVOKED, key_id, actor, at)
    return True


def apply_settings(
    session: Session, merchant_id: str, settings: MerchantSettings, *, actor: Actor, at: datetime
) -> tuple[str, ...]:
    """Take a settings document as all that the merchant decides; return the sections that changed. Open checkouts are recalculated."""
    merchant = session.get_one(Merchant, merchant_id, with_for_update=True)
    before, after = write_document(read_stored(merchant.settings)), write_document(settings)
    changed = tuple(sorted(section for section in after if after[section] != before[section]))
    if changed:
        merchant.settings, merchant.updated_at = stored_settings(settings), at
        session.flush()
        _record(session, merchant.id, EventType.SETTINGS_UPDATED, merchant.id, actor, at, changed=list(changed))
    return changed


def connect_gateway(
    session: Session,
    merchant: MerchantProfile,
    gateway: str,
    secrets: Mapping[str, str],
    *,
    keys: Sequence[bytes],
    actor: Actor,
    at: datetime,
    options: Mapping[str, str] | None = None,
) -> None:
    """Store the merchant's account at a gateway, encrypted, in place of the previous one, and use that gateway from now on.

    Raises SandboxNotForLive.
    """
    if merchant.is_live and gateway == SANDBOX:
        raise SandboxNotForLive
    encrypted = encrypt_secrets(secrets, keys)
    account = session.get(GatewayAccount, (merchant.id, gateway))
    if account is None:
        account = GatewayAccount(merchant_id=merchant.id, gateway=gateway, created_at=at)
        session.add(account)
    account.secrets, account.options, account.updated_at = encrypted, dict(options or {}), at
    session.execute(sa.update(Merchant).where(Merchant.id == merchant.id).values(gateway=gateway, updated_at=at))
    _record(session, merchant.id, EventType.GATEWAY_CONNECTED, gateway, actor, at)


@dataclass(frozen=True, slots=True)
class Rotation:
    """The result of a rotation: how many accounts were encrypted again, how many were current already, and the ids of the merchants
    whose account no key decrypts."""

    rotated: int
    current: int
    unreadable: tuple[str, ...]


def rotate_accounts(session: Session, *, keys: Sequence[bytes], actor: Actor, at: datetime) -> Rotation:
    """Encrypt every account at a gateway with the newest key. Those that it decrypts already stay as they are, so that a
    second run changes nothing; other processes have the older keys too."""
    rotated, current, unreadable = 0, 0, []
    for merchant_id, gateway in session.execute(_ALL_ACCOUNTS).all():
        # Each under its own lock: no statement locks the rows of more than one merchant.
        account = session.get_one(GatewayAccount, (merchant_id, gateway), with_for_update=True)
        if is_newest(account.secrets, keys):
            current += 1
            continue
        try:
            account.secrets = rotate_secrets(account.secrets, keys)
        except SecretsUnreadable:
            unreadable.append(account.merchant_id)
            continue
        rotated += 1
        _record(session, account.merchant_id, EventType.GATEWAY_SECRETS_ROTATED, account.gateway, actor, at)
    return Rotation(rotated, current, tuple(unreadable))


def _record(
    session: Session,
    merchant_id: str,
    event_type: EventType,
    object_id: str,
    actor: Actor,
    at: datetime,
    **details: Any,
) -> None:
    event = Event(type=event_type, merchant_id=merchant_id, object_id=object_id, details=details, at=at)
    record(session, actor, event)


_ALL_ACCOUNTS = (
    sa.select(GatewayAccount.merchant_id, GatewayAccount.gateway)
    .order_by(GatewayAccount.merchant_id, GatewayAccount.gateway)
    .execution_options(tenant_wide=True)
)


def _checked_changes(changes: MerchantChanges, themes: Collection[str]) -> dict[str, Any]:
    """Return what is given in the form that is stored, by column. Raises InvalidMerchant."""
    checks: dict[str, Callable[[str], str | None]] = {
        "name": _checked_name,
        "currency": checked_currency,
        "locale": checked_locale,
        "timezone": checked_timezone,
        "theme": lambda theme: _checked_theme(theme, themes),
        "support_email": _checked_email,
    }
    given = {name: getattr(changes, name) for name in checks}
    return {name: checks[name](value) for name, value in given.items() if value is not None}


def _checked_theme(theme: str, themes: Collection[str]) -> str:
    if theme not in themes:
        raise InvalidMerchant(f"there is no theme {theme}; there are {', '.join(sorted(themes))}")
    return theme


def _checked_name(text: str) -> str:
    try:
        name = normalise_name(text)
    except ContactRefused as fault:
        raise InvalidMerchant(f"the merchant’s {fault}") from fault
    if not name:
        raise InvalidMerchant("the merchant’s name is empty")
    return name


def _checked_email(address: str | None) -> str | None:
    try:
        return normalise_email(address) if address else None
    except ContactRefused as fault:
        raise InvalidMerchant(f"the merchant’s {fault}") from fault


def _checked(new: NewMerchant, at: datetime) -> Merchant:
    if new.mode not in MODES:
        raise InvalidMerchant("the mode is test or live")
    _checked_theme(new.theme, new.themes)
    gateway = new.gateway or (SANDBOX if new.mode == "test" else NO_GATEWAY)
    if new.mode == "live" and gateway == SANDBOX:
        raise SandboxNotForLive
    name, support_email = _checked_name(new.name), _checked_email(new.support_email)
    return Merchant(
        id=new_id("mer", at), slug=checked_slug(new.slug), mode=new.mode, name=name, legal_name=new.legal_name or name,
        address_lines=list(new.address_lines), currency=checked_currency(new.currency), locale=checked_locale(new.locale),
        timezone=checked_timezone(new.timezone), theme=new.theme, support_email=support_email, due_days=new.due_days,
        gateway=gateway, settings=stored_settings(new.settings), created_at=at, updated_at=at,
    )  # fmt: skip
