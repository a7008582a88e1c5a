"""What was posted at the first step, as the domain takes it; each fault of it at its field."""

from __future__ import annotations

from collections.abc import Sequence

from flask import g

from portal.checkout.page_builders import Chosen
from portal.checkout.queries import list_chosen
from portal.checkout.rules import list_channels
from portal.contacts import ContactRefused, normalise_phone
from portal.customer_pages.context import current_scope, current_services
from portal.gateways.contract import Gateway
from portal.money import AmountError
from portal.payments.errors import AmountUnreadable, CurrencyNotTaken, PhoneUnreadable
from portal.payments.operations.checkouts import TELEPHONE, Choice
from portal.payments.rules.amounts import Due
from portal.rendering.translations import translator
from portal.rendering.typed_amounts import read_amount

_LONGEST_PRESET = 15


def read_choice(selection: Chosen, gateway: Gateway | None) -> Choice:
    """What was posted as the domain takes it. Raises a CheckoutFault for an amount or a telephone that cannot be read, and for a
    way of paying that is not for the currency."""
    with current_services().database.read() as reader:
        chosen = list_chosen(reader, current_scope(), selection.invoice_ids, g.merchant.options)
    dues = [invoice.due for invoice in chosen]
    named = selection.top_up or selection.currency
    currency = named or (dues[0].currency if dues else g.merchant.currency)
    channel, phone = (
        _read_telephone(selection, gateway, currency) if selection.payment_method == TELEPHONE else ("", "")
    )
    if selection.payment_method and gateway is not None and not gateway.capabilities.accepts(currency):
        raise CurrencyNotTaken
    amount = _read_amount(selection, named, dues)
    return Choice(
        selection.payment_method or "",
        selection.invoice_ids,
        amount=amount,
        currency=named,
        use_credit=selection.use_credit and not selection.top_up,
        save_method=selection.save_method,
        splits=selection.amount_choice == "split",
        split_of=selection.split_of,
        top_up=selection.top_up is not None,
        title=translator(g.shell.locale).gettext("Money in advance") if selection.top_up else "",
        channel=channel or None,
        phone=phone or None,
    )


def _read_telephone(selection: Chosen, gateway: Gateway | None, currency: str) -> tuple[str, str]:
    """Channel and number of the telephone to ask. Raises PhoneUnreadable, CurrencyNotTaken."""
    known = {each.id: each for each in gateway.capabilities.prompt_channels} if gateway else {}
    channel = known.get(selection.channel)
    if channel is None:
        raise PhoneUnreadable
    if channel not in list_channels(gateway, currency):
        raise CurrencyNotTaken
    try:
        return channel.id, normalise_phone(selection.phone or "", channel.country)
    except ContactRefused:
        raise PhoneUnreadable from None


def _read_amount(selection: Chosen, currency: str | None, dues: Sequence[Due]) -> int | None:
    """Minor units of the amount that was chosen; None for everything."""
    match selection.amount_choice:
        case "other" | "split":
            if currency is None:
                raise AmountUnreadable
            try:
                return read_amount(selection.amount, currency, g.shell.locale)
            except AmountError:
                raise AmountUnreadable from None
        case "" | "full":
            return None
        case "deposit":
            return dues[0].deposit if len(dues) == 1 and not selection.top_up else None
        case preset if preset.isascii() and preset.isdecimal() and len(preset) <= _LONGEST_PRESET:
            return int(preset)
    raise AmountUnreadable
