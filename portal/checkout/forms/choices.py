"""Conversion between the fields of the first step and the choice that they make; each fault names its field."""

from __future__ import annotations

from dataclasses import replace

from portal.checkout.forms.fields import DEPOSIT, FULL, NEW_METHOD, OTHER, SPLIT, TELEPHONE, CheckoutFields
from portal.checkout.rules import list_channels
from portal.contacts import ContactRefused, normalise_phone
from portal.gateways.contract import Gateway
from portal.money import AmountError
from portal.payments.errors import AmountUnreadable, CurrencyNotAccepted, PhoneUnreadable
from portal.payments.rules.choices import (
    Amount,
    Choice,
    CreditAlone,
    Deposit,
    Exact,
    FirstPart,
    Full,
    Invoices,
    NewMethod,
    Preset,
    Prompt,
    SavedMethod,
    TopUp,
    Way,
)
from portal.rendering.typed_amounts import parse_amount

_MAX_PRESET_LENGTH = 15


def choice_from(fields: CheckoutFields, gateway: Gateway | None, *, usual_currency: str, locale: str) -> Choice:
    """Return the choice that the fields make. `usual_currency` is that of the invoices where no other one is named; `locale` the
    language in which an amount is written. Raises a CheckoutFault for an amount or a telephone that cannot be read, and for a way
    of paying that is not for the currency."""
    what = (
        TopUp(fields.top_up)
        if fields.top_up
        else Invoices(tuple(fields.invoice_ids), fields.currency, split_of=fields.split_of)
    )
    way = _way_from(fields, gateway, what.currency or usual_currency)
    return Choice(
        what, way, amount_from(fields, what.currency, locale), fields.use_credit and isinstance(what, Invoices)
    )


def fields_from(choice: Choice, amount: str) -> CheckoutFields:
    """Return the fields that make the choice; `amount` is the payment's, as the customer would write it."""
    fields = CheckoutFields(
        currency=choice.what.currency,
        payment_method="",
        amount_choice=_amount_field(choice.amount),
        amount="" if isinstance(choice.amount, FirstPart) else amount,
        first_amount=amount if isinstance(choice.amount, FirstPart) else "",
        use_credit=choice.use_credit,
    )
    match choice.what:
        case TopUp(currency):
            fields = replace(fields, top_up=currency)
        case Invoices(ids, _, split_of):
            fields = replace(fields, invoice_ids=ids, split_of=split_of)
    match choice.way:
        case SavedMethod(method_id):
            return replace(fields, payment_method=method_id)
        case NewMethod(save):
            return replace(fields, payment_method=NEW_METHOD, save_method=save)
        case Prompt(channel, phone, save):
            return replace(fields, payment_method=TELEPHONE, channel=channel, phone=phone, save_method=save)
        case CreditAlone():
            return fields


def _way_from(fields: CheckoutFields, gateway: Gateway | None, currency: str) -> Way:
    if not fields.payment_method:
        return CreditAlone()
    way = (
        _prompt_from(fields, gateway, currency)
        if fields.payment_method == TELEPHONE
        else NewMethod(fields.save_method)
        if fields.payment_method == NEW_METHOD
        else SavedMethod(fields.payment_method)
    )
    if gateway is not None and not gateway.capabilities.accepts(currency):
        raise CurrencyNotAccepted
    return way


def _prompt_from(fields: CheckoutFields, gateway: Gateway | None, currency: str) -> Prompt:
    """Raises PhoneUnreadable, CurrencyNotAccepted."""
    known = {each.id: each for each in gateway.capabilities.prompt_channels} if gateway else {}
    channel = known.get(fields.channel)
    if channel is None:
        raise PhoneUnreadable
    if channel not in list_channels(gateway, currency):
        raise CurrencyNotAccepted
    try:
        return Prompt(channel.id, normalise_phone(fields.phone or "", channel.country), fields.save_method)
    except ContactRefused:
        raise PhoneUnreadable from None


def amount_from(fields: CheckoutFields, currency: str | None, locale: str) -> Amount:
    """Return the amount that the fields choose, an amount that is typed as it is written in `locale`. Raises AmountUnreadable."""
    match fields.amount_choice:
        case "" | "full":
            return Full()
        case "deposit":
            return Deposit()
        case "other":
            return Exact(_typed_amount(fields.amount, currency, locale))
        case "split":
            return FirstPart(_typed_amount(fields.first_amount, currency, locale))
        case preset if preset.isascii() and preset.isdecimal() and len(preset) <= _MAX_PRESET_LENGTH:
            return Preset(int(preset))
    raise AmountUnreadable


def _typed_amount(text: str, currency: str | None, locale: str) -> int:
    """Return the typed amount in minor units, read in the page's language. Raises AmountUnreadable."""
    if currency is None:
        raise AmountUnreadable
    try:
        return parse_amount(text, currency=currency, locale=locale)
    except AmountError:
        raise AmountUnreadable from None


def _amount_field(amount: Amount) -> str:
    match amount:
        case Full():
            return FULL
        case Deposit():
            return DEPOSIT
        case Preset(named):
            return str(named)
        case Exact():
            return OTHER
        case FirstPart():
            return SPLIT
