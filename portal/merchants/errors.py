"""What can go wrong with a merchant, its keys and its accounts at gateways."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from portal.errors import PortalError


class InvalidMerchant(PortalError):
    """A field of the merchant is wrong; the sentence names it and says what it must be."""


class Fault(NamedTuple):
    """What is wrong at one path of a settings document ("amounts.limits.USD.minimum")."""

    path: str
    message: str


class InvalidSettings(PortalError):
    """A settings document is wrong; `faults` are all of it."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__("; ".join(f"{fault.path}: {fault.message}" for fault in faults))
        self.faults = tuple(faults)


class SlugTaken(PortalError):
    status = 409
    sentence = "Another merchant has this slug."


class SlugReserved(PortalError):
    sentence = "This slug is an address of the portal itself; choose another one."


class UnknownMerchant(PortalError):
    status = 404
    sentence = "There is no merchant with this slug."


class UnknownApiKey(PortalError):
    status = 404
    sentence = "There is no API key with this id."


class UnknownScope(PortalError):
    """An API key was requested with a scope that does not exist; the sentence lists the existing ones."""


class SandboxNotForLive(PortalError):
    sentence = "A live merchant never uses the sandbox gateway."


class SecretsUnreadable(PortalError):
    """None of the installation's secret keys decrypts the account: payment fails rather than uses another one (threats 198)."""

    status = 503
    sentence = "The gateway's keys cannot be read with this installation's SECRET_KEY."
