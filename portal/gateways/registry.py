"""Which gateway a merchant takes payments through, made from its account's decrypted keys and kept for a while."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from portal.database import Database
from portal.gateways.accounts import EVENT_SECRETS, SECRETS, checked_secrets, split_values
from portal.gateways.contract import Gateway
from portal.merchants.queries import find_gateway_account
from portal.merchants.rules.secrets import decrypt_secrets
from portal.settings import Settings
from portal.tenancy import MerchantScope

_KEEP_SECONDS = 5.0


class Gateways(Protocol):
    """Tells the gateway through which a merchant takes payments, or with `name` the one that it has an account at, be it the one
    of before: that one alone can tell what became of its payments, and give them back. None where there is none."""

    def find(self, merchant_id: str, name: str | None = None) -> Gateway | None: ...


@dataclass(slots=True)
class AccountGateways:
    """Gateways by the accounts in the database; each is kept for five seconds, so that changed keys soon count."""

    database: Database
    settings: Settings
    _kept: dict[tuple[str, str | None], tuple[float, Gateway | None]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def find(self, merchant_id: str, name: str | None = None) -> Gateway | None:
        if name is not None and name not in SECRETS:
            return None  # Whatever an address names: it is neither asked for nor kept.
        now = time.monotonic()
        with self._lock:
            kept = self._kept.get((merchant_id, name))
        if kept and kept[0] > now:
            return kept[1]
        gateway = self._make(merchant_id, name)
        with self._lock:
            self._kept[merchant_id, name] = (now + _KEEP_SECONDS, gateway)
        return gateway

    def _make(self, merchant_id: str, name: str | None) -> Gateway | None:
        with self.database.read() as connection:
            account = find_gateway_account(connection, MerchantScope(merchant_id), name)
        if account is None:
            return None
        return make_gateway(
            account.gateway, account.mode, decrypt_secrets(account.sealed, self.settings.keys), self.settings
        )


def make_gateway(name: str, mode: str, secrets: Mapping[str, str], settings: Settings) -> Gateway | None:
    """The gateway of a test or live account; None where this installation has no such gateway.

    Raises AccountRefused when the secrets are not that account's, and LookupError for a gateway that does not exist.
    """
    if name not in SECRETS:
        raise LookupError(f"no gateway is named {name}")
    given = checked_secrets(name, mode, secrets)
    timeout = settings.gateway_timeout_seconds
    if name == "sandbox":
        from portal.gateways.sandbox import SandboxGateway

        if not settings.sandbox_url:
            return None
        return SandboxGateway(settings.sandbox_url, given["secret_key"], given["event_secret"], timeout)
    if name == "notchpay":
        from portal.gateways.notchpay import Keys, NotchPayGateway

        keys = Keys(given["public_key"], given["private_key"], tuple(split_values(given[EVENT_SECRETS])))
        return NotchPayGateway(keys, timeout, origin=settings.notchpay_url)
    if name == "stripe":
        from portal.gateways.stripe.gateway import StripeGateway

        event_secrets = split_values(given[EVENT_SECRETS])
        return StripeGateway(given["secret_key"], event_secrets, timeout, origin=settings.stripe_url)
    raise LookupError(f"no gateway is named {name}")
