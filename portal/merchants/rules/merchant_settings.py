"""The settings document: what a merchant decides, in one document with a closed schema (docs/settings.md, "What a merchant sets").

Pure: reads a document (of TOML, of JSON) into frozen values, naming every fault at once by its path, and writes it back. A key is here
only when something obeys it. Amounts are decimals in major units, as texts ("10.00"), so that nothing has two readings.
"""

from __future__ import annotations

import difflib
import json
import logging
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import cached_property, lru_cache
from typing import Annotated, Any, Literal, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError, WrapValidator
from pydantic_core import ErrorDetails, InitErrorDetails, PydanticCustomError

from portal.contacts import ContactRefused, is_blank, normalise_name
from portal.countries import is_country
from portal.merchants.errors import Fault, InvalidMerchant, InvalidSettings
from portal.merchants.rules.context_fields import (
    CATALOGUE,
    MAX_CHOICES,
    MAX_LABEL,
    MAX_OWN_FIELDS,
    MAX_VALUE_LENGTH,
    OWN,
    OWN_NAME,
    SECTIONS,
    ContextField,
    FieldSection,
    FieldType,
    Show,
)
from portal.merchants.rules.merchants import checked_locale
from portal.merchants.rules.notice_settings import Notices
from portal.merchants.rules.payment_options import AmountLimits, PaymentOptions
from portal.money import CURRENCIES, AmountError, exponent, major_units, minor_units, parse_decimal

_log = logging.getLogger(__name__)
VERSION: Literal[1] = 1
"""The version of the schema. A key that is added keeps it; a key that is renamed or changes its meaning gets the next one."""
MAX_PRESETS = 6
MAX_BYTES = 200_000
"""The longest document that is read."""

Access = Literal["hidden", "view", "edit"]
AmountMode = Literal["fixed", "editable", "editable_after_insufficient_funds"]
Section = TypeVar("Section", bound=BaseModel)


def _fault(loc: tuple[str | int, ...], message: str, value: object) -> InitErrorDetails:
    # In braces: the message is data, and pydantic would read it as a template.
    error = PydanticCustomError("settings", "{message}", {"message": message})
    return InitErrorDetails(type=error, loc=loc, input=value)


def _refuse(faults: list[InitErrorDetails]) -> None:
    """Raise all faults at once, each at its path below the value that is being read."""
    if faults:
        raise ValidationError.from_exception_data("settings", faults)


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


def _read_partly(model: type[Section], value: object, key: str) -> tuple[Section, list[InitErrorDetails]]:
    """Return what can be read of a table, with the faults of the rest, each below `key`: the checks that follow look at it all the same."""
    if isinstance(value, model):
        return value, []
    try:
        return model.model_validate(value), []
    except ValidationError as error:
        found = error.errors(include_url=False)
    faults = [_fault((key, *each["loc"]), _message(each), each["input"]) for each in found]
    wrong = {each["loc"][0] for each in found if each["loc"]}
    given = value if isinstance(value, Mapping) else {}
    return model.model_construct(**{name: each for name, each in given.items() if name not in wrong}), faults


class Limits(_Section):
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
            faults.append(_fault((currency,), "is not a currency of ISO 4217, such as EUR or XAF", value))
            continue
        limits, found = _read_partly(Limits, value, currency)
        found += [_fault((currency, *loc), message, None) for loc, message in _limit_faults(limits, currency)]
        faults += found
        if not found:
            read[currency] = limits
    _refuse(faults)
    return read


LimitsByCurrency = Annotated[dict[str, Limits], WrapValidator(lambda given, _: _read_limits(given))]


def _limit_faults(limits: Limits, currency: str) -> Iterator[tuple[tuple[str | int, ...], str]]:
    amounts: dict[tuple[str | int, ...], int] = {}
    texts: dict[tuple[str | int, ...], str] = {
        (name,): text for name in ("minimum", "maximum") if (text := getattr(limits, name, None)) is not None
    }
    for loc, text in (texts | {("presets", place): preset for place, preset in enumerate(limits.presets)}).items():
        try:
            decimal = parse_decimal(text)
            amounts[loc] = minor_units(decimal, currency)
        except AmountError as fault:
            yield loc, str(fault)
            continue
        if major_units(amounts[loc], currency) != decimal:
            yield loc, f"has more than the {exponent(currency)} decimals of {currency}"
    least, most = amounts.get(("minimum",)), amounts.get(("maximum",))
    if least is not None and least <= 0:
        yield ("minimum",), "is more than nothing"
    if least is not None and most is not None and least > most:
        yield ("minimum",), "is more than the maximum"
    elif least is not None and most is not None:
        for loc, amount in amounts.items():
            if loc[0] == "presets" and not least <= amount <= most:
                yield loc, "is not between the minimum and the maximum"


class Pages(_Section):
    """Which pages customers have, and what they may do there: "hidden", only "view", or "edit"."""

    details: Access = "edit"
    payment_methods: Access = "edit"
    statement: Literal["hidden", "view"] = "view"

    @property
    def hidden(self) -> frozenset[str]:
        """Return the names of the pages that customers do not have."""
        return frozenset(name for name, access in self if access == "hidden")

    def access(self, page: str) -> Access:
        """Return what customers may do on a page; all of it where the merchant has no say."""
        access: Access = getattr(self, page or "-", "edit")
        return access


class Amounts(_Section):
    """What customers may pay: `mode` is that of invoices without one of their own, `limits` those of an amount that is chosen,
    `credit` the currencies in which credit may be added, `split` whether two methods may pay one invoice."""

    mode: AmountMode = "fixed"
    split: bool = False
    limits: LimitsByCurrency = Field(default_factory=dict)
    credit: LimitsByCurrency = Field(default_factory=dict)


def _read_labels(given: object) -> dict[str, str]:
    """Return labels by language, as a merchant writes them."""
    if not isinstance(given, Mapping):
        raise PydanticCustomError("settings", "is a table with a text for each language")
    faults = []
    for locale, text in given.items():
        try:
            if checked_locale(locale) != locale:
                faults.append(_fault((locale,), f"is written {checked_locale(locale)}", text))
        except InvalidMerchant as fault:
            faults.append(_fault((locale,), str(fault), text))
        if not _is_line(text):
            faults.append(_fault((locale,), f"is a text of 1 to {MAX_LABEL} characters", text))
    _refuse(faults)
    return dict(given)


def _is_line(text: object) -> bool:
    """Return whether a text is one line that is kept as it is written: what somebody types is brought into that form, and compared."""
    if not isinstance(text, str) or is_blank(text) or len(text) > MAX_LABEL:
        return False
    try:
        return normalise_name(text) == text
    except ContactRefused:
        return False


Labels = Annotated[dict[str, str], WrapValidator(lambda given, _: _read_labels(given))]


class FieldChoice(_Section):
    """What a merchant decides about one detail of its customers; what it leaves out is as the catalogue has it.

    `show` is "hidden", "view" (the customer sees it), "edit" or "required"; `type`, `choices`, `max_length` are for fields of the
    merchant's own. `label` is the field's name by language.
    """

    show: Show | None = None
    section: FieldSection | None = None
    position: Annotated[int, Field(ge=1, le=999)] | None = None
    label: Labels = Field(default_factory=dict)
    type: FieldType | None = None
    choices: Annotated[tuple[str, ...], Field(max_length=MAX_CHOICES, strict=False)] = ()
    max_length: Annotated[int, Field(ge=1, le=MAX_VALUE_LENGTH)] | None = None


_NO_CHOICE = FieldChoice()


def _read_fields(given: object) -> dict[str, FieldChoice]:
    if not isinstance(given, Mapping):
        raise PydanticCustomError("settings", "is a table with a table for each field")
    read: dict[str, FieldChoice] = {}
    faults: list[InitErrorDetails] = []
    for name, value in given.items():
        choice, found = _read_partly(FieldChoice, value, name)
        found += [_fault((name, *loc), message, None) for loc, message in _field_faults(name, choice)]
        faults += found
        if not found and (kept := _without_defaults(name, choice)) is not None:
            read[name] = kept
    own = [name for name in given if name not in CATALOGUE]
    if len(own) > MAX_OWN_FIELDS:
        faults.append(
            _fault((), f"has {len(own)} fields of your own ({', '.join(own)}), and {MAX_OWN_FIELDS} are the most", None)
        )
    _refuse(faults)
    return read


def _without_defaults(name: str, choice: FieldChoice) -> FieldChoice | None:
    """Return what differs from the defaults, None where nothing does."""
    known = CATALOGUE.get(name, OWN)
    same: dict[str, None] = {
        key: None for key in ("show", "section", "position") if getattr(choice, key) == getattr(known, key)
    }
    if choice.max_length == MAX_VALUE_LENGTH:
        same["max_length"] = None
    kept = choice.model_copy(update=same)
    return kept if kept != _NO_CHOICE else None


def _field_faults(name: str, choice: FieldChoice) -> Iterator[tuple[tuple[str | int, ...], str]]:
    known = CATALOGUE.get(name)
    if known is None:
        if not OWN_NAME.fullmatch(name):
            yield (), "is named with 1 to 40 small letters, digits and underscores, a letter first"
        nearest = difflib.get_close_matches(name, CATALOGUE, n=1, cutoff=0.8)
        if choice.type is None:
            hint = f"; did you mean {nearest[0]}?" if nearest else ""
            yield ("type",), f"is missing: a field of your own has one of {', '.join(get_args(FieldType))}{hint}"
        if not choice.label:
            yield ("label",), "is missing: a field of your own has a name in one language at least"
    else:
        for key in ("type", "choices", "max_length"):
            if getattr(choice, key):
                yield (key,), "is for fields of your own; this one is the portal's"
        if choice.section is not None and choice.section != known.section and not known.is_context:
            yield ("section",), f"is always {known.section}"
        if choice.show == "required" and not known.can_be_required:
            yield ("show",), "is hidden, view or edit: this one is never empty"
    if choice.choices and choice.type != "choice":
        yield ("choices",), 'is for the type "choice"'
    if choice.type == "choice" and len(set(choice.choices)) < 2:
        yield ("choices",), "has at least two different texts"
    if not all(map(_is_line, choice.choices)):
        yield ("choices",), f"has texts of 1 to {MAX_LABEL} characters, without blanks at their ends or two in a row"
    if choice.max_length is not None and choice.type != "text":
        yield ("max_length",), 'is for the type "text"'


Fields = Annotated[dict[str, FieldChoice], WrapValidator(lambda given, _: _read_fields(given))]


class Languages(_Section):
    """The languages that customers are offered, as BCP 47 writes them; none is all that the portal has."""

    offered: Annotated[tuple[str, ...], Field(strict=False)] = ()


def _read_countries(given: object) -> dict[str, str]:
    """Return texts by country (ISO 3166, capitals)."""
    if not isinstance(given, Mapping):
        raise PydanticCustomError("settings", "is a table with a language for each country")
    faults = []
    for country, language in given.items():
        if not is_country(str(country)):
            faults.append(_fault((country,), "is not a country code of ISO 3166 such as CM", language))
        if not isinstance(language, str):
            faults.append(_fault((country,), "is a text in quotation marks", language))
    _refuse(faults)
    return dict(given)


class Documents(_Section):
    """Papers: `languages` by the country of the customer, where its tax office wants one; the others speak the customer's."""

    languages: Annotated[dict[str, str], WrapValidator(lambda given, _: _read_countries(given))] = Field(
        default_factory=dict
    )


class MerchantSettings(_Section):
    """All that a merchant decides. Every key has a default, so that a merchant that decided nothing has the whole of it."""

    version: Literal[1] = VERSION
    pages: Pages = Pages()
    fields: Fields = Field(default_factory=dict)
    amounts: Amounts = Amounts()
    notices: Notices = Notices()
    documents: Documents = Documents()
    languages: Languages = Languages()

    @cached_property
    def context_fields(self) -> tuple[ContextField, ...]:
        """Every detail of a customer, as the merchant wants it, in the order in which they are shown; hidden ones too."""
        chosen = [
            _in_force(name, self.fields.get(name, _NO_CHOICE))
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
        )


def read_document(document: Mapping[str, Any], *, languages: Collection[str]) -> MerchantSettings:
    """Return the settings of a document, keys that are absent at their defaults. `languages` are those that the portal has.

    Raises InvalidSettings with all faults, by path.
    """
    try:
        # As JSON: there lists are tuples and nothing else is converted (a text is no number, a number no yes).
        settings = MerchantSettings.model_validate_json(json.dumps(document, default=str))
    except ValidationError as error:
        raise InvalidSettings(_faults(error)) from None
    named = {f"languages.offered.{place}": name for place, name in enumerate(settings.languages.offered)}
    named |= {f"documents.languages.{country}": name for country, name in settings.documents.languages.items()}
    known = ", ".join(sorted(languages))
    faults = [Fault(path, f"{name} is not one of {known}") for path, name in named.items() if name not in languages]
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
    document["fields"] = {field.name: _write_field(field) for field in settings.context_fields}
    return document


_DEFAULT = MerchantSettings()


@lru_cache(maxsize=1024)
def _read_text(stored: str) -> MerchantSettings:
    document, ignored = json.loads(stored), []
    while isinstance(document, dict) and document:
        try:
            settings = MerchantSettings.model_validate_json(json.dumps(document))
        except ValidationError as error:
            ignored += [f"{path}: {message}" for path, message in _faults(error)]
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


def _in_force(name: str, choice: FieldChoice) -> ContextField:
    """Return a field as it is shown: what was chosen, the rest as the catalogue has it; a field of the merchant's own comes last."""
    known = CATALOGUE.get(name, OWN)
    return ContextField(
        name=name,
        section=choice.section or known.section,
        position=choice.position or known.position,
        show=choice.show or known.show,
        type=choice.type or known.type,
        is_context=known.is_context,
        label=choice.label,
        choices=choice.choices,
        max_length=choice.max_length or MAX_VALUE_LENGTH,
    )


def _write_field(field: ContextField) -> dict[str, Any]:
    written: dict[str, Any] = {"show": field.show, "section": field.section, "position": field.position}
    if field.label:
        written["label"] = dict(field.label)
    if field.is_own:
        written["type"] = field.type
    if field.choices:
        written["choices"] = list(field.choices)
    if field.is_own and field.type == "text":
        written["max_length"] = field.max_length
    return written


_SENTENCES = {
    "missing": "is missing",
    "bool_type": "is true or false",
    "string_type": "is a text in quotation marks",
    "int_type": "is a whole number",
    "int_from_float": "is a whole number",
    "list_type": "is a list",
    "tuple_type": "is a list",
    "dict_type": "is a table",
    "model_type": "is a table",
    "model_attributes_type": "is a table",
}


def _faults(error: ValidationError) -> list[Fault]:
    return sorted(
        {Fault(".".join(map(str, found["loc"])), _message(found)) for found in error.errors(include_url=False)}
    )


def _message(found: ErrorDetails) -> str:
    """Return what is wrong with a value, in words that follow its path."""
    kind, context = found["type"], found.get("ctx", {})
    if kind == "settings":
        return str(context["message"]) if "message" in context else found["msg"]
    if kind == "literal_error":
        return f"is one of {context['expected']}".replace("'", '"')
    if kind == "extra_forbidden":
        return "is not a key here" + _nearest(found["loc"])
    if kind == "too_long":
        return f"has {context['max_length']} entries at most"
    if kind in ("greater_than_equal", "less_than_equal"):
        return f"is {'at least' if kind.startswith('g') else 'at most'} {context.get('ge', context.get('le'))}"
    return _SENTENCES.get(kind, found["msg"])


def _nearest(loc: tuple[str | int, ...]) -> str:
    """Return the keys that there are beside an unknown one, the nearest first."""
    model: type[BaseModel] = MerchantSettings
    for name in loc[:-1]:
        below = model.model_fields.get(str(name))
        if below is None or not isinstance(below.annotation, type) or not issubclass(below.annotation, BaseModel):
            return ""
        model = below.annotation
    nearest = difflib.get_close_matches(str(loc[-1]), model.model_fields, n=1)
    return f"; did you mean {nearest[0]}?" if nearest else f"; there are {', '.join(model.model_fields)}"
