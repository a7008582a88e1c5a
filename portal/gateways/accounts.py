"""The secrets of an account at each gateway: their names, and the prefixes that show their mode."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from portal.errors import PortalError

_VALUE = re.compile(
    r"[!-+\--~]{1,255}", re.ASCII
)  # Printable, without spaces, and without the comma that separates several.


class AccountRefused(PortalError):
    """A secret of an account is missing, unknown or of the other mode; the message names the secret and contains no value."""

    status = 503


@dataclass(frozen=True, slots=True)
class Secret:
    """One secret. `test` and `live` are its prefixes in each mode, empty where it has none.

    `is_list`: several values, separated by commas, newest first; all of them are valid while they are rotated.
    """

    name: str
    test: tuple[str, ...] = ()
    live: tuple[str, ...] = ()
    is_list: bool = False


EVENT_SECRETS = "event_secrets"
SECRETS: Mapping[str, tuple[Secret, ...]] = MappingProxyType(
    {
        "sandbox": (Secret("secret_key"), Secret("event_secret")),
        # docs.stripe.com/keys
        "stripe": (
            Secret("secret_key", ("sk_test_", "rk_test_"), ("sk_live_", "rk_live_")),
            Secret(EVENT_SECRETS, ("whsec_",), ("whsec_",), is_list=True),
        ),
        # developer.notchpay.co: `get-started/authentication` writes pk_test_…, its dashboard gives pk_test.… and pk.…, and
        # `sdks/php` has sb.… and b.… of older accounts.
        "notchpay": (
            Secret("public_key", ("pk_test.", "pk_test_", "sb."), ("pk.", "pk_live.", "pk_live_", "b.")),
            Secret("private_key", ("sk_test.", "sk_test_"), ("sk.", "sk_live.", "sk_live_")),
            Secret(EVENT_SECRETS, is_list=True),
        ),
    }
)
"""The gateways that exist, and the secrets of a merchant's account at each."""


def checked_secrets(gateway: str, mode: str, secrets: Mapping[str, str]) -> dict[str, str]:
    """Return the secrets of an account as they are stored: all of them, of that mode (threats 124). Raises AccountRefused."""
    known = {secret.name: secret for secret in SECRETS[gateway]}
    missing = [name for name in known if not split_values(secrets.get(name, ""))]
    unknown = sorted(set(secrets) - set(known))
    if unknown:
        raise AccountRefused(f"{gateway} has no {', '.join(unknown)}; its secrets are {', '.join(known)}")
    if missing:
        raise AccountRefused(f"{gateway} needs {', '.join(known)}; {', '.join(missing)} is missing")
    for name, secret in known.items():
        for value in split_values(secrets[name]) if secret.is_list else [secrets[name]]:
            _check(gateway, mode, secret, value)
    return {name: secrets[name] for name in known}


def split_values(text: str) -> list[str]:
    """Return the values of a comma-separated list, each once, in their order."""
    return list(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))


def _check(gateway: str, mode: str, secret: Secret, value: str) -> None:
    if not _VALUE.fullmatch(value):
        raise AccountRefused(f"{secret.name} has a character that no key of {gateway} has")
    expected, opposite = (secret.test, secret.live) if mode == "test" else (secret.live, secret.test)
    if not expected or value.startswith(expected):
        return
    if value.startswith(opposite):
        other = "live" if mode == "test" else "test"
        raise AccountRefused(f"{secret.name} is a key for {other} payments, and the merchant is a {mode} one")
    raise AccountRefused(f"{secret.name} does not begin as {gateway}’s {mode} keys do: {', '.join(expected)}")
