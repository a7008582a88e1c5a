"""Which gateway a merchant takes payments through, made from its account's decrypted keys and kept for a while."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from typing import Protocol

import sqlalchemy as sa

from portal.database import Database
from portal.gateways.contract import Gateway
from portal.merchants.models import GatewayAccount, Merchant
from portal.merchants.secrets import decrypt_secrets
from portal.settings import Settings

_KEEP_SECONDS = 5.0


class Gateways(Protocol):
    """Tells the gateway of a merchant, or None when it takes no payments."""

    def find(self, merchant_id: str) -> Gateway | None: ...


@dataclass(slots=True)
class AccountGateways:
    """Gateways by the accounts in the database; each is kept for five seconds, so that changed keys soon count."""

    database: Database
    settings: Settings
    _kept: dict[str, tuple[float, Gateway | None]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def find(self, merchant_id: str) -> Gateway | None:
        now = time.monotonic()
        with self._lock:
            kept = self._kept.get(merchant_id)
        if kept and kept[0] > now:
            return kept[1]
        gateway = self._make(merchant_id)
        with self._lock:
            self._kept[merchant_id] = (now + _KEEP_SECONDS, gateway)
        return gateway

    def _make(self, merchant_id: str) -> Gateway | None:
        with self.database.read() as connection:
            account = connection.execute(
                sa.select(GatewayAccount.gateway, GatewayAccount.secrets)
                .join(
                    Merchant,
                    sa.and_(Merchant.id == GatewayAccount.merchant_id, Merchant.gateway == GatewayAccount.gateway),
                )
                .where(GatewayAccount.merchant_id == merchant_id)
            ).first()
        if account is None:
            return None
        secrets = decrypt_secrets(account.secrets, self.settings.keys)
        if account.gateway == "sandbox":
            from portal.gateways.sandbox import SandboxGateway

            if not self.settings.sandbox_url:
                return None
            return SandboxGateway(
                self.settings.sandbox_url,
                secrets["secret_key"],
                secrets["event_secret"],
                self.settings.gateway_timeout_seconds,
            )
        raise LookupError(f"no gateway is named {account.gateway}")
