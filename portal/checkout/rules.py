"""Which ways of paying step one offers for a currency, as pure functions."""

from __future__ import annotations

from portal.gateways.contract import Gateway, PromptChannel


def list_channels(gateway: Gateway | None, currency: str) -> tuple[PromptChannel, ...]:
    """Whom the gateway may ask by telephone for money of this currency: those of the countries that pay with it."""
    if gateway is None or not gateway.capabilities.prompt_channels or not gateway.capabilities.accepts(currency):
        return ()
    from babel.numbers import get_territory_currencies

    return tuple(
        channel
        for channel in gateway.capabilities.prompt_channels
        if currency in get_territory_currencies(channel.country)
    )
