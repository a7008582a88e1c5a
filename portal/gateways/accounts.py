"""What an account at each gateway opens with: the names of its secrets, and how each of them tells its mode."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from portal.errors import PortalError

_VALUE = re.compile(r"[!-+\--~]{1,255}", re.ASCII)  # Printable, without blanks, and without the comma between several.


class AccountRefused(PortalError):
    """What an account opens with is missing, unknown or of the other mode; the sentence names it and repeats no value."""

    status = 503


@dataclass(frozen=True, slots=True)
class Secret:
    """One secret by its name. `test` and `live` are what it begins with in each mode, empty where it does not tell.

    `is_list`: several are separated by commas, newest first; all of them count while they are changed.
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
"""The gateways that there are, and what a merchant's account at each opens with."""


def checked_secrets(gateway: str, mode: str, given: Mapping[str, str]) -> dict[str, str]:
    """The secrets of an account as they are kept: all of them, of that mode (threats 124). Raises AccountRefused."""
    known = {secret.name: secret for secret in SECRETS[gateway]}
    missing = [name for name in known if not split_values(given.get(name, ""))]
    unknown = sorted(set(given) - set(known))
    if unknown:
        raise AccountRefused(f"{gateway} knows no {', '.join(unknown)}; it opens with {', '.join(known)}")
    if missing:
        raise AccountRefused(f"{gateway} opens with {', '.join(known)}; {', '.join(missing)} is missing")
    for name, secret in known.items():
        for value in split_values(given[name]) if secret.is_list else [given[name]]:
            _check(gateway, mode, secret, value)
    return {name: given[name] for name in known}


def split_values(text: str) -> list[str]:
    """The values of a list, each once, in their order."""
    return list(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))


def _check(gateway: str, mode: str, secret: Secret, value: str) -> None:
    if not _VALUE.fullmatch(value):
        raise AccountRefused(f"{secret.name} has a sign that no key of {gateway} has")
    here, there = (secret.test, secret.live) if mode == "test" else (secret.live, secret.test)
    if not here or value.startswith(here):
        return
    if value.startswith(there):
        other = "live" if mode == "test" else "test"
        raise AccountRefused(f"{secret.name} is a key for {other} payments, and the merchant is a {mode} one")
    raise AccountRefused(f"{secret.name} does not begin as {gateway}’s {mode} keys do: {', '.join(here)}")
