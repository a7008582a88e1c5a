"""Which ways of paying step one offers for a currency, as pure functions."""

from __future__ import annotations

from portal.gateways.contract import Gateway, PromptChannel


def list_channels(gateway: Gateway | None, currency: str) -> tuple[PromptChannel, ...]:
    """Return the operators by which the gateway may prompt for a payment in this currency: those of the countries that use it."""
    if gateway is None or not gateway.capabilities.prompt_channels or not gateway.capabilities.accepts(currency):
        return ()
    from babel.numbers import get_territory_currencies

    return tuple(
        channel
        for channel in gateway.capabilities.prompt_channels
        if currency in get_territory_currencies(channel.country)
    )
