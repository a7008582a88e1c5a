"""What a merchant decides about each detail of its customers, as the settings document has it (`[fields]`); pure."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, get_args

from pydantic import Field, WrapValidator
from pydantic_core import InitErrorDetails, PydanticCustomError

from portal.contacts import ContactRefused, is_blank, normalise_name
from portal.merchants.errors import InvalidMerchant
from portal.merchants.rules.context_fields import (
    CATALOGUE,
    MAX_CHOICES,
    MAX_LABEL,
    MAX_OWN_FIELDS,
    MAX_VALUE_LENGTH,
    OWN,
    OWN_NAME,
    ContextField,
    FieldSection,
    FieldType,
    Show,
)
from portal.merchants.rules.merchants import checked_locale
from portal.merchants.rules.settings_faults import Section, fault_at, read_partly, refuse


def _read_labels(given: object) -> dict[str, str]:
    """Return labels by language, as a merchant writes them."""
    if not isinstance(given, Mapping):
        raise PydanticCustomError("settings", "is a table with a text for each language")
    faults = []
    for locale, text in given.items():
        try:
            if checked_locale(locale) != locale:
                faults.append(fault_at((locale,), f"is written {checked_locale(locale)}", text))
        except InvalidMerchant as fault:
            faults.append(fault_at((locale,), str(fault), text))
        if not _is_line(text):
            faults.append(fault_at((locale,), f"is a text of 1 to {MAX_LABEL} characters", text))
    refuse(faults)
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


class FieldChoice(Section):
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


NO_CHOICE = FieldChoice()


def _read_fields(given: object) -> dict[str, FieldChoice]:
    if not isinstance(given, Mapping):
        raise PydanticCustomError("settings", "is a table with a table for each field")
    read: dict[str, FieldChoice] = {}
    faults: list[InitErrorDetails] = []
    for name, value in given.items():
        choice, found = read_partly(FieldChoice, value, name)
        found += [fault_at((name, *loc), message, None) for loc, message in _field_faults(name, choice)]
        faults += found
        if not found and (kept := _without_defaults(name, choice)) is not None:
            read[name] = kept
    own = [name for name in given if name not in CATALOGUE]
    if len(own) > MAX_OWN_FIELDS:
        faults.append(
            fault_at(
                (), f"has {len(own)} fields of your own ({', '.join(own)}), and {MAX_OWN_FIELDS} are the most", None
            )
        )
    refuse(faults)
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
    return kept if kept != NO_CHOICE else None


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


def in_force(name: str, choice: FieldChoice) -> ContextField:
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


def write_field(field: ContextField) -> dict[str, Any]:
    """Return a field as the document has it, defaults included."""
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
