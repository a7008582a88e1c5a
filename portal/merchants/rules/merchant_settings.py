"""The settings document: what a merchant decides, in one document with a closed schema (docs/settings.md, "What a merchant sets").

Pure: reads a document (of TOML, of JSON) into frozen values, naming every fault at once by its path, and writes it back. A key is here
only when something obeys it. Amounts are decimals in major units, as texts ("10.00"), so that nothing has two readings.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import cached_property, lru_cache
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, WrapValidator
from pydantic_core import InitErrorDetails, PydanticCustomError

from portal.countries import is_country
from portal.merchants.errors import Fault, InvalidSettings
from portal.merchants.rules.context_fields import (
    CATALOGUE,
    SECTIONS,
    ContextField,
)
from portal.merchants.rules.embed_settings import Embed, is_of_this_machine
from portal.merchants.rules.field_settings import NO_CHOICE, Fields, in_force, write_field
from portal.merchants.rules.notice_settings import Notices
from portal.merchants.rules.payment_options import AmountLimits, PaymentOptions
from portal.merchants.rules.seller_settings import Seller
from portal.merchants.rules.settings_faults import Section, fault_at, faults_of, read_partly, refuse
from portal.merchants.rules.transfer_settings import Accounts
from portal.money import CURRENCIES, AmountError, exponent, major_units, minor_units, parse_decimal

_log = logging.getLogger(__name__)
VERSION: Literal[1] = 1
"""The version of the schema. A key that is added keeps it; a key that is renamed or changes its meaning gets the next one."""
MAX_PRESETS = 6
_NO_CURRENCY = "is not a currency of ISO 4217, such as EUR or XAF"
MAX_PROMISE_DAYS = 90
MAX_BYTES = 200_000
"""The longest document that is read."""

Access = Literal["hidden", "view", "edit"]
AmountMode = Literal["fixed", "editable", "editable_after_insufficient_funds"]


class Limits(Section):
    """The limits of an amount in one currency, as decimals in major units; `presets` are offered as buttons."""

    minimum: str
    maximum: str
    presets: Annotated[tuple[str, ...], Field(max_length=MAX_PRESETS, strict=False)] = ()


def _read_limits(given: object) -> dict[str, Limits]:
    """Return limits by currency, checked in the units of each."""
    if not isinstance(given, Mapping):
        raise PydanticCustomError("settings", "is a table with a table for each currency")
    read: dict[str, Limits] = {}
    faults: list[InitErrorDetails] = []
    for currency, value in given.items():
        if currency not in CURRENCIES:
            faults.append(fault_at((currency,), _NO_CURRENCY, value))
            continue
        limits, found = read_partly(Limits, value, currency)
        found += [fault_at((currency, *loc), message, None) for loc, message in _limit_faults(limits, currency)]
        faults += found
        if not found:
            read[currency] = limits
    refuse(faults)
    return read


LimitsByCurrency = Annotated[dict[str, Limits], WrapValidator(lambda given, _: _read_limits(given))]


def _limit_faults(limits: Limits, currency: str) -> Iterator[tuple[tuple[str | int, ...], str]]:
    amounts: dict[tuple[str | int, ...], int] = {}
    texts: dict[tuple[str | int, ...], str] = {
        (name,): text for name in ("minimum", "maximum") if (text := getattr(limits, name, None)) is not None
    }
    for loc, text in (texts | {("presets", place): preset for place, preset in enumerate(limits.presets)}).items():
        if fault := _amount_fault(text, currency):
            yield loc, fault
        else:
            amounts[loc] = minor_units(parse_decimal(text), currency)
    least, most = amounts.get(("minimum",)), amounts.get(("maximum",))
    if least is not None and least <= 0:
        yield ("minimum",), "is more than nothing"
    if least is not None and most is not None and least > most:
        yield ("minimum",), "is more than the maximum"
    elif least is not None and most is not None:
        for loc, amount in amounts.items():
            if loc[0] == "presets" and not least <= amount <= most:
                yield loc, "is not between the minimum and the maximum"


def _read_amounts(given: object) -> dict[str, str]:
    """Return amounts in major units by currency, each with no more decimals than its currency has."""
    if not isinstance(given, Mapping):
        raise PydanticCustomError("settings", "is a table with an amount for each currency")
    faults = []
    for currency, text in given.items():
        if currency not in CURRENCIES:
            faults.append(fault_at((currency,), _NO_CURRENCY, text))
        elif fault := _amount_fault(text, currency):
            faults.append(fault_at((currency,), fault, text))
        elif parse_decimal(text) < 0:
            faults.append(fault_at((currency,), "is less than nothing", text))
    refuse(faults)
    return dict(given)


AmountByCurrency = Annotated[dict[str, str], WrapValidator(lambda given, _: _read_amounts(given))]


def _amount_fault(text: object, currency: str) -> str:
    """Return what is wrong with an amount as a text in major units, "" where nothing is."""
    if not isinstance(text, str):
        return "is a text in quotation marks"
    try:
        decimal = parse_decimal(text)
        amount = minor_units(decimal, currency)
    except AmountError as fault:
        return str(fault)
    return (
        ""
        if major_units(amount, currency) == decimal
        else f"has more than the {exponent(currency)} decimals of {currency}"
    )


class Pages(Section):
    """Which pages customers have, and what they may do there: "hidden", only "view", or "edit"; `people` and `privacy` are there or not."""

    details: Access = "edit"
    payment_methods: Access = "edit"
    statement: Literal["hidden", "view"] = "view"
    people: bool = True
    privacy: bool = True

    # Every request reads both of these; the document is read once for many.
    @cached_property
    def hidden(self) -> frozenset[str]:
        """Return the names of the pages that customers do not have."""
        return frozenset(name for name, access in self if access in ("hidden", False))

    @cached_property
    def by_name(self) -> Mapping[str, Access | bool]:
        """Return what is decided of each page, by its name."""
        return dict(self)

    def access(self, page: str) -> Access:
        """Return what customers may do on a page; all of it where the merchant has no say."""
        access = self.by_name.get(page, "edit")
        return access if isinstance(access, str) else "edit" if access else "hidden"


class Amounts(Section):
    """What customers may pay: `mode` is that of invoices without one of their own, `limits` those of an amount that is chosen,
    `credit` the currencies in which credit may be added, `split` whether two methods may pay one invoice, `fresh_code_above` by currency
    the amount above which a saved method pays only after a fresh code."""

    mode: AmountMode = "fixed"
    split: bool = False
    limits: LimitsByCurrency = Field(default_factory=dict)
    credit: LimitsByCurrency = Field(default_factory=dict)
    fresh_code_above: AmountByCurrency = Field(default_factory=dict)


class Languages(Section):
    """The languages that customers are offered, as BCP 47 writes them; none is all that the portal has."""

    offered: Annotated[tuple[str, ...], Field(strict=False)] = ()


def _read_countries(given: object) -> dict[str, str]:
    """Return texts by country (ISO 3166, capitals)."""
    if not isinstance(given, Mapping):
        raise PydanticCustomError("settings", "is a table with a language for each country")
    faults = []
    for country, language in given.items():
        if not is_country(str(country)):
            faults.append(fault_at((country,), "is not a country code of ISO 3166 such as CM", language))
        if not isinstance(language, str):
            faults.append(fault_at((country,), "is a text in quotation marks", language))
    refuse(faults)
    return dict(given)


class Documents(Section):
    """Papers: `languages` by the country of the customer, where its tax office wants one; the others speak the customer's.
    `pay_link_bill_to`: whoever has the pay link of an invoice sees whom it is for. `factur_x`: invoices carry an e-invoice."""

    pay_link_bill_to: bool = True
    factur_x: bool = False
    languages: Annotated[dict[str, str], WrapValidator(lambda given, _: _read_countries(given))] = Field(
        default_factory=dict
    )


class Promises(Section):
    """What customers may promise: `days`, how many days ahead they may name one to pay an invoice; with 0 they are not asked."""

    days: Annotated[int, Field(ge=0, le=MAX_PROMISE_DAYS)] = 0


class MerchantSettings(Section):
    """All that a merchant decides. Every key has a default, so that a merchant that decided nothing has the whole of it."""

    version: Literal[1] = VERSION
    pages: Pages = Pages()
    fields: Fields = Field(default_factory=dict)
    amounts: Amounts = Amounts()
    notices: Notices = Notices()
    documents: Documents = Documents()
    seller: Seller = Seller()
    transfer: Accounts = Field(default_factory=dict)
    promises: Promises = Promises()
    languages: Languages = Languages()
    embed: Embed = Embed()

    @cached_property
    def context_fields(self) -> tuple[ContextField, ...]:
        """Every detail of a customer, as the merchant wants it, in the order in which they are shown; hidden ones too."""
        chosen = [
            in_force(name, self.fields.get(name, NO_CHOICE))
            for name in [*CATALOGUE, *(name for name in self.fields if name not in CATALOGUE)]
        ]
        return tuple(sorted(chosen, key=lambda each: (SECTIONS.index(each.section), each.position)))

    @cached_property
    def payment_options(self) -> PaymentOptions:
        """How the merchant's customers may pay, in minor units."""
        return PaymentOptions(
            amount_mode=self.amounts.mode,
            allow_split=self.amounts.split,
            top_ups=_in_minor_units(self.amounts.credit),
            amounts=_in_minor_units(self.amounts.limits),
            fresh_code_above={
                currency: minor_units(parse_decimal(text), currency)
                for currency, text in self.amounts.fresh_code_above.items()
            },
        )


def read_document(document: Mapping[str, Any], *, languages: Collection[str], mode: str = "live") -> MerchantSettings:
    """Return the settings of a document, keys that are absent at their defaults. `languages` are those that the portal has, `mode` is the
    merchant's.

    Raises InvalidSettings with all faults, by path.
    """
    try:
        # As JSON: there lists are tuples and nothing else is converted (a text is no number, a number no yes).
        settings = MerchantSettings.model_validate_json(json.dumps(document, default=str))
    except ValidationError as error:
        raise InvalidSettings(faults_of(error, MerchantSettings)) from None
    named = {f"languages.offered.{place}": name for place, name in enumerate(settings.languages.offered)}
    named |= {f"documents.languages.{country}": name for country, name in settings.documents.languages.items()}
    known = ", ".join(sorted(languages))
    faults = [Fault(path, f"{name} is not one of {known}") for path, name in named.items() if name not in languages]
    if mode == "live":
        faults += [
            Fault(f"embed.origins.{place}", "is of this machine, which only a test merchant names")
            for place, origin in enumerate(settings.embed.origins)
            if is_of_this_machine(origin)
        ]
    if faults:
        raise InvalidSettings(faults)
    return settings


def read_stored(stored: Mapping[str, Any]) -> MerchantSettings:
    """Return the settings of the column `merchants.settings`. What another release wrote and this one does not take (a country or a
    currency that is gone, a field that the portal has meanwhile) counts as not decided, and is logged: every page reads this."""
    return _read_text(json.dumps(stored, sort_keys=True)) if stored else _DEFAULT


def stored_settings(settings: MerchantSettings) -> dict[str, Any]:
    """Return what the column stores: what differs from the defaults, so that a default that changes changes for all who left it."""
    return settings.model_dump(mode="json", exclude_defaults=True)


def write_document(settings: MerchantSettings) -> dict[str, Any]:
    """Return the whole document, defaults included, as `read_document` reads it."""
    document = settings.model_dump(mode="json", exclude_none=True)
    document["fields"] = {field.name: write_field(field) for field in settings.context_fields}
    return document


_DEFAULT = MerchantSettings()


@lru_cache(maxsize=1024)
def _read_text(stored: str) -> MerchantSettings:
    document, ignored = json.loads(stored), []
    while isinstance(document, dict) and document:
        try:
            settings = MerchantSettings.model_validate_json(json.dumps(document))
        except ValidationError as error:
            ignored += [f"{path}: {message}" for path, message in faults_of(error, MerchantSettings)]
            # Each turn takes something away, from the end of a list first.
            for loc in sorted((found["loc"] for found in error.errors(include_url=False)), key=repr, reverse=True):
                if not _drop(document, loc):
                    document.clear()
            continue
        if ignored:
            _log.warning("settings.ignored", extra={"reason": "; ".join(ignored)})
        return settings
    _log.warning("settings.ignored", extra={"reason": "; ".join(ignored)})
    return _DEFAULT


def _drop(document: Any, loc: Sequence[str | int]) -> bool:
    """Take what is at a path out of a document, of a path that is not there the nearest part above it; return whether there was any."""
    for place, key in enumerate(loc):
        below = _item(document, key)
        if below is _NOTHING:
            return False
        if place == len(loc) - 1 or _item(below, loc[place + 1]) is _NOTHING:
            del document[key]
            return True
        document = below
    return False


def _item(container: Any, key: str | int) -> Any:
    if isinstance(container, dict):
        return container.get(key, _NOTHING)
    is_place = isinstance(container, list) and isinstance(key, int) and 0 <= key < len(container)
    return container[key] if is_place else _NOTHING


_NOTHING = object()


def _in_minor_units(limits: Mapping[str, Limits]) -> dict[str, AmountLimits]:
    return {
        currency: AmountLimits(
            minor_units(parse_decimal(each.minimum), currency),
            minor_units(parse_decimal(each.maximum), currency),
            tuple(minor_units(parse_decimal(preset), currency) for preset in each.presets),
        )
        for currency, each in limits.items()
    }
