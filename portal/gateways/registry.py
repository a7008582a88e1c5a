"""The gateway through which a merchant takes payments, built from its account's decrypted secrets and cached briefly."""

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

_CACHE_SECONDS = 5.0


class Gateways(Protocol):
    """Finds a merchant's gateways."""

    def find(self, merchant_id: str) -> Gateway | None:
        """Return the gateway through which a merchant takes payments now; None where there is none."""
        ...

    def find_named(self, merchant_id: str, name: str | None) -> Gateway | None:
        """Return the gateway of this name at which the merchant has an account, be it a previous one: that one alone knows the
        outcomes of its payments, and refunds them. None where there is none, and for `name` None: credit alone has no gateway."""
        ...


@dataclass(slots=True)
class AccountGateways:
    """Gateways from the accounts in the database; each is cached for five seconds, so that changed secrets soon apply."""

    database: Database
    settings: Settings
    _cache: dict[tuple[str, str | None], tuple[float, Gateway | None]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def find(self, merchant_id: str) -> Gateway | None:
        return self._find(merchant_id, None)

    def find_named(self, merchant_id: str, name: str | None) -> Gateway | None:
        if name is None or name not in SECRETS:
            return None  # Whatever an address names: it is neither looked up nor cached.
        return self._find(merchant_id, name)

    def _find(self, merchant_id: str, name: str | None) -> Gateway | None:
        now = time.monotonic()
        with self._lock:
            cached = self._cache.get((merchant_id, name))
        if cached and cached[0] > now:
            return cached[1]
        gateway = self._build(merchant_id, name)
        with self._lock:
            self._cache[merchant_id, name] = (now + _CACHE_SECONDS, gateway)
        return gateway

    def _build(self, merchant_id: str, name: str | None) -> Gateway | None:
        with self.database.read() as connection:
            account = find_gateway_account(connection, MerchantScope(merchant_id), name)
        if account is None:
            return None
        return make_gateway(
            account.gateway, account.mode, decrypt_secrets(account.sealed, self.settings.keys), self.settings
        )


def make_gateway(name: str, mode: str, secrets: Mapping[str, str], settings: Settings) -> Gateway | None:
    """Return the gateway of a test or live account; None where this installation has no such gateway.

    Raises AccountRefused when the secrets are missing or of the other mode, and LookupError for an unknown gateway.
    """
    if name not in SECRETS:
        raise LookupError(f"no gateway is named {name}")
    checked = checked_secrets(name, mode, secrets)
    timeout = settings.gateway_timeout_seconds
    if name == "sandbox":
        from portal.gateways.sandbox import SandboxGateway

        if not settings.sandbox_url:
            return None
        return SandboxGateway(
            settings.sandbox_url,
            secret_key=checked["secret_key"],
            event_secret=checked["event_secret"],
            timeout_seconds=timeout,
        )
    if name == "notchpay":
        from portal.gateways.notchpay import Keys, NotchPayGateway

        keys = Keys(checked["public_key"], checked["private_key"], tuple(split_values(checked[EVENT_SECRETS])))
        return NotchPayGateway(keys, timeout, origin=settings.notchpay_url)
    if name == "stripe":
        from portal.gateways.stripe.gateway import StripeGateway

        event_secrets = split_values(checked[EVENT_SECRETS])
        return StripeGateway(checked["secret_key"], event_secrets, timeout, origin=settings.stripe_url)
    raise LookupError(f"no gateway is named {name}")
