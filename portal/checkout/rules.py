"""Which ways of paying step one offers, as pure functions: for the currency, and for the first of two payments."""

from __future__ import annotations

from collections.abc import Sequence

from portal.gateways.contract import Gateway, PromptChannel
from portal.payments.amounts import Due


def list_channels(gateway: Gateway | None, currency: str) -> tuple[PromptChannel, ...]:
    """Whom the gateway may ask by telephone for money of this currency: those of the countries that pay with it."""
    if gateway is None or not gateway.capabilities.prompt_channels or not gateway.capabilities.takes(currency):
        return ()
    from babel.numbers import get_territory_currencies

    return tuple(
        channel
        for channel in gateway.capabilities.prompt_channels
        if currency in get_territory_currencies(channel.country)
    )


def least_first_part(dues: Sequence[Due], currency: str) -> int | None:
    """The least that the first of two payments may take of these invoices, oldest due first, so that it reaches each of them:
    the second one pays the rest of what the first began, and knows of no other. None where they cannot be split.

    In another currency than its own an invoice is paid whole, or not at all.
    """
    if not dues or any(due.currency != currency for due in dues):
        return None
    return sum(due.left for due in dues[:-1]) + 1
