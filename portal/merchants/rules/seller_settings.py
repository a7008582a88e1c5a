"""What a merchant's e-invoices say of it (`[seller]` of the settings document); pure."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator
from pydantic_core import PydanticCustomError

from portal.contacts import ContactRefused, normalise_name
from portal.countries import is_country
from portal.merchants.rules.settings_faults import Section
from portal.vat_numbers import is_vat_number

MAX_NUMBER = 70
MAX_EXEMPTION = 255


def _country(text: str) -> str:
    return _kept(text, is_country(text), "is not a country code of ISO 3166 such as FR")


def _vat_number(text: str) -> str:
    return _kept(
        text, is_vat_number(text), "is not a number for value added tax such as DE136695976, its country before it"
    )


def _number(text: str) -> str:
    return _kept(text, _is_line(text, MAX_NUMBER), f"is one line of at most {MAX_NUMBER} characters")


def _exemption(text: str) -> str:
    return _kept(text, _is_line(text, MAX_EXEMPTION), f"is one line of at most {MAX_EXEMPTION} characters")


def _kept(text: str, is_valid: bool, message: str) -> str:
    if text and not is_valid:
        raise PydanticCustomError("settings", "{message}", {"message": message})
    return text


def _is_line(text: str, longest: int) -> bool:
    try:
        return len(text) <= longest and normalise_name(text) == text
    except ContactRefused:
        return False


class Seller(Section):
    """The merchant as e-invoices name it, beside its legal name and address; each "" where there is none.

    `vat_number` begins with its country; `tax_number` is one of another form, `registration_number` that of the trade register;
    `exemption` is why lines without tax bear none, in the words that the tax office wants.
    """

    country: Annotated[str, AfterValidator(_country)] = ""
    vat_number: Annotated[str, AfterValidator(_vat_number)] = ""
    tax_number: Annotated[str, AfterValidator(_number)] = ""
    registration_number: Annotated[str, AfterValidator(_number)] = ""
    exemption: Annotated[str, AfterValidator(_exemption)] = ""
